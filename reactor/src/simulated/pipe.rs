//! One direction of a connection: the sender's buffer, the wire, the receiver's buffer.
//!
//! Invariant: bytes leave in the order in which they came, each once; only a reset loses some, and
//! then all that follow them.

use std::collections::VecDeque;
use std::time::Duration;

/// What travels.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// Some bytes.
    Data(Vec<u8>),
    /// No more will come.
    Fin,
    /// The connection is broken.
    Reset,
}

/// How far the end of file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fin {
    /// The sender may write.
    Open,
    /// It leaves after the last byte.
    Waiting,
    /// A reset leaves in its place.
    WaitingReset,
    /// It, or a reset, is under way or has arrived: nothing follows.
    Sent,
}

#[derive(Debug)]
pub(super) struct Pipe {
    unsent: VecDeque<u8>,
    flight: VecDeque<Segment>,
    flight_bytes: usize,
    arrived: VecDeque<u8>,
    send_bytes_max: usize,
    receive_bytes_max: usize,
    /// The time of the last arrival that was planned: no segment overtakes another.
    pub(super) last_arrival: Duration,
    pub(super) fin: Fin,
    pub(super) fin_arrived: bool,
    /// Whether a reset is under way or has arrived.
    has_reset: bool,
}

impl Pipe {
    pub(super) fn new(send_bytes_max: usize, receive_bytes_max: usize) -> Self {
        Self {
            unsent: VecDeque::new(),
            flight: VecDeque::new(),
            flight_bytes: 0,
            arrived: VecDeque::new(),
            send_bytes_max,
            receive_bytes_max,
            last_arrival: Duration::ZERO,
            fin: Fin::Open,
            fin_arrived: false,
            has_reset: false,
        }
    }

    /// How much a write can take.
    pub(super) fn room(&self) -> usize {
        self.send_bytes_max - self.unsent.len() - self.flight_bytes
    }

    /// Whether there is enough room to report it: a third, as on Linux.
    pub(super) fn is_roomy(&self) -> bool {
        self.room() >= (self.send_bytes_max / 3).max(1)
    }

    pub(super) fn push(&mut self, data: &[u8]) {
        self.unsent.extend(data);
    }

    /// How many bytes may be put on the wire now.
    pub(super) fn sendable(&self) -> usize {
        let window = self.receive_bytes_max.saturating_sub(self.arrived.len() + self.flight_bytes);
        window.min(self.unsent.len())
    }

    pub(super) fn send_data(&mut self, bytes: usize) {
        let data: Vec<u8> = self.unsent.drain(..bytes).collect();
        self.flight_bytes += data.len();
        self.flight.push_back(Segment::Data(data));
    }

    /// Puts the end on the wire, if it is its turn. Answers whether it was.
    pub(super) fn send_end(&mut self) -> bool {
        match self.fin {
            Fin::Waiting if self.unsent.is_empty() => self.flight.push_back(Segment::Fin),
            Fin::WaitingReset if self.unsent.is_empty() => return self.send_reset(),
            Fin::Open | Fin::Waiting | Fin::WaitingReset | Fin::Sent => return false,
        }
        self.fin = Fin::Sent;
        true
    }

    /// Puts a reset behind what is under way, unless there is one. What was not yet sent is lost.
    pub(super) fn send_reset(&mut self) -> bool {
        let is_first = !self.has_reset;
        self.unsent.clear();
        self.fin = Fin::Sent;
        self.has_reset = true;
        if is_first {
            self.flight.push_back(Segment::Reset);
        }
        is_first
    }

    /// What arrives now; `None` after it was lost.
    pub(super) fn next_segment(&mut self) -> Option<Segment> {
        let segment = self.flight.pop_front()?;
        if let Segment::Data(data) = &segment {
            self.flight_bytes -= data.len();
        }
        Some(segment)
    }

    pub(super) fn arrive(&mut self, data: &[u8]) {
        self.arrived.extend(data);
    }

    /// All that has not arrived is lost.
    pub(super) fn lose(&mut self) {
        self.unsent.clear();
        self.flight.clear();
        self.flight_bytes = 0;
        self.fin = Fin::Sent;
        self.has_reset = false;
    }

    /// How many bytes wait for the reader.
    pub(super) fn readable_bytes(&self) -> usize {
        self.arrived.len()
    }

    /// Whether the reader leaves something behind, should it go now.
    pub(super) fn has_unread(&self) -> bool {
        !self.arrived.is_empty()
    }

    /// Whether bytes are anywhere between writer and reader.
    pub(super) fn is_empty(&self) -> bool {
        self.arrived.is_empty() && self.unsent.is_empty() && self.flight_bytes == 0
    }

    /// Moves the next bytes into `buffer`, which must not be longer than what is there.
    pub(super) fn read(&mut self, buffer: &mut [u8]) {
        let bytes = self.arrived.drain(..buffer.len());
        for (place, byte) in buffer.iter_mut().zip(bytes) {
            *place = byte;
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
        let Some(Segment::Data(data)) = pipe.next_segment() else { panic!("data") };
        pipe.arrive(&data);
        assert_eq!((pipe.room(), pipe.sendable(), pipe.readable_bytes()), (4, 0, 4));
        let mut buffer = [0; 3];
        pipe.read(&mut buffer);
        assert_eq!((&buffer, pipe.sendable()), (b"abc", 2));
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
        assert_eq!(pipe.next_segment(), Some(Segment::Data(b"ab".to_vec())));
        assert_eq!(pipe.next_segment(), Some(Segment::Fin));
        assert_eq!(pipe.next_segment(), None);
    }
}
