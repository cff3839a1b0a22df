//! Sending descriptors over a UNIX connection: each goes with the byte that was written next.
//!
//! ```text
//!   written   a b c  ⟨1⟩⟨2⟩  d e  ⟨3⟩  f g
//!   sent      [abc]   [⟨1⟩⟨2⟩ de]   [⟨3⟩ fg]
//! ```
//!
//! Invariant: a descriptor is sent with the byte behind it, never before a byte that was written before it,
//! so no more wait for one byte than one call sends; it is closed when it is sent, or when the connection
//! ends.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;

use deferred::Failure;
use interfaces::{Reason, SendFileDescriptorError};
use protocol::transport::Unsent;

use super::Stream;
use super::flush::Sent;
use crate::core::Core;
use crate::sys::os_error::os_error;
use crate::sys::{DESCRIPTORS_PER_CALL_MAX, StreamSys};

/// More descriptors than this that wait pause a push producer, as in Twisted.
const HIGH_WATER: usize = 64;

/// More than this lose the connection, and so do more for one byte than one call sends.
const WAITING_MAX: usize = 1024;

/// The descriptors that wait for their byte to be sent.
#[derive(Default)]
pub(crate) struct SendDescriptors {
    /// How many bytes were sent since one waits.
    sent: usize,
    /// Each with the number of bytes since then that go before it.
    waiting: VecDeque<(usize, OwnedFd)>,
}

/// How many descriptors wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WaitingDescriptors {
    in_all: usize,
    for_the_last_byte: usize,
}

impl WaitingDescriptors {
    /// The limit that is exceeded.
    fn exceeds(self) -> Option<usize> {
        let by_byte = (self.for_the_last_byte, DESCRIPTORS_PER_CALL_MAX);
        let limits = [by_byte, (self.in_all, WAITING_MAX)];
        limits.into_iter().find(|(waiting, limit)| waiting > limit).map(|(_, limit)| limit)
    }
}

/// What the next call may send.
struct Batch {
    descriptors: Vec<OwnedFd>,
    bytes_max: usize,
}

impl SendDescriptors {
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Adds one behind this number of unsent bytes.
    pub(crate) fn push(&mut self, unsent: usize, descriptor: OwnedFd) -> WaitingDescriptors {
        let place = self.sent + unsent;
        self.waiting.push_back((place, descriptor));
        let of_the_last = self.waiting.iter().rev().take_while(|(before, _)| *before == place);
        WaitingDescriptors { in_all: self.waiting.len(), for_the_last_byte: of_the_last.count() }
    }

    /// Takes out those whose byte is the next one.
    fn next(&mut self) -> Batch {
        let due = self.waiting.iter().take_while(|(before, _)| *before <= self.sent).count();
        let due = due.min(DESCRIPTORS_PER_CALL_MAX);
        let descriptors = self.waiting.drain(..due).map(|(_, descriptor)| descriptor).collect();
        let until_next = self.waiting.front().map(|(before, _)| before.saturating_sub(self.sent));
        Batch { descriptors, bytes_max: until_next.unwrap_or(usize::MAX).max(1) }
    }

    /// Puts back what was not sent.
    fn put_back(&mut self, descriptors: Vec<OwnedFd>) {
        for descriptor in descriptors.into_iter().rev() {
            self.waiting.push_front((self.sent, descriptor));
        }
    }

    fn advance(&mut self, bytes: usize) {
        self.sent += bytes;
    }
}

impl<S: StreamSys> Stream<S> {
    /// Queues a descriptor behind all that was written.
    pub(super) fn queue_descriptor(&self, descriptor: OwnedFd) {
        if !self.accepts_writes() {
            return;
        }
        self.queue_written();
        let waiting = self.rare.push_descriptor(self.queue.len(), descriptor);
        if let Some(limit) = waiting.exceeds() {
            let error = SendFileDescriptorError::TooMany { limit };
            self.schedule_close(Reason::Lost(Failure::new(error)));
        } else if waiting.in_all > HIGH_WATER {
            self.pause_producer();
        }
    }

    /// Sends what is queued, each descriptor with its byte.
    pub(super) fn send_with_descriptors(&self, core: &Core<S>, unsent: &mut Unsent) -> Sent {
        while self.rare.waiting_descriptors() > 0 {
            let Some(piece) = unsent.pieces().next() else { return Sent::All };
            if self.io.blocked.get() {
                return Sent::Blocked;
            }
            let Batch { mut descriptors, bytes_max } =
                self.rare.with_descriptors(SendDescriptors::next);
            let piece = &piece[..piece.len().min(bytes_max)];
            let answer = self.ask_socket(&core.sys, |sys, socket| match descriptors.is_empty() {
                true => sys.write(socket, piece),
                false => sys.write_with_descriptors(socket, piece, &mut descriptors),
            });
            self.rare.with_descriptors(|waiting| waiting.put_back(descriptors));
            match answer {
                None => return Sent::Blocked,
                Some(Ok(sent)) => {
                    self.io.blocked.set(sent < piece.len());
                    unsent.advance(sent);
                    self.rare.with_descriptors(|waiting| waiting.advance(sent));
                }
                Some(Err(error)) => match error.kind() {
                    io::ErrorKind::WouldBlock => self.io.blocked.set(true),
                    io::ErrorKind::Interrupted => return Sent::Interrupted,
                    _ => return Sent::Broken(os_error(&error)),
                },
            }
        }
        self.send_all(core, unsent)
    }

    /// Drops what is unsent.
    pub(super) fn drop_unsent(&self) {
        self.queue.clear(&self.shared.pool);
        self.rare.drop_descriptors();
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    fn descriptor() -> OwnedFd {
        File::open("/dev/null").expect("there is /dev/null").into()
    }

    #[test]
    fn a_descriptor_goes_with_the_byte_behind_it() {
        let mut waiting = SendDescriptors::default();
        (0..2).for_each(|_| _ = waiting.push(3, descriptor()));
        (0..DESCRIPTORS_PER_CALL_MAX).for_each(|_| _ = waiting.push(5, descriptor()));
        let mut calls = Vec::new();
        for sent in [2, 1, 2, 4] {
            let Batch { descriptors, bytes_max } = waiting.next();
            calls.push((descriptors.len(), bytes_max.min(99)));
            waiting.advance(sent);
        }
        assert_eq!(calls, [(0, 3), (0, 1), (2, 2), (DESCRIPTORS_PER_CALL_MAX, 99)]);
        assert_eq!(waiting.len(), 0);
    }

    #[test]
    fn too_many_are_those_for_one_byte_or_all_together() {
        let mut waiting = SendDescriptors::default();
        let mut put = |unsent| waiting.push(unsent, descriptor()).exceeds();
        for byte in 0..4 {
            for _ in 0..DESCRIPTORS_PER_CALL_MAX {
                assert_eq!(put(byte), None);
            }
        }
        let room = WAITING_MAX - 4 * DESCRIPTORS_PER_CALL_MAX;
        assert!((0..room).all(|_| put(4).is_none()));
        assert_eq!(put(4), Some(WAITING_MAX));
        let mut waiting = SendDescriptors::default();
        for sent in [0, 3] {
            waiting.advance(sent);
            let mut put = || waiting.push(7, descriptor()).exceeds();
            assert!((0..DESCRIPTORS_PER_CALL_MAX).all(|_| put().is_none()));
            assert_eq!(put(), Some(DESCRIPTORS_PER_CALL_MAX));
        }
    }

    #[test]
    fn what_was_not_sent_is_the_first_again() {
        let mut waiting = SendDescriptors::default();
        (0..3).for_each(|_| _ = waiting.push(0, descriptor()));
        let numbers = |descriptors: &[OwnedFd]| {
            descriptors.iter().map(std::os::fd::AsRawFd::as_raw_fd).collect::<Vec<_>>()
        };
        let first = waiting.next().descriptors;
        let before = numbers(&first);
        waiting.put_back(first);
        assert_eq!(numbers(&waiting.next().descriptors), before);
    }
}
