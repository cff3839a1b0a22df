//! Reading in another way than most do: by a role of the protocol, into a buffer of its own or with the
//! descriptors that the peer of a UNIX connection sends; and from a UNIX connection whose protocol takes none.
//!
//! Invariant: descriptors and bytes are handed over in the order in which they came; what the protocol
//! wants no more of for now is held, and comes first when it resumes.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;

use deferred::Failure;
use interfaces::{Event, ReactorEvent, Reason, ReceiveFileDescriptorError};

use super::read::bulk_bytes;
use super::{Running, Stream};
use crate::core::Core;
use crate::sys::{Ancillary, ReadAlone, StreamSys};

/// Descriptors and bytes that are read and not delivered yet.
#[derive(Default)]
pub(crate) struct Held {
    descriptors: VecDeque<OwnedFd>,
    bytes: Vec<u8>,
    truncated: bool,
}

/// How one read by a role ended.
enum ReadStep {
    /// There may be more.
    More,
    /// For now that was all, as a short read tells.
    Short,
    Nothing(io::Result<usize>),
    /// The socket is gone, or the protocol wants no more.
    Over,
}

impl<S: StreamSys> Running<S> {
    /// Asks the protocol for its roles, before it is told of its connection.
    pub(super) fn ask_roles(&self, core: &Core<S>) {
        let stream = &self.stream;
        match stream.call(core, "protocol", || self.protocol.reading_roles()) {
            Ok(roles) => stream.io.reading.set_roles(roles, stream.peer.is_unix()),
            Err(message) => stream.schedule_close(Reason::Panicked(message)),
        }
    }

    /// Reads until all is read, the protocol wants no more, or the budget of this turn is spent.
    pub(super) fn read_by_role(&self, core: &Core<S>, buffer: &mut [u8]) {
        let stream = &self.stream;
        let bulk = bulk_bytes(buffer.len());
        for number in 0..core.limits.reads_per_turn {
            let buffer = if number == 0 { &mut *buffer } else { &mut buffer[..bulk] };
            let step = match &stream.io.reading {
                _ if !stream.wants_to_read() => return self.discard(core, buffer),
                flags if flags.is_buffered() => self.read_into_protocol(core, buffer),
                flags if flags.takes_descriptors() => self.read_with_descriptors(core, buffer),
                _ => self.read_shared(core, buffer),
            };
            match step {
                ReadStep::More => {}
                ReadStep::Short if stream.io.read_closed.get() => {}
                ReadStep::Short => return stream.io.readable.set(false),
                ReadStep::Nothing(answer) => return self.read_nothing(core, answer),
                ReadStep::Over => return,
            }
        }
        stream.list_unread(core);
    }

    /// One read into the protocol's own buffer, or into the shared one where it gives none.
    fn read_into_protocol(&self, core: &Core<S>, buffer: &mut [u8]) -> ReadStep {
        let stream = &self.stream;
        let mut read = None;
        let mut source = |place: &mut [u8]| {
            if place.is_empty() || read.is_some() {
                return 0;
            }
            let answer = stream.receive(core, place);
            let length = answer.as_ref().and_then(|answer| answer.as_ref().ok());
            let length = length.map_or(0, |read| read.length);
            read = Some((answer, place.len()));
            length
        };
        self.announce(core, Event::DataWaits(&mut source));
        match read {
            Some((None, _)) => ReadStep::Over,
            Some((Some(Ok(read)), offered)) if read.length > 0 => came(read, offered),
            Some((Some(answer), _)) => ReadStep::Nothing(answer.map(|read| read.length)),
            None if !stream.wants_to_read() => ReadStep::More,
            None => self.read_shared(core, buffer),
        }
    }

    /// One read into the shared buffer: from a UNIX socket, or for a protocol whose own buffer had no room
    /// or that was running.
    fn read_shared(&self, core: &Core<S>, buffer: &mut [u8]) -> ReadStep {
        let stream = &self.stream;
        match stream.receive(core, buffer) {
            None => ReadStep::Over,
            Some(Ok(read)) if read.length > 0 => {
                self.announce(core, Event::DataReceived(&mut buffer[..read.length]));
                came(read, buffer.len())
            }
            Some(answer) => ReadStep::Nothing(answer.map(|read| read.length)),
        }
    }

    /// One read with what came beside the bytes. It ends where descriptors came, so a short one does not
    /// tell that all is read.
    fn read_with_descriptors(&self, core: &Core<S>, buffer: &mut [u8]) -> ReadStep {
        let stream = &self.stream;
        if let Some(held) = stream.rare.take_held() {
            self.hand_over(core, held);
            return ReadStep::More;
        }
        let mut ancillary = Ancillary::default();
        let answer = stream.ask_socket(&core.sys, |sys, socket| {
            sys.read_with_descriptors(socket, buffer, &mut ancillary)
        });
        let length = match answer {
            None => return ReadStep::Over,
            Some(Ok(length)) if length > 0 => length,
            Some(answer) => return ReadStep::Nothing(answer),
        };
        let Ancillary { descriptors, truncated, unsupported } = ancillary;
        if let Some((level, kind)) = unsupported {
            let error = &ReceiveFileDescriptorError::Unsupported { level, kind };
            core.observe(&ReactorEvent::Failed {
                attempt: "reading what came beside bytes",
                error,
            });
        }
        if descriptors.is_empty() && !truncated {
            self.announce(core, Event::DataReceived(&mut buffer[..length]));
        } else {
            let bytes = buffer[..length].to_vec();
            self.hand_over(
                core,
                Box::new(Held { descriptors: descriptors.into(), bytes, truncated }),
            );
        }
        ReadStep::More
    }

    /// Delivers descriptors, then the bytes; keeps the rest when the protocol pauses.
    fn hand_over(&self, core: &Core<S>, mut held: Box<Held>) {
        let stream = &self.stream;
        while stream.wants_to_read() {
            if let Some(descriptor) = held.descriptors.pop_front() {
                let mut descriptor = Some(descriptor);
                self.announce(core, Event::FileDescriptorReceived(&mut descriptor));
            } else {
                self.announce(core, Event::DataReceived(&mut held.bytes));
                if held.truncated {
                    let error = ReceiveFileDescriptorError::Truncated;
                    stream.schedule_close(Reason::Lost(Failure::new(error)));
                }
                return;
            }
        }
        if stream.state.get().receives() {
            stream.rare.set_held(held);
        }
    }
}

impl<S: StreamSys> Stream<S> {
    /// One read of bytes alone, if the socket is still there.
    fn receive(&self, core: &Core<S>, place: &mut [u8]) -> Option<io::Result<ReadAlone>> {
        self.ask_socket(&core.sys, |sys, socket| match self.peer.is_unix() {
            true => sys.read_alone(socket, place),
            false => {
                let length = sys.read(socket, place)?;
                Ok(ReadAlone { length, ended_at_ancillary: false })
            }
        })
    }
}

/// A read that has filled less than the buffer has read all, unless it ended at descriptors.
fn came(read: ReadAlone, offered: usize) -> ReadStep {
    if read.length < offered && !read.ended_at_ancillary { ReadStep::Short } else { ReadStep::More }
}
