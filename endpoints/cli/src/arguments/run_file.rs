//! `ropewalk run`, as clap reads it.
//!
//! Invariant: the help has a whole file.

use std::path::PathBuf;

use clap::Args;

use super::{Help, LogOptions};

/// What the long help begins with.
pub(super) const EXAMPLES: &str = "\
Examples:
  ropewalk run /etc/ropewalk.toml
  ropewalk run --check /etc/ropewalk.toml";

/// What the long help ends with.
pub(super) const HELP: &str = "\
      --check            Say what is wrong with the file, and run nothing
      --log FORM         text, json, or auto: json but on a terminal; else text
      --log-level LEVEL  Tell info, warn and error lines, or fewer; else info

  [relay.web]
  listen = [\"tcp:80\", \"ssl:443:privateKey=/etc/site.pem\"]
  connect = \"tcp:10.0.0.1:80\"
  idle-timeout = \"5m\"

  [serve.echo]
  protocol = \"echo\"
  listen = \"unix:/run/echo.sock\"

Keys are the arguments and the options of relay and serve; a list is an option
given several times. SIGHUP reads the file again: a service that is as it was
runs on, new ones start, others drain. A wrong file is told and changes nothing.";

/// `ropewalk run`
#[derive(Args, Debug)]
pub(crate) struct RunFile {
    /// The file of services, in TOML
    #[arg(value_name = "FILE", hide_long_help = true)]
    pub(crate) file: PathBuf,
    /// Say what is wrong with the file, and run nothing
    #[arg(long, hide_long_help = true)]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) log: LogOptions,
    #[command(flatten)]
    help: Help,
}
