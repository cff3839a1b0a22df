//! `ropewalk endpoints`, and the completion of endpoint strings, as clap reads them.
//!
//! Invariant: the help tells the columns, and the form of the JSON.

use std::ffi::OsString;

use clap::Args;

use super::Help;

/// What the long help begins with.
pub(super) const EXAMPLES: &str = "\
Examples:
  ropewalk endpoints
  ropewalk endpoints tcp
  ropewalk endpoints --json | jq '.kinds[].kind'";

/// What the long help ends with.
pub(super) const HELP: &str = "\
Without KIND every kind is listed with an example; with it, each argument: its
place by position, if it has one, its name, what it is without being given, and
the values that it takes. Others are given by name alone: name=value.

Options:
      --json  Print one line of JSON, the keys always in this order

  {\"kinds\":[{\"kind\":\"tcp\",\"side\":\"server\",\"wraps\":false,\"examples\":[…],
    \"arguments\":[{\"name\":\"port\",\"position\":1,\"needed\":true,\"default\":null,
      \"form\":\"a number from 0 to 65535\"},…]},…]}
What is absent is null. The exit code is 0, or 64 where there is no such KIND.";

/// `ropewalk endpoints`
#[derive(Args, Debug)]
pub(crate) struct Endpoints {
    /// The kind to tell about; else all
    #[arg(value_name = "KIND")]
    pub(crate) kind: Option<String>,
    /// Print JSON
    #[arg(long, hide_long_help = true)]
    pub(crate) json: bool,
    #[command(flatten)]
    help: Help,
}

/// What the scripts of [`Completions`](super::Completions) ask for endpoint strings.
#[derive(Args, Debug)]
pub(crate) struct CompleteEndpoint {
    /// The words of the command line behind the command's name, up to the one that is completed
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) words: Vec<OsString>,
}
