//! `ropewalk activate`, as clap reads it.
//!
//! Invariant: the help tells each option with its default.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use clap::Args;

use super::{Help, parse_connections};
use crate::activate::{NamedListen, SocketName};

/// What the long help begins with.
pub(super) const EXAMPLES: &str = "\
Examples:
  ropewalk activate -l tcp:8080=web -l unix:/run/a.sock=admin -- ./server
  ropewalk activate --accept --inetd -l tcp:7007:interface=127.0.0.1 -- cat";

/// What the long help ends with.
pub(super) const HELP: &str = "\
PROGRAM gets the sockets from descriptor 3 on, with LISTEN_FDS, LISTEN_PID and
LISTEN_FDNAMES (sd_listen_fds(3)), as from systemd-socket-activate(1). It takes
the place of this command, with its number, when the first client connects.

Options:
  -l, --listen LISTEN[=NAME]  Listen there; NAME is unknown unless it is given
      --fdname NAMES          The names, with colons between, in that order
      --now                   Start PROGRAM without waiting for a client
  -a, --accept                Start one for each connection, which it gets as 3
      --inetd                 Give it as standard input and output instead of 3
      --max-connections N     With --accept, let more wait: 64, 0 is no limit
  -E, --setenv VAR=VALUE      Add it to the environment, which PROGRAM inherits
With --accept, SIGTERM and SIGINT are handed on, and the command ends with the
last PROGRAM; the second one ends it now.";

/// `ropewalk activate`
#[derive(Args, Debug)]
pub(crate) struct Activate {
    /// Where to listen, and the name of the socket
    #[arg(short, long, required = true, value_name = "LISTEN", hide_long_help = true)]
    #[arg(value_parser = NamedListen::parse)]
    pub(crate) listen: Vec<NamedListen>,
    /// The names of the sockets, in order, with colons between
    #[arg(long, value_name = "NAMES", value_delimiter = ':', hide_long_help = true)]
    #[arg(value_parser = SocketName::parse)]
    pub(crate) fdname: Vec<SocketName>,
    /// Start the program without waiting for a client
    #[arg(long, conflicts_with = "accept", hide_long_help = true)]
    pub(crate) now: bool,
    /// Start one program for each connection
    #[arg(short, long, hide_long_help = true)]
    pub(crate) accept: bool,
    /// Give the socket as standard input and output
    #[arg(long, hide_long_help = true)]
    pub(crate) inetd: bool,
    /// Programs at a time, with --accept; else 64
    #[arg(long, value_name = "N", default_value = "64", hide_default_value = true)]
    #[arg(value_parser = parse_connections, hide_long_help = true)]
    pub(crate) max_connections: usize,
    /// Add a variable to the environment of the program
    #[arg(short = 'E', long, value_name = "VAR=VALUE", hide_long_help = true)]
    #[arg(value_parser = Variable::parser())]
    pub(crate) setenv: Vec<Variable>,
    /// The program and its arguments
    #[arg(value_name = "PROGRAM", required = true, hide_long_help = true)]
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) program: Vec<OsString>,
    #[command(flatten)]
    help: Help,
}

/// The command again, as the process that becomes the program of one connection.
#[derive(Args, Debug)]
pub(crate) struct ActivateConnection {
    /// The name of the socket, which is descriptor 3; else it is standard input and output
    #[arg(long)]
    pub(crate) fdname: Option<String>,
    /// A variable for the program
    #[arg(long, value_parser = Variable::parser())]
    pub(crate) setenv: Vec<Variable>,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) program: Vec<OsString>,
}

/// A variable of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) name: OsString,
    pub(crate) value: OsString,
}

impl Variable {
    /// A variable of a name that is text.
    pub(crate) fn new(name: &str, value: impl Into<OsString>) -> Self {
        Self { name: name.into(), value: value.into() }
    }

    fn parser() -> impl clap::builder::TypedValueParser<Value = Self> {
        use clap::builder::TypedValueParser as _;
        clap::builder::OsStringValueParser::new().try_map(|text| Self::parse(&text))
    }

    /// Reads `VAR=VALUE`, or `VAR` with the value that it has here, which may be none: then it is empty.
    fn parse(text: &OsStr) -> Result<Self, String> {
        let bytes = text.as_bytes();
        let end = bytes.iter().position(|byte| *byte == b'=');
        let name = OsStr::from_bytes(&bytes[..end.unwrap_or(bytes.len())]).to_owned();
        if name.is_empty() || bytes.contains(&0) {
            return Err("expected a variable, as in LANG=C, or its name".into());
        }
        let value = match end {
            Some(end) => OsStr::from_bytes(&bytes[end + 1..]).to_owned(),
            None => std::env::var_os(&name).unwrap_or_default(),
        };
        Ok(Self { name, value })
    }

    /// As [`parse`](Self::parse) reads it.
    pub(crate) fn text(&self) -> OsString {
        let parts = [self.name.as_bytes(), b"=", self.value.as_bytes()];
        OsString::from_vec(parts.concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_read_as_it_is_written() {
        for (text, name, value) in [
            ("A=b", "A", "b"),
            ("A=", "A", ""),
            ("A=b=c", "A", "b=c"),
            ("ROPEWALK_NONE", "ROPEWALK_NONE", ""),
        ] {
            let variable = Variable::parse(OsStr::new(text)).unwrap();
            assert_eq!(variable, Variable::new(name, value), "{text}");
            assert_eq!(Variable::parse(&variable.text()), Ok(variable));
        }
        for wrong in ["", "=b", "A\0=b"] {
            assert!(Variable::parse(OsStr::new(wrong)).is_err(), "{wrong:?}");
        }
    }
}
