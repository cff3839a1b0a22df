//! Readiness as a poll reports it: [`Report`], [`Ready`], and what a stream is watched for, [`Watch`].
//!
//! Invariant: a report means "look again"; none of its flags is a promise that an operation succeeds.

use super::Token;

/// The directions that a stream is watched for. Its end and its errors are reported either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Bytes to read. Room to write may be reported too.
    Reading,
    /// Bytes to read, and room to write.
    Both,
}

/// One report of a poll about one tenant, in the system's own form. Most reports say that bytes came
/// and nothing else, so that is asked first, and the rest is decoded only where it matters.
pub trait Report {
    /// The tenant that it is about.
    fn token(&self) -> Token;

    /// Whether bytes came, without an error and without the peer's end. Room to write may be reported
    /// as well.
    fn brings_bytes(&self) -> bool;

    /// The whole report, decoded.
    fn ready(&self) -> Ready;
}

/// A report, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The tenant that it is about.
    pub token: Token,
    /// There may be something to read, accept or an error to fetch.
    pub readable: bool,
    /// The peer will send no more (`EPOLLRDHUP`, `EPOLLHUP`, `EPOLLERR`): read until the end of
    /// file, for there is no other report.
    pub read_closed: bool,
    /// There may be room to write, or a connection attempt is decided.
    pub writable: bool,
}

impl Report for Ready {
    fn token(&self) -> Token {
        self.token
    }

    fn brings_bytes(&self) -> bool {
        self.readable && !self.read_closed
    }

    fn ready(&self) -> Ready {
        *self
    }
}
