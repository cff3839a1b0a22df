//! `ropewalk probe`, as clap reads it.
//!
//! Invariant: the help tells each option with its default.

use clap::Args;
use endpoints::ClientString;

use super::{Help, Limit};

/// What the long help begins with.
pub(super) const EXAMPLES: &str = "\
Examples:
  ropewalk probe tls:example.com:443
  ropewalk probe tls:example.com:443 --valid-for 336h --json";

/// What the long help ends with.
pub(super) const HELP: &str = "\
Names are looked up, addresses are tried and TLS is spoken as relay and pipe do;
the connection is closed when it stands. Exit codes: 0 it stood, 69 it did not,
or the certificate ends too early.

Options; a TIME is 500ms, 30s, 2m or 1h:
      --connect-timeout TIME  Try one address, unless timeout= says: 10s
      --valid-for TIME        How long the certificate has to be valid: 0
      --json                  Print one line of JSON, keys always in this order

  {\"ok\":true,\"endpoint\":\"…\",\"layers\":[…],\"look_ups\":[…],\"attempts\":[…],
   \"peer\":\"…\",\"tls\":{…,\"chain\":[…]},\"seconds\":0.042,\"error\":null}
Times are seconds, those of certificates since 1970; what is absent is null.";

/// `ropewalk probe`
#[derive(Args, Debug)]
pub(crate) struct Probe {
    /// Where to connect to
    #[arg(value_name = "CONNECT", hide_long_help = true)]
    pub(crate) connect: ClientString,
    /// Time to connect to one address; else 10s
    #[arg(long, value_name = "TIME", default_value = "10s", hide_default_value = true)]
    #[arg(value_parser = Limit::parse, hide_long_help = true)]
    pub(crate) connect_timeout: Limit,
    /// Time that the certificate has to be valid; else 0
    #[arg(long, value_name = "TIME", default_value = "0", hide_default_value = true)]
    #[arg(value_parser = Limit::parse, hide_long_help = true)]
    pub(crate) valid_for: Limit,
    /// Print JSON
    #[arg(long, hide_long_help = true)]
    pub(crate) json: bool,
    #[command(flatten)]
    help: Help,
}
