//! `ropewalk pipe`, as clap reads it.
//!
//! Invariant: the help tells each option with its default.

use clap::Args;
use endpoints::ClientString;

use super::{Help, Limit};

/// What the long help begins with.
pub(super) const EXAMPLES: &str = "\
Examples:
  ropewalk pipe tcp:example.com:13
  ropewalk pipe tls:example.com:443 < request > answer";

/// What the long help ends with.
pub(super) const HELP: &str = "\
The end of the input half-closes the connection. The command ends when the peer
has closed and all that came from it is written: 0 after a clean end, 69 after
any other.

Options; a TIME is 500ms, 30s, 2m or 1h, and 0 is no limit:
      --no-half-close            Leave the connection open when the input ends
      --receive-only             Read no input, and leave the connection open
      --send-only                Drop what the peer sends, close after the input
      --half-close-timeout TIME  Wait for input when the peer has ended: 1s";

/// `ropewalk pipe`
#[derive(Args, Debug)]
pub(crate) struct Pipe {
    /// Where to connect to
    #[arg(value_name = "CONNECT", hide_long_help = true)]
    pub(crate) connect: ClientString,
    /// Leave the connection open when the input ends
    #[arg(long, alias = "no-shutdown", hide_long_help = true)]
    pub(crate) no_half_close: bool,
    /// Read no input, and leave the connection open
    #[arg(long, alias = "no-stdin", alias = "recv-only", conflicts_with = "send_only")]
    #[arg(hide_long_help = true)]
    pub(crate) receive_only: bool,
    /// Drop what the peer sends, and close when the input ends
    #[arg(long, conflicts_with = "no_half_close", hide_long_help = true)]
    pub(crate) send_only: bool,
    /// Time for silence of the input when the peer has ended; else 1s
    #[arg(long, value_name = "TIME", default_value = "1s", hide_default_value = true)]
    #[arg(value_parser = Limit::parse, hide_long_help = true)]
    pub(crate) half_close_timeout: Limit,
    #[command(flatten)]
    help: Help,
}
