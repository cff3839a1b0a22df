//! Two descriptors as one connection: the ends that the tests hold, and the connection between.
//!
//! Invariant: the ends of the tests never wait without a bound.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;

use interfaces::ReactorDescriptors as _;
use protocol::ProtocolRef;
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::Reactor;

use super::turn_until;

/// A connection over two pipes, and the other ends of both.
pub(crate) struct Piped {
    pub(crate) seen: Record,
    /// Writes what the connection reads.
    pub(crate) there: Option<io::PipeWriter>,
    /// Reads what the connection writes.
    pub(crate) back: Option<io::PipeReader>,
}

impl Piped {
    pub(crate) fn open(reactor: &Reactor, build: impl FnOnce(Recorder) -> Recorder) -> Self {
        let (input, there) = io::pipe().unwrap();
        let (back, output) = io::pipe().unwrap();
        let seen = open(reactor, input, output, build);
        Self { seen, there: Some(there), back: Some(back) }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.there.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// Reads to the end, which must have been written.
    pub(crate) fn read_all(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.back.take().unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    }
}

/// Opens a connection over these descriptors, and turns until it is made.
pub(crate) fn open(
    reactor: &Reactor,
    input: impl Into<OwnedFd>,
    output: impl Into<OwnedFd>,
    build: impl FnOnce(Recorder) -> Recorder,
) -> Record {
    let seen = Record::new();
    let protocol = ProtocolRef::new(build(Recorder::new(&seen)));
    reactor.open_descriptors(input.into(), output.into(), protocol.as_deliver()).unwrap();
    assert!(seen.calls().is_empty(), "not inside the call");
    turn_until(reactor, "it is made", || seen.count("connection_made") == 1);
    seen
}

pub(crate) fn null() -> File {
    File::options().read(true).write(true).open("/dev/null").unwrap()
}
