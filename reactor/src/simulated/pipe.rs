//! One direction of a connection: the sender's buffer, the wire, the receiver's buffer.
//!
//! ```text
//!   read ◀── arrived ┊ under way ┊ unsent ◀── push
//! ```
//!
//! All bytes lie in one ring; two borders separate the three parts, and a step of the network moves a
//! border. Invariant: bytes leave in the order in which they came, each once; only a reset, or a receiver
//! that is gone, loses some.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use super::beside::Beside;
use super::nanos::Nanos;

/// One segment under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// This number of bytes.
    Data(usize),
    /// The end of file.
    Fin,
    /// The connection is reset.
    Reset,
}

/// The state of the end of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fin {
    /// The sender may write.
    Open,
    /// It is sent after the last byte.
    Waiting,
    /// A reset is sent in its place.
    WaitingReset,
    /// It, or a reset, is under way or has arrived: no segment follows.
    Sent,
}

#[derive(Debug)]
pub(super) struct Pipe {
    /// Arrived bytes, then bytes under way, then unsent bytes.
    bytes: VecDeque<u8>,
    arrived_bytes: usize,
    flight_bytes: usize,
    flight: VecDeque<Segment>,
    send_bytes_max: usize,
    roomy_bytes_min: usize,
    receive_bytes_max: usize,
    /// The time of the last arrival that was scheduled.
    last_arrival: Nanos,
    pub(super) fin: Fin,
    pub(super) fin_arrived: bool,
    /// Whether a reset is under way or has arrived.
    has_reset: bool,
    /// The descriptors beside the bytes.
    pub(super) beside: Beside,
}

impl Pipe {
    pub(super) fn new(send_bytes_max: usize, receive_bytes_max: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            arrived_bytes: 0,
            flight_bytes: 0,
            flight: VecDeque::new(),
            send_bytes_max,
            roomy_bytes_min: (send_bytes_max / 3).max(1),
            receive_bytes_max,
            last_arrival: Nanos::ZERO,
            fin: Fin::Open,
            fin_arrived: false,
            has_reset: false,
            beside: Beside::default(),
        }
    }

    /// The bytes that a write can add.
    #[inline]
    pub(super) fn room(&self) -> usize {
        self.send_bytes_max - (self.bytes.len() - self.arrived_bytes)
    }

    /// Whether there is enough room to report it: a third, as on Linux.
    #[inline]
    pub(super) fn is_roomy(&self) -> bool {
        self.room() >= self.roomy_bytes_min
    }

    #[inline]
    pub(super) fn push(&mut self, data: &[u8]) {
        self.bytes.extend(data);
    }

    /// Puts descriptors beside the first of the bytes that were pushed last.
    pub(super) fn attach(&mut self, pushed: usize, descriptors: Vec<OwnedFd>) {
        self.beside.attach(self.bytes.len() - pushed, descriptors);
    }

    /// Whether bytes are unsent until the receiver has room for them.
    #[inline]
    pub(super) fn waits_for_room(&self) -> bool {
        self.unsent_bytes() > 0
    }

    /// The bytes that may be sent now.
    #[inline]
    pub(super) fn sendable(&self) -> usize {
        let window = self.receive_bytes_max.saturating_sub(self.arrived_bytes + self.flight_bytes);
        window.min(self.unsent_bytes())
    }

    #[inline]
    fn unsent_bytes(&self) -> usize {
        self.bytes.len() - self.arrived_bytes - self.flight_bytes
    }

    #[inline]
    pub(super) fn send_data(&mut self, bytes: usize) {
        self.flight_bytes += bytes;
        self.flight.push_back(Segment::Data(bytes));
    }

    /// Sends the end, if it is its turn. Returns whether it was.
    #[inline]
    pub(super) fn send_end(&mut self) -> bool {
        match self.fin {
            Fin::Waiting if self.unsent_bytes() == 0 => self.flight.push_back(Segment::Fin),
            Fin::WaitingReset if self.unsent_bytes() == 0 => return self.send_reset(),
            Fin::Open | Fin::Waiting | Fin::WaitingReset | Fin::Sent => return false,
        }
        self.fin = Fin::Sent;
        true
    }

    /// Sends a reset behind the bytes under way, unless one is there already. Unsent bytes are lost.
    pub(super) fn send_reset(&mut self) -> bool {
        let is_first = !self.has_reset;
        self.bytes.truncate(self.arrived_bytes + self.flight_bytes);
        self.beside.truncate(self.bytes.len());
        self.fin = Fin::Sent;
        self.has_reset = true;
        if is_first {
            self.flight.push_back(Segment::Reset);
        }
        is_first
    }

    /// The arrival of a segment that is due at `time` and takes the link for `transmission`: not before the
    /// previous one.
    #[inline]
    pub(super) fn next_arrival(&mut self, time: Nanos, transmission: Nanos) -> Nanos {
        self.last_arrival = self.last_arrival.max(time).saturating_add(transmission);
        self.last_arrival
    }

    /// The segment that was sent last, while it is under way.
    pub(super) fn last_segment(&self) -> Option<Segment> {
        self.flight.back().copied()
    }

    /// Loses the next segment if it is a reset. Returns whether it was.
    pub(super) fn drop_reset(&mut self) -> bool {
        let is_reset = self.flight.front() == Some(&Segment::Reset);
        if is_reset {
            self.flight.pop_front();
        }
        is_reset
    }

    /// Takes the segment that arrives now; `None` if it was lost. Its bytes are under way until they have
    /// [arrived](Self::arrive) or [vanished](Self::vanish).
    #[inline]
    pub(super) fn next_segment(&mut self) -> Option<Segment> {
        self.flight.pop_front()
    }

    /// Moves the first bytes under way to the receiver.
    #[inline]
    pub(super) fn arrive(&mut self, bytes: usize) {
        self.flight_bytes -= bytes;
        self.arrived_bytes += bytes;
    }

    /// Drops the first bytes under way: the receiver is gone.
    pub(super) fn vanish(&mut self, bytes: usize) {
        self.flight_bytes -= bytes;
        self.bytes.drain(self.arrived_bytes..self.arrived_bytes + bytes);
        self.beside.remove(self.arrived_bytes, bytes);
    }

    /// Drops all bytes and segments that have not arrived.
    pub(super) fn lose(&mut self) {
        self.bytes.truncate(self.arrived_bytes);
        self.beside.truncate(self.bytes.len());
        self.flight.clear();
        self.flight_bytes = 0;
        self.fin = Fin::Sent;
        self.has_reset = false;
    }

    /// The bytes that wait for the reader.
    #[inline]
    pub(super) fn readable_bytes(&self) -> usize {
        self.arrived_bytes
    }

    /// Whether bytes wait for the reader.
    #[inline]
    pub(super) fn has_unread(&self) -> bool {
        self.arrived_bytes > 0
    }

    /// The written bytes that have not arrived; an end of file counts as one.
    pub(super) fn unacknowledged_bytes(&self) -> usize {
        let end_is_on_its_way = match self.fin {
            Fin::Waiting => true,
            Fin::Sent => !self.fin_arrived && self.flight.contains(&Segment::Fin),
            Fin::Open | Fin::WaitingReset => false,
        };
        self.bytes.len() - self.arrived_bytes + usize::from(end_is_on_its_way)
    }

    /// Whether no bytes are between writer and reader.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Moves the next bytes into `buffer`, which is no longer than the bytes that wait.
    #[inline]
    pub(super) fn read(&mut self, buffer: &mut [u8]) {
        let count = buffer.len();
        let (first, second) = self.bytes.as_slices();
        let (first_place, second_place) = buffer.split_at_mut(count.min(first.len()));
        first_place.copy_from_slice(&first[..first_place.len()]);
        second_place.copy_from_slice(&second[..second_place.len()]);
        self.arrived_bytes -= count;
        if count == self.bytes.len() {
            self.bytes.clear();
        } else {
            self.bytes.drain(..count);
        }
        if !self.beside.is_empty() {
            self.beside.remove(0, count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_buffers_bound_what_is_taken() {
        let mut pipe = Pipe::new(6, 4);
        pipe.push(b"abcdef");
        assert_eq!((pipe.room(), pipe.sendable()), (0, 4));
        pipe.send_data(4);
        assert_eq!((pipe.room(), pipe.sendable()), (0, 0));
        assert_eq!(pipe.next_segment(), Some(Segment::Data(4)));
        pipe.arrive(4);
        assert_eq!((pipe.room(), pipe.sendable(), pipe.readable_bytes()), (4, 0, 4));
        let mut buffer = [0; 3];
        pipe.read(&mut buffer);
        assert_eq!((&buffer, pipe.sendable()), (b"abc", 2));
    }

    #[test]
    fn what_is_lost_leaves_the_bytes_before_and_behind_it() {
        let mut pipe = Pipe::new(9, 9);
        pipe.push(b"abcdef");
        pipe.send_data(2);
        pipe.arrive(2);
        pipe.send_data(2);
        pipe.vanish(2);
        assert_eq!((pipe.readable_bytes(), pipe.room(), pipe.sendable()), (2, 7, 2));
        pipe.send_data(1);
        pipe.arrive(1);
        let mut buffer = [0; 3];
        pipe.read(&mut buffer);
        assert_eq!((&buffer, pipe.is_empty()), (b"abe", false));
        pipe.lose();
        assert!(pipe.is_empty());
    }

    #[test]
    fn the_end_of_file_follows_the_last_byte() {
        let mut pipe = Pipe::new(6, 6);
        pipe.push(b"ab");
        pipe.fin = Fin::Waiting;
        assert!(!pipe.send_end());
        pipe.send_data(2);
        assert!(pipe.send_end());
        assert!(!pipe.send_end());
        assert_eq!(pipe.unacknowledged_bytes(), 3);
        assert_eq!(pipe.next_segment(), Some(Segment::Data(2)));
        pipe.arrive(2);
        assert_eq!(pipe.unacknowledged_bytes(), 1, "the end of file");
        assert_eq!(pipe.next_segment(), Some(Segment::Fin));
        assert_eq!(pipe.next_segment(), None);
        assert_eq!(pipe.unacknowledged_bytes(), 0);
    }
}
