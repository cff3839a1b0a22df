//! The program's calls that are about its simulated children and their pipes.
//!
//! Invariant: every call that makes room, brings bytes or closes an end lets a blocked child go on.

use std::io::{self, IoSlice};

use interfaces::{ExitStatus, WindowSize};

use super::children::signaled;
use super::edge::{Direction, SocketWatch};
use super::ids::{PartId, Source};
use super::kind::ChoiceKind;
use super::parts::FIFO_BYTES;
use super::trace::SystemCall;
use super::transfer;
use super::world::{World, errno};
use crate::sys::Way;

impl World {
    pub(super) fn signal_child(&mut self, child: PartId, signal: i32) -> io::Result<()> {
        let result = self.kill(child, signal);
        self.noted(SystemCall::Kill, child.number(), result, |()| i64::from(signal))
    }

    fn kill(&mut self, child: PartId, signal: i32) -> io::Result<()> {
        if !(0..=64).contains(&signal) {
            return Err(errno(libc::EINVAL));
        }
        let state = self.processes.child(child).filter(|state| state.status.is_none());
        let Some(state) = state else { return Err(errno(libc::ESRCH)) };
        let harmless = [0, libc::SIGCHLD, libc::SIGCONT, libc::SIGURG, libc::SIGWINCH];
        let is_ignored = signal != libc::SIGKILL && state.script.ignored.contains(&signal);
        if !is_ignored && !harmless.contains(&signal) {
            self.child_ends(child, signaled(signal));
        }
        Ok(())
    }

    /// Records the size of a terminal's window; a script takes no notice of it.
    pub(super) fn set_window_size(&mut self, id: PartId, window: WindowSize) -> io::Result<()> {
        let end = self.processes.end(id).expect("a handle keeps its end");
        let child = end.child;
        // A terminal may outlive its child.
        if let Some(state) = self.processes.child(child) {
            state.window = Some(window);
        }
        let number = i64::from(window.rows) << 16 | i64::from(window.columns);
        self.noted(SystemCall::Ioctl, id.number(), Ok(()), |()| number)
    }

    pub(super) fn try_wait(&mut self, child: PartId) -> io::Result<Option<ExitStatus>> {
        let waited = match self.fault(ChoiceKind::Interrupted, self.faults.interrupted, libc::EINTR)
        {
            Err(error) => Err(error),
            Ok(()) => Ok(self.processes.child(child).and_then(|state| state.status)),
        };
        if let Ok(Some(_)) = waited {
            self.forget_child(child);
        }
        let number = |status: &Option<ExitStatus>| i64::from(status.is_some());
        self.noted(SystemCall::Wait, child.number(), waited, number)
    }

    /// The handle of a child was dropped.
    pub(super) fn leave_child(&mut self, child: PartId) {
        let Some(state) = self.processes.child(child) else { return };
        state.is_held = false;
        if state.status.is_some() {
            self.forget_child(child);
        }
    }

    pub(super) fn read_end(&mut self, id: PartId, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.take_from_child(id, buffer);
        self.maybe_spurious(Source::Part(id));
        self.meets(Source::Part(id));
        let count = self.noted(SystemCall::Read, id.number(), result, |count| *count as i64)?;
        self.trace.note_bytes(&buffer[..count]);
        Ok(count)
    }

    fn take_from_child(&mut self, id: PartId, buffer: &mut [u8]) -> io::Result<usize> {
        self.fault(ChoiceKind::Interrupted, self.faults.interrupted, libc::EINTR)?;
        let end = self.processes.end(id).expect("a handle keeps its end");
        let (there, is_gone) = (end.from_child.len(), end.child_ends == 0);
        if there == 0 && is_gone {
            return Ok(0);
        }
        let count = self.choices.read_amount(there.min(buffer.len()), &self.faults);
        if count == 0 {
            self.watching(Source::Part(id), Direction::Read, SocketWatch::would_block);
            return Err(errno(libc::EAGAIN));
        }
        let end = self.processes.end(id).expect("a handle keeps its end");
        let asked = buffer.len();
        end.from_child.drain(..count).zip(buffer).for_each(|(byte, place)| *place = byte);
        if count < asked {
            self.watching(Source::Part(id), Direction::Read, SocketWatch::came_short);
        }
        self.unblock(id);
        Ok(count)
    }

    pub(super) fn write_end(&mut self, id: PartId, data: &[IoSlice<'_>]) -> io::Result<usize> {
        let result = self.give_to_child(id, data);
        self.maybe_spurious(Source::Part(id));
        self.meets(Source::Part(id));
        let count = self.noted(SystemCall::Write, id.number(), result, |count| *count as i64)?;
        transfer::moved(data, count).for_each(|piece| self.trace.note_bytes(piece));
        Ok(count)
    }

    fn give_to_child(&mut self, id: PartId, data: &[IoSlice<'_>]) -> io::Result<usize> {
        self.fault(ChoiceKind::Interrupted, self.faults.interrupted, libc::EINTR)?;
        let asked = data.iter().map(|piece| piece.len()).sum();
        let end = self.processes.end(id).expect("a handle keeps its end");
        if end.child_ends == 0 {
            self.choices.meet(ChoiceKind::BrokenPipe);
            return Err(errno(if end.way == Way::Both { libc::EIO } else { libc::EPIPE }));
        }
        let room = FIFO_BYTES - end.to_child.len();
        let count = self.choices.write_amount(room.min(asked), &self.faults);
        if count == 0 && asked > 0 {
            self.watching(Source::Part(id), Direction::Write, SocketWatch::would_block);
            return Err(errno(libc::EAGAIN));
        }
        let end = self.processes.end(id).expect("a handle keeps its end");
        for piece in transfer::moved(data, count) {
            end.to_child.extend(piece);
        }
        if count < asked {
            self.watching(Source::Part(id), Direction::Write, SocketWatch::came_short);
        }
        self.unblock(id);
        Ok(count)
    }

    pub(super) fn end_has_hung_up(&mut self, id: PartId) -> bool {
        self.processes.end(id).is_none_or(|end| end.child_ends == 0)
    }

    /// The handle of an end was dropped. A terminal hangs its child up.
    pub(super) fn close_end(&mut self, id: PartId) {
        self.descriptors.open -= 1;
        let Some(end) = self.processes.end(id) else { return };
        end.is_held = false;
        let (child, way) = (end.child, end.way);
        self.trace.note(self.clock.now(), SystemCall::Close, id.number(), 0);
        if way == Way::Both {
            // One that is gone already needs no signal.
            let _ = self.kill(child, libc::SIGHUP);
        }
        self.unblock(id);
        if self.processes.end(id).is_some_and(|end| end.child_ends == 0) {
            self.processes.parts.remove(&id);
        }
    }
}
