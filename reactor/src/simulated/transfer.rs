//! The way of bytes from one end to the other: write, segments, read.
//!
//! Invariant: every step that makes room in a buffer pumps the pipe that fills it.

use std::io::{self, IoSlice};
use std::mem;
use std::os::fd::OwnedFd;

use super::choices::Choices;
use super::clock::NetworkEvent;
use super::connection::{Family, Holder, Wire};
use super::edge::{Direction, SocketWatch};
use super::faults::Faults;
use super::ids::{EndId, Source};
use super::kind::ChoiceKind;
use super::nanos::Nanos;
use super::pipe::{Fin, Segment};
use super::trace::SystemCall;
use super::world::{HELD, World, errno};
use crate::sys::{Ancillary, ReadAlone};

impl World {
    pub(super) fn read(&mut self, id: EndId, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.receive(id, buffer);
        let count = self.answered(SystemCall::Recv, id, result, |count| *count as i64)?;
        self.trace.note_bytes(&buffer[..count]);
        Ok(count)
    }

    /// Reads up to the next byte that descriptors came with, and those of the first byte.
    pub(super) fn read_with_descriptors(
        &mut self,
        id: EndId,
        buffer: &mut [u8],
        ancillary: &mut Ancillary,
    ) -> io::Result<usize> {
        let beside = &mut self.held(id).incoming(id.side()).beside;
        let (length, first) = (buffer.len().min(beside.bytes_until_next()), beside.take_first());
        let read = self.read(id, &mut buffer[..length]);
        match read {
            Ok(1..) => ancillary.descriptors.extend(first),
            Ok(0) | Err(_) => self.held(id).incoming(id.side()).beside.put_back(first),
        }
        read
    }

    /// As [`read_with_descriptors`](Self::read_with_descriptors), and closes those that came.
    pub(super) fn read_alone(&mut self, id: EndId, buffer: &mut [u8]) -> io::Result<ReadAlone> {
        let until_next = self.held(id).incoming(id.side()).beside.bytes_until_next();
        let mut ancillary = Ancillary::default();
        let length = self.read_with_descriptors(id, buffer, &mut ancillary)?;
        let ended_at_ancillary = !ancillary.descriptors.is_empty() || length == until_next;
        Ok(ReadAlone { length, ended_at_ancillary })
    }

    /// Writes, with descriptors beside the first byte.
    pub(super) fn write_with_descriptors(
        &mut self,
        id: EndId,
        data: &[u8],
        descriptors: &mut Vec<OwnedFd>,
    ) -> io::Result<usize> {
        let sent = self.write(SystemCall::Sendmsg, id, &[IoSlice::new(data)])?;
        if sent > 0 {
            self.held(id).outgoing(id.side()).attach(sent, mem::take(descriptors));
        }
        Ok(sent)
    }

    fn receive(&mut self, id: EndId, buffer: &mut [u8]) -> io::Result<usize> {
        self.fault(ChoiceKind::Interrupted, self.faults.interrupted, libc::EINTR)?;
        if buffer.is_empty() {
            return Ok(0);
        }
        let connection = self.connections.get_mut(id.connection()).expect(HELD);
        let count = match connection.readable_bytes(id.side()) {
            Ok(0) => return Ok(0),
            Ok(there) => self.choices.read_amount(there.min(buffer.len()), &self.faults),
            Err(libc::EAGAIN) => 0,
            Err(error) => return Err(errno(error)),
        };
        if count == 0 {
            return Err(self.would_block(id, Direction::Read));
        }
        let incoming = connection.incoming(id.side());
        incoming.read(&mut buffer[..count]);
        if incoming.waits_for_room() {
            self.pump(id.other());
        }
        if count < buffer.len() {
            self.watching(Source::End(id), Direction::Read, SocketWatch::came_short);
        }
        Ok(count)
    }

    /// Writes as `call`, which is send(2) or sendmsg(2).
    pub(super) fn write(
        &mut self,
        call: SystemCall,
        id: EndId,
        data: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        let result = self.send(id, data);
        let count = self.answered(call, id, result, |count| *count as i64)?;
        moved(data, count).for_each(|piece| self.trace.note_bytes(piece));
        Ok(count)
    }

    fn send(&mut self, id: EndId, data: &[IoSlice<'_>]) -> io::Result<usize> {
        self.fault(ChoiceKind::Interrupted, self.faults.interrupted, libc::EINTR)?;
        let connection = self.connections.get_mut(id.connection()).expect(HELD);
        let asked = data.iter().map(|piece| piece.len()).sum();
        let count = match connection.room(id.side()) {
            Ok(_) if asked == 0 => return Ok(0),
            Ok(room) => self.choices.write_amount(room.min(asked), &self.faults),
            Err(libc::EAGAIN) => 0,
            Err(error) => {
                if error == libc::EPIPE {
                    self.choices.meet(ChoiceKind::BrokenPipe);
                }
                return Err(errno(error));
            }
        };
        if count == 0 {
            return Err(self.would_block(id, Direction::Write));
        }
        let outgoing = connection.outgoing(id.side());
        moved(data, count).for_each(|piece| outgoing.push(piece));
        self.pump(id);
        if count < asked {
            self.watching(Source::End(id), Direction::Write, SocketWatch::came_short);
        }
        Ok(count)
    }

    fn would_block(&mut self, id: EndId, direction: Direction) -> io::Error {
        self.watching(Source::End(id), direction, SocketWatch::would_block);
        errno(libc::EAGAIN)
    }

    pub(super) fn shutdown_write(&mut self, id: EndId) -> io::Result<()> {
        let result = self.shut_down(id);
        self.answered(SystemCall::Shutdown, id, result, |()| 0)
    }

    fn shut_down(&mut self, id: EndId) -> io::Result<()> {
        self.fault(ChoiceKind::Interrupted, self.faults.interrupted, libc::EINTR)?;
        let connection = self.held(id);
        match connection.end(id.side()).wire {
            Wire::Opening | Wire::Broken => Err(errno(libc::ENOTCONN)),
            Wire::Established => {
                self.finish(id, Fin::Waiting);
                Ok(())
            }
        }
    }

    /// Queues the end of file, or a reset, behind the written bytes.
    pub(super) fn finish(&mut self, id: EndId, fin: Fin) {
        let outgoing = self.held(id).outgoing(id.side());
        if outgoing.fin == Fin::Open {
            outgoing.fin = fin;
            self.pump(id);
        }
    }

    /// Sends the bytes that fit into the receiver's buffer.
    pub(super) fn pump(&mut self, sender: EndId) {
        let Some(connection) = self.connections.get_mut(sender.connection()) else { return };
        let (link, outgoing) = connection.sending(sender.side());
        loop {
            let bytes = match outgoing.sendable() {
                0 if !outgoing.send_end() => return,
                0 => 0,
                bytes => link.segment(bytes, &mut self.choices),
            };
            if bytes > 0 {
                outgoing.send_data(bytes);
            }
            let delay = link.delay(self.faults.stall, &mut self.choices);
            let time = outgoing.next_arrival(self.clock.after(delay), link.transmission(bytes));
            self.clock.schedule(time, NetworkEvent::Segment(sender));
            self.trace.note_departure(self.clock.now(), sender.number(), outgoing.last_segment());
        }
    }

    /// Schedules the arrival of a segment that was sent outside of [`pump`](Self::pump).
    pub(super) fn schedule_arrival(&mut self, sender: EndId) {
        let Some(connection) = self.connections.get_mut(sender.connection()) else { return };
        let (link, outgoing) = connection.sending(sender.side());
        let delay = link.delay(self.faults.stall, &mut self.choices);
        let time = outgoing.next_arrival(self.clock.after(delay), Nanos::ZERO);
        self.clock.schedule(time, NetworkEvent::Segment(sender));
        self.trace.note_departure(self.clock.now(), sender.number(), outgoing.last_segment());
    }

    pub(super) fn segment_arrives(&mut self, sender: EndId) {
        if self.is_held_up(sender) {
            return;
        }
        let Some(connection) = self.connections.get_mut(sender.connection()) else { return };
        let Some(segment) = connection.outgoing(sender.side()).next_segment() else { return };
        let receiver = sender.other();
        self.trace.note_arrival(self.clock.now(), receiver.number(), segment);
        match segment {
            Segment::Data(bytes) => self.data_arrives(sender, bytes),
            Segment::Fin => {
                connection.incoming(receiver.side()).fin_arrived = true;
                self.became_readable(Source::End(receiver));
            }
            Segment::Reset => self.receive_reset(receiver),
        }
        self.meets(Source::End(receiver));
    }

    fn data_arrives(&mut self, sender: EndId, bytes: usize) {
        let receiver = sender.other();
        let Some(connection) = self.connections.get_mut(sender.connection()) else { return };
        let end = connection.end(receiver.side());
        match (end.holder, end.wire) {
            (_, Wire::Broken) => connection.outgoing(sender.side()).vanish(bytes),
            (Holder::Closed | Holder::Pending, _) => {
                connection.outgoing(sender.side()).vanish(bytes);
                if connection.family == Family::Tcp {
                    self.send_reset(receiver);
                }
            }
            (Holder::Queue | Holder::Program, Wire::Opening | Wire::Established) => {
                let may_break = connection.family == Family::Tcp && connection.is_established();
                if may_break && self.choices.happens(ChoiceKind::Reset, self.faults.reset) {
                    return self.break_both_ends(sender.connection(), libc::ECONNRESET);
                }
                if may_break && self.choices.happens(ChoiceKind::TimedOut, self.faults.timed_out) {
                    return self.break_both_ends(sender.connection(), libc::ETIMEDOUT);
                }
                connection.outgoing(sender.side()).arrive(bytes);
                self.became_readable(Source::End(receiver));
                self.became_writable(Source::End(sender));
            }
        }
    }
}

impl Choices {
    /// The bytes that a read moves when `count` could be moved, after the faults; 0 if it would block.
    #[inline]
    pub(super) fn read_amount(&mut self, count: usize, faults: &Faults) -> usize {
        if self.happens(ChoiceKind::ReadWouldBlock, faults.would_block) {
            return 0;
        }
        self.cut(ChoiceKind::ShortRead, faults.short, count)
    }

    /// The bytes that a write moves when `count` could be moved, after the faults; 0 if it would block.
    #[inline]
    pub(super) fn write_amount(&mut self, count: usize, faults: &Faults) -> usize {
        if self.happens(ChoiceKind::WriteWouldBlock, faults.would_block) {
            return 0;
        }
        self.cut(ChoiceKind::ShortWrite, faults.short, count)
    }
}

/// The first `count` bytes of these pieces.
pub(super) fn moved<'a>(pieces: &'a [IoSlice<'_>], count: usize) -> impl Iterator<Item = &'a [u8]> {
    let mut left = count;
    let parts = pieces.iter().map(move |piece| {
        let part = &piece[..piece.len().min(left)];
        left -= part.len();
        part
    });
    parts.filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_short_write_moves_ends_inside_of_a_piece_or_between_two() {
        let pieces = [b"ab".as_slice(), b"", b"cde"].map(IoSlice::new);
        let moved = |count| moved(&pieces, count).collect::<Vec<_>>();
        assert_eq!(moved(1), [b"a"]);
        assert_eq!(moved(2), [b"ab"]);
        assert_eq!(moved(4), [b"ab", b"cd"]);
        assert_eq!(moved(5), [b"ab".as_slice(), b"cde"]);
        assert!(moved(0).is_empty());
    }
}
