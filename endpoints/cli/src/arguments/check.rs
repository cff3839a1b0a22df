//! `ropewalk check`, as clap reads it.
//!
//! Invariant: the help tells each option, and the form of the JSON.

use clap::Args;

use super::Help;

/// What the long help begins with.
pub(super) const EXAMPLES: &str = "\
Examples:
  ropewalk check tcp:8080:interface=127.0.0.1
  ropewalk check --client tls:example.com:443 --json";

/// What the long help ends with.
pub(super) const HELP: &str = "\
Options:
      --server  Check it as something to listen on
      --client  Check it as something to connect to
      --json    Print one line of JSON, the keys always in this order

  {\"ok\":true,\"side\":\"server\",\"other_side\":null,\"kind\":\"tcp\",
   \"arguments\":{\"port\":80,…},\"layers\":[\"tcp\"]}
  {\"ok\":false,\"offset\":4,\"message\":\"…\",\"suggestion\":\"…\"}
Numbers are numbers, switches true or false, modes text in octal, times seconds,
what is absent null, all else text. Layers go from the application to the wire.
The offset counts bytes; no suggestion is null. The exit code is 0 or 64.";

/// `ropewalk check`
#[derive(Args, Debug)]
pub(crate) struct Check {
    /// The string to check, as a server or else as a client
    #[arg(value_name = "ENDPOINT")]
    pub(crate) endpoint: String,
    /// Check it as something to connect to
    #[arg(long, conflicts_with = "server", hide_long_help = true)]
    pub(crate) client: bool,
    /// Check it as something to listen on
    #[arg(long, hide_long_help = true)]
    pub(crate) server: bool,
    /// Print JSON
    #[arg(long, hide_long_help = true)]
    pub(crate) json: bool,
    #[command(flatten)]
    help: Help,
}
