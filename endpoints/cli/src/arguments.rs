//! The command line, as clap reads it.
//!
//! Invariant: of endpoints the grammar is checked here; the registry does the rest.

use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand};

use ::endpoints::{BadDuration, ClientString, ServerString, UnixServerConfig, parse_duration};

mod activate;
mod check;
mod endpoints;
mod manual;
mod pipe;
mod probe;
mod reporting;
mod run_file;
mod serve;

pub(crate) use activate::{Activate, ActivateConnection, Variable};
pub(crate) use check::Check;
pub(crate) use endpoints::{CompleteEndpoint, Endpoints};
pub(crate) use manual::{Completions, ManPage};
pub(crate) use pipe::Pipe;
pub(crate) use probe::Probe;
pub(crate) use reporting::{LogOptions, Reporting};
pub(crate) use run_file::RunFile;
pub(crate) use serve::{Serve, Service};

/// One command for both sides of any connection.
#[derive(Debug, Parser)]
#[command(
    name = "ropewalk",
    version,
    term_width = 80,
    about = "Serve, relay, pipe, probe and check any endpoint",
    before_long_help = "\
Examples:
  ropewalk serve echo tcp:7 unix:/run/echo.sock
  ropewalk relay tcp:8080 tls:example.com:443
  ropewalk pipe tcp:example.com:80 < request > answer",
    after_long_help = "\
Listen on:  tcp:PORT[:interface=ADDRESS]  unix:PATH  ssl:PORT:privateKey=FILE
Connect to: tcp:HOST:PORT  unix:PATH  tls:HOST:PORT

Exit codes: 0 done, 64 wrong usage, 69 unavailable, 75 cut, 77 not permitted
More: COMMAND --help, man [COMMAND], completions SHELL, --version",
    disable_help_subcommand = true,
    disable_help_flag = true,
    disable_version_flag = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    help: Help,
    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version, hide_long_help = true)]
    version: Option<bool>,
}

/// `-h` and `--help`; hidden in the long help, which its reader has found already.
#[derive(Args, Clone, Copy, Debug)]
struct Help {
    /// Print help; --help has examples
    #[arg(short = 'h', long, action = ArgAction::Help, hide_long_help = true)]
    help: Option<bool>,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve one protocol on one or several endpoints
    #[command(
        disable_help_flag = true,
        before_long_help = serve::EXAMPLES,
        after_long_help = serve::HELP
    )]
    Serve(Serve),
    /// Join every connection accepted to a new one, both ways
    #[command(
        disable_help_flag = true,
        before_long_help = "\
Examples:
  ropewalk relay tcp:80 ssl:443:privateKey=k.pem tcp:a:80 --backup tcp:b:80",
        after_long_help = "\
Options; a TIME is 500ms, 30s, 2m or 1h, and 0 is no limit:
      --backup CONNECT           Connect there if all before it fail, in order
      --idle-timeout TIME        End a pair that is silent both ways: 1h
      --half-close-timeout TIME  End it when one way has ended: 60s
      --connect-timeout TIME     Try one address, unless timeout= says: 10s
      --retry TIME               Try again while CONNECT is not up, 0 is no: 1s
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
  --upgrade unix:PATH. A TLS handshake may take 10s."
    )]
    Relay(Relay),
    /// Join standard input and output to a connection
    #[command(
        disable_help_flag = true,
        before_long_help = pipe::EXAMPLES,
        after_long_help = pipe::HELP
    )]
    Pipe(Pipe),
    /// Say what an endpoint means, without opening anything
    #[command(
        disable_help_flag = true,
        before_long_help = check::EXAMPLES,
        after_long_help = check::HELP
    )]
    Check(Check),
    /// Connect once, and say what that went through
    #[command(
        disable_help_flag = true,
        before_long_help = probe::EXAMPLES,
        after_long_help = probe::HELP
    )]
    Probe(Probe),
    /// Run several services from one file
    #[command(
        disable_help_flag = true,
        before_long_help = run_file::EXAMPLES,
        after_long_help = run_file::HELP
    )]
    Run(RunFile),
    /// Listen, and hand the sockets to a program when a client comes
    #[command(
        disable_help_flag = true,
        before_long_help = activate::EXAMPLES,
        after_long_help = activate::HELP
    )]
    Activate(Activate),
    /// List the kinds of endpoints, with arguments, defaults and examples
    #[command(
        disable_help_flag = true,
        before_long_help = endpoints::EXAMPLES,
        after_long_help = endpoints::HELP
    )]
    Endpoints(Endpoints),
    /// Complete an endpoint string
    #[command(hide = true, disable_help_flag = true)]
    CompleteEndpoint(CompleteEndpoint),
    /// Become the program of a connection
    #[command(hide = true, disable_help_flag = true)]
    ActivateConnection(ActivateConnection),
    /// Print the completions of the command line for a shell
    #[command(hide = true, disable_help_flag = true)]
    #[command(before_long_help = manual::COMPLETIONS_EXAMPLES)]
    Completions(Completions),
    /// Print the manual page of the command, or of one of these
    #[command(hide = true, disable_help_flag = true, before_long_help = manual::MAN_EXAMPLES)]
    Man(ManPage),
}

/// `ropewalk relay`
#[derive(Args, Debug)]
pub(crate) struct Relay {
    /// Where to listen
    #[arg(required = true, value_name = "LISTEN", hide_long_help = true)]
    pub(crate) listen: Vec<ServerString>,
    /// Where to connect to
    #[arg(value_name = "CONNECT", hide_long_help = true)]
    pub(crate) connect: ClientString,
    /// Where to connect to when that fails, and all backups before it
    #[arg(long, value_name = "CONNECT", hide_long_help = true)]
    pub(crate) backup: Vec<ClientString>,
    /// Time that both ways may be silent; else 1h
    #[arg(
        long,
        alias = "idle",
        value_name = "TIME",
        default_value = "1h",
        hide_default_value = true
    )]
    #[arg(value_parser = Limit::parse, hide_long_help = true)]
    pub(crate) idle_timeout: Limit,
    /// Time for silence when one way has ended; else 60s
    #[arg(long, value_name = "TIME", default_value = "60s", hide_default_value = true)]
    #[arg(value_parser = Limit::parse, hide_long_help = true)]
    pub(crate) half_close_timeout: Limit,
    /// Time to connect to one address; else 10s
    #[arg(long, value_name = "TIME", default_value = "10s", hide_default_value = true)]
    #[arg(value_parser = Limit::parse, hide_long_help = true)]
    pub(crate) connect_timeout: Limit,
    /// Time to try again while CONNECT is not up; else 1s
    #[arg(long, value_name = "TIME", default_value = "1s", hide_default_value = true)]
    #[arg(value_parser = Limit::parse, hide_long_help = true)]
    pub(crate) retry: Limit,
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

/// The options that keep peers in bounds.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Peers {
    /// Time after which a silent peer is probed; else 60s
    #[arg(long, value_name = "TIME", default_value = "60s", hide_default_value = true)]
    #[arg(value_parser = Limit::parse, hide_long_help = true)]
    pub(crate) keep_alive: Limit,
    /// Connections at a time; else what the descriptors allow
    #[arg(long, value_name = "N", default_value = "0", hide_default_value = true)]
    #[arg(value_parser = parse_connections, hide_long_help = true)]
    pub(crate) max_connections: usize,
    /// Connections of one address at a time; else no limit
    #[arg(long, value_name = "N", default_value = "0", hide_default_value = true)]
    #[arg(value_parser = parse_connections, hide_long_help = true)]
    pub(crate) max_per_peer: usize,
    /// Bytes that wait for all slow readers together; else 1G
    #[arg(long, value_name = "BYTES", default_value = "1G", hide_default_value = true)]
    #[arg(value_parser = parse_bytes, hide_long_help = true)]
    pub(crate) max_unsent: usize,
    /// Bytes a second of a connection, each way; else no limit
    #[arg(long, value_name = "BYTES", default_value = "0", hide_default_value = true)]
    #[arg(value_parser = parse_bytes, hide_long_help = true)]
    pub(crate) rate: usize,
    /// Time after which a connection ends, whatever passes; else no limit
    #[arg(long, alias = "total", value_name = "TIME", default_value = "0")]
    #[arg(hide_default_value = true, value_parser = Limit::parse, hide_long_help = true)]
    pub(crate) total_timeout: Limit,
}

/// The option for another version of the command.
#[derive(Args, Clone, Debug)]
pub(crate) struct Upgrading {
    /// Where to take the sockets of a version that runs, which ends then, and to give them to the next
    #[arg(long, value_name = "LISTEN", hide_long_help = true)]
    pub(crate) upgrade: Option<UnixServerConfig>,
}

/// The option for several threads.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Workers {
    /// Threads that share the connections, 0 for one a core; else 1
    #[arg(long = "workers", value_name = "N", default_value = "1", hide_default_value = true)]
    #[arg(value_parser = parse_workers, hide_long_help = true)]
    pub(crate) number: usize,
    /// Each of them on a core of its own
    #[arg(long, hide_long_help = true)]
    pub(crate) pin_workers: bool,
}

/// The most workers: more than any machine has cores.
const WORKERS_MAX: usize = 1024;

fn parse_workers(text: &str) -> Result<usize, String> {
    parse_number(text, WORKERS_MAX)
}

fn parse_connections(text: &str) -> Result<usize, String> {
    parse_number(text, usize::MAX)
}

/// Reads a number of bytes, with `K`, `M` or `G` for units of 1024.
fn parse_bytes(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(['K', 'M', 'G']);
    let unit = match &text[digits.len()..] {
        "" => Some(1),
        "K" => Some(1 << 10),
        "M" => Some(1 << 20),
        "G" => Some(1 << 30),
        _ => None,
    };
    let number = parse_number(digits, usize::MAX).ok();
    let bytes = number.zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
    bytes.ok_or_else(|| "expected a number of bytes, as in 65536, 64K, 512M or 1G".into())
}

/// Reads digits, without a sign or space.
fn parse_number(text: &str, most: usize) -> Result<usize, String> {
    let all_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| all_digits && *number <= most);
    number.ok_or_else(|| format!("expected a number from 0 to {most}"))
}

/// The options of a server's shutdown.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Stopping {
    /// Time for connections after SIGTERM or SIGINT; else 30s
    #[arg(long, value_name = "TIME", default_value = "30s", hide_default_value = true)]
    #[arg(value_parser = parse_duration, hide_long_help = true)]
    pub(crate) grace: Duration,
    /// Time to accept more after SIGTERM or SIGINT; else 0
    #[arg(long, value_name = "TIME", default_value = "0", hide_default_value = true)]
    #[arg(value_parser = parse_duration, hide_long_help = true)]
    pub(crate) drain_delay: Duration,
    /// Time without a connection after which to end; else never
    #[arg(long, value_name = "TIME", default_value = "0", hide_default_value = true)]
    #[arg(value_parser = Limit::parse, hide_long_help = true)]
    pub(crate) exit_idle: Limit,
}

/// A time limit, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit(pub(crate) Option<Duration>);

impl Limit {
    /// Reads a time; nothing is no limit.
    fn parse(text: &str) -> Result<Self, BadDuration> {
        parse_duration(text).map(|time| Self(Some(time).filter(|time| !time.is_zero())))
    }
}

#[cfg(test)]
mod tests;
