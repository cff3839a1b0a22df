//! The options of the load's tasks.
//!
//! Invariant: a task ignores the options that it does not use.

use std::error::Error;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::*;

/// The side that closes a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closes {
    Client,
    Server,
}

#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The port of the server on 127.0.0.1.
    pub(crate) server: SocketAddr,
    /// The server's process, whose processor time is read.
    pub(crate) pid: u32,
    pub(crate) connections: usize,
    /// The size of one message.
    pub(crate) bytes: usize,
    pub(crate) warm_up: Duration,
    pub(crate) time: Duration,
    /// The directory with the server's certificate, for TLS.
    pub(crate) tls: Option<PathBuf>,
    /// Whether handshakes after the first resume its session.
    pub(crate) resume: bool,
    pub(crate) closes: Closes,
}

pub(crate) fn parse(words: impl Iterator<Item = OsString>) -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        server: SocketAddr::from(([127, 0, 0, 1], 0)),
        pid: 0,
        connections: 1,
        bytes: 64,
        warm_up: Duration::from_millis(100),
        time: Duration::from_millis(500),
        tls: None,
        resume: false,
        closes: Closes::Client,
    };
    let mut parser = lexopt::Parser::from_args(words);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("port") => options.server.set_port(parser.value()?.parse()?),
            Long("pid") => options.pid = parser.value()?.parse()?,
            Long("connections") => options.connections = parser.value()?.parse()?,
            Long("bytes") => options.bytes = parser.value()?.parse()?,
            Long("warm-up") => options.warm_up = milliseconds(parser.value()?.parse()?),
            Long("time") => options.time = milliseconds(parser.value()?.parse()?),
            Long("tls") => options.tls = Some(parser.value()?.into()),
            Long("resume") => options.resume = true,
            Long("server-closes") => options.closes = Closes::Server,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(options)
}

fn milliseconds(number: u64) -> Duration {
    Duration::from_millis(number)
}
