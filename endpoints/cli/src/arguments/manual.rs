//! `ropewalk completions` and `ropewalk man`, as clap reads them.
//!
//! Invariant: the shells are those that clap_complete knows.

use clap::Args;
use clap_complete::Shell;

use super::Help;

/// What the long help of `completions` begins with.
pub(super) const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  ropewalk completions bash > /etc/bash_completion.d/ropewalk
  ropewalk completions fish > ~/.config/fish/completions/ropewalk.fish";

/// What the long help of `man` begins with.
pub(super) const MAN_EXAMPLES: &str = "\
Examples:
  ropewalk man | man -l -
  ropewalk man relay > /usr/local/share/man/man1/ropewalk-relay.1";

/// `ropewalk completions`
#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
    #[command(flatten)]
    help: Help,
}

/// `ropewalk man`
#[derive(Args, Debug)]
pub(crate) struct ManPage {
    /// The subcommand; else the command itself
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Option<String>,
    #[command(flatten)]
    help: Help,
}
