//! Sending descriptors over a UNIX connection: each goes with the byte that was written next.
//!
//! ```text
//!   written   a b c  ⟨1⟩⟨2⟩  d e  ⟨3⟩  f g
//!   sent      [abc]   [⟨1⟩⟨2⟩ de]   [⟨3⟩ fg]
//! ```
//!
//! Invariant: a descriptor is never sent before a byte that was written before it; it is closed when it
//! is sent, or when the connection ends.

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

/// More than this lose the connection.
const WAITING_MAX: usize = 1024;

/// The descriptors that wait for their byte to be sent.
#[derive(Default)]
pub(crate) struct SendDescriptors {
    /// How many bytes were sent since one waits.
    sent: usize,
    /// Each with the number of bytes since then that go before it.
    waiting: VecDeque<(usize, OwnedFd)>,
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
    pub(crate) fn push(&mut self, unsent: usize, descriptor: OwnedFd) {
        self.waiting.push_back((self.sent + unsent, descriptor));
    }

    /// Takes out those whose byte is the next one, as many as one call sends.
    fn next(&mut self) -> Batch {
        let is_due = |waiting: &VecDeque<(usize, _)>| {
            waiting.front().is_some_and(|(before, _)| *before <= self.sent)
        };
        let mut descriptors = Vec::new();
        while descriptors.len() < DESCRIPTORS_PER_CALL_MAX && is_due(&self.waiting) {
            descriptors.extend(self.waiting.pop_front().map(|(_, descriptor)| descriptor));
        }
        let until_next = self.waiting.front().map(|(before, _)| before.saturating_sub(self.sent));
        // Those that found no room go with the byte behind.
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
        if waiting > WAITING_MAX {
            let error = SendFileDescriptorError::TooMany { limit: WAITING_MAX };
            self.schedule_close(Reason::Lost(Failure::new(error)));
        } else if waiting > HIGH_WATER {
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
    fn a_descriptor_goes_with_the_byte_behind_it_and_those_without_room_with_the_next() {
        let mut waiting = SendDescriptors::default();
        (0..2).for_each(|_| waiting.push(3, descriptor()));
        (0..DESCRIPTORS_PER_CALL_MAX + 1).for_each(|_| waiting.push(5, descriptor()));
        let mut calls = Vec::new();
        for sent in [2, 1, 2, 1, 4] {
            let Batch { descriptors, bytes_max } = waiting.next();
            calls.push((descriptors.len(), bytes_max.min(99)));
            waiting.advance(sent);
        }
        let most = DESCRIPTORS_PER_CALL_MAX;
        assert_eq!(calls, [(0, 3), (0, 1), (2, 2), (most, 1), (1, 99)]);
        assert_eq!(waiting.len(), 0);
    }

    #[test]
    fn what_was_not_sent_is_the_first_again() {
        let mut waiting = SendDescriptors::default();
        (0..3).for_each(|_| waiting.push(0, descriptor()));
        let numbers = |descriptors: &[OwnedFd]| {
            descriptors.iter().map(std::os::fd::AsRawFd::as_raw_fd).collect::<Vec<_>>()
        };
        let first = waiting.next().descriptors;
        let before = numbers(&first);
        waiting.put_back(first);
        assert_eq!(numbers(&waiting.next().descriptors), before);
    }
}
