//! `ropewalk serve`, as clap reads it.
//!
//! Invariant: the help tells each option with its default.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use endpoints::ServerString;

use super::{Help, Limit, Peers, Reporting, Stopping, Upgrading, Workers};

/// What the long help begins with.
pub(super) const EXAMPLES: &str = "\
Examples:
  ropewalk serve http-file --directory . tcp:8080 unix:/run/files.sock";

/// What the long help ends with.
pub(super) const HELP: &str = "\
PROTOCOL: echo, discard, chargen, daytime, time, qotd, http-file, redis, socks5

Options; a TIME is 500ms, 30s, 2m or 1h, and 0 is no limit:
      --first-byte-timeout TIME  End a connection that never sends a byte: 30s
      --idle-timeout TIME        End a connection that is silent: 5m
      --keep-alive TIME          Probe a silent peer, 4 times 15s apart: 60s
      --max-connections N        Let more wait: as many as the descriptors allow
      --max-per-peer N           Refuse more from one address: no limit
      --max-unsent BYTES         Cut the worst of slow readers, 0 is never: 1G
      --grace TIME               Wait after SIGTERM or SIGINT, 0 is none: 30s
      --drain-delay TIME         Accept for so long after the signal: 0
      --status LISTEN            Answer /live, /ready, /metrics, /agent in HTTP
      --workers N                Use N threads, --pin-workers each on a core: 1
Also: --log-connections --log FORM --log-level LEVEL --exit-idle TIME, see -h;
  --rate BYTES --total-timeout TIME --dump text|hex|pcap --dump-file FILE
  --directory DIR of http-file, --passwords FILE of socks5
  --upgrade unix:PATH. A TLS handshake may take 10s.";

/// `ropewalk serve`
#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// echo, discard, chargen, daytime, time (RFC 862, 863, 864, 867, 868), qotd (RFC 865), http-file, redis, socks5
    #[arg(hide_possible_values = true, hide_long_help = true)]
    pub(crate) protocol: Service,
    /// Where to listen
    #[arg(required = true, value_name = "LISTEN", hide_long_help = true)]
    pub(crate) listen: Vec<ServerString>,
    /// The directory whose files http-file serves
    #[arg(long, value_name = "DIR", required_if_eq("protocol", "http-file"))]
    #[arg(hide_long_help = true)]
    pub(crate) directory: Option<PathBuf>,
    /// A file with NAME:PASSWORD on each line, which socks5 asks for; else every client may use it
    #[arg(long, value_name = "FILE", hide_long_help = true)]
    pub(crate) passwords: Option<PathBuf>,
    /// Time for the first byte; else 30s
    #[arg(long, value_name = "TIME", default_value = "30s", hide_default_value = true)]
    #[arg(value_parser = Limit::parse, hide_long_help = true)]
    pub(crate) first_byte_timeout: Limit,
    /// Time that a connection may be silent; else 5m
    #[arg(long, value_name = "TIME", default_value = "5m", hide_default_value = true)]
    #[arg(value_parser = Limit::parse, hide_long_help = true)]
    pub(crate) idle_timeout: Limit,
    #[command(flatten)]
    pub(crate) peers: Peers,
    #[command(flatten)]
    pub(crate) stopping: Stopping,
    #[command(flatten)]
    pub(crate) reporting: Reporting,
    #[command(flatten)]
    pub(crate) upgrading: Upgrading,
    #[command(flatten)]
    pub(crate) workers: Workers,
    #[command(flatten)]
    help: Help,
}

/// The protocols that can be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Service {
    /// Sends back what it gets (RFC 862)
    Echo,
    /// Throws away what it gets (RFC 863)
    Discard,
    /// Sends lines for as long as they are read (RFC 864)
    Chargen,
    /// Sends the date and time, and closes (RFC 867)
    Daytime,
    /// Sends the time as a number, and closes (RFC 868)
    Time,
    /// Sends a text, and closes (RFC 865)
    Qotd,
    /// Sends the files of a directory over HTTP/1.0 (RFC 1945)
    HttpFile,
    /// Keeps texts in memory, over the protocol of Redis
    Redis,
    /// Connects to where its clients say (RFC 1928), also of SOCKS 4 and 4a
    Socks5,
}
