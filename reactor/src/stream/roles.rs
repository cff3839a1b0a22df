//! Reading by a role of the protocol: into a buffer of its own, or with the descriptors that the peer of a
//! UNIX connection sends.
//!
//! Invariant: descriptors and bytes are handed over in the order in which they came; what the protocol
//! wants no more of for now is held, and comes first when it resumes.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;

use deferred::Failure;
use interfaces::{Event, ReactorEvent, Reason, ReceiveFileDescriptorError};

use super::Running;
use crate::core::Core;
use crate::sys::{Ancillary, StreamSys};

/// Descriptors and bytes that are read and not delivered yet.
#[derive(Default)]
pub(crate) struct Held {
    descriptors: VecDeque<OwnedFd>,
    bytes: Vec<u8>,
    truncated: bool,
}

/// How one read by a role ended.
enum Step {
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
        for _ in 0..core.limits.reads_per_turn {
            let step = match (stream.wants_to_read(), stream.io.reading.is_buffered()) {
                (false, _) => return self.discard(core, buffer),
                (true, true) => self.read_into_protocol(core, buffer),
                (true, false) => self.read_with_descriptors(core, buffer),
            };
            match step {
                Step::More => {}
                Step::Short if stream.io.read_closed.get() => {}
                Step::Short => return stream.io.readable.set(false),
                Step::Nothing(answer) => return self.read_nothing(core, answer),
                Step::Over => return,
            }
        }
        stream.list_unread(core);
    }

    /// One read into the protocol's own buffer, or into the shared one where it gives none.
    fn read_into_protocol(&self, core: &Core<S>, buffer: &mut [u8]) -> Step {
        let stream = &self.stream;
        let mut read = None;
        let mut source = |place: &mut [u8]| {
            if place.is_empty() || read.is_some() {
                return 0;
            }
            let answer = stream.ask_socket(&core.sys, |sys, socket| sys.read(socket, place));
            let length = answer.as_ref().and_then(|answer| answer.as_ref().ok()).copied();
            read = Some((answer, place.len()));
            length.unwrap_or(0)
        };
        self.announce(core, Event::DataWaits(&mut source));
        match read {
            Some((None, _)) => Step::Over,
            Some((Some(Ok(length)), offered)) if length > 0 => came(length, offered),
            Some((Some(answer), _)) => Step::Nothing(answer),
            None if !stream.wants_to_read() => Step::More,
            None => self.read_shared(core, buffer),
        }
    }

    /// One read into the shared buffer, for a protocol that had no room or was running.
    fn read_shared(&self, core: &Core<S>, buffer: &mut [u8]) -> Step {
        let stream = &self.stream;
        match stream.ask_socket(&core.sys, |sys, socket| sys.read(socket, buffer)) {
            None => Step::Over,
            Some(Ok(length)) if length > 0 => {
                self.announce(core, Event::DataReceived(&mut buffer[..length]));
                came(length, buffer.len())
            }
            Some(answer) => Step::Nothing(answer),
        }
    }

    /// One read with what came beside the bytes. It ends where descriptors came, so a short one does not
    /// tell that all is read.
    fn read_with_descriptors(&self, core: &Core<S>, buffer: &mut [u8]) -> Step {
        let stream = &self.stream;
        if let Some(held) = stream.rare.take_held() {
            self.hand_over(core, held);
            return Step::More;
        }
        let mut ancillary = Ancillary::default();
        let answer = stream.ask_socket(&core.sys, |sys, socket| {
            sys.read_with_descriptors(socket, buffer, &mut ancillary)
        });
        let length = match answer {
            None => return Step::Over,
            Some(Ok(length)) if length > 0 => length,
            Some(answer) => return Step::Nothing(answer),
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
        Step::More
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

/// A read that has filled less than the buffer has read all.
fn came(length: usize, offered: usize) -> Step {
    if length < offered { Step::Short } else { Step::More }
}
