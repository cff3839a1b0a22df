//! Simulated children: their state, their pipes, and the steps that they take by themselves.
//!
//! ```text
//!   spawn ──▶ Running ── exit, a signal ──▶ Ended(status) ── try_wait ──▶ reaped: gone
//! ```
//!
//! A child that writes to a full pipe or reads an empty one is blocked, until the program makes room, writes,
//! or closes. Invariant: a child that runs and is not blocked has exactly one step scheduled.

use std::collections::{BTreeMap, VecDeque};

use interfaces::{
    ChildDescriptor, ChildDescriptors, ExitStatus, OsError, SpawnError, SpawnProcess, WindowSize,
};

use super::clock::NetworkEvent;
use super::ids::{PartId, Source};
use super::kind::ChoiceKind;
use super::parts::{ChildState, EndState, FIFO_BYTES, Part, PartKind};
use super::script::{Script, Step};
use super::trace::SystemCall;
use super::world::World;
use crate::sys::Way;

/// How many bytes a child moves in one step at the most.
const STEP_BYTES: usize = 16 * 1024;

/// The pipes of a child: its descriptor, the way, and the program's end.
pub(super) type Ends = Vec<(i32, Way, PartId)>;

impl World {
    pub(super) fn spawn(&mut self, options: &SpawnProcess) -> Result<(PartId, Ends), SpawnError> {
        let program = || options.program.to_string_lossy().into_owned();
        let Some(script) = self.processes.scripts.get(&options.program).cloned() else {
            let source = OsError::from_raw_os_error(libc::ENOENT);
            return Err(SpawnError::NotExecuted { program: program(), directory: None, source });
        };
        let ways = ways(&options.descriptors);
        for opened in 0..ways.len() {
            if self.descriptors.open().is_err() {
                self.descriptors.open -= opened;
                let source = OsError::from_raw_os_error(libc::EMFILE);
                return Err(SpawnError::NotPrepared { program: program(), need: "a pipe", source });
            }
        }
        Ok(self.start(script, ways, window(&options.descriptors)))
    }

    /// Starts a program with these pipes, whose descriptors are counted; `window` is that of its terminal.
    pub(super) fn start(
        &mut self,
        script: Script,
        ways: Vec<(i32, Way)>,
        window: Option<WindowSize>,
    ) -> (PartId, Ends) {
        let child = PartId(self.connections.new_number());
        let ends: Ends =
            ways.into_iter().map(|(fd, way)| (fd, way, self.new_end(child, way))).collect();
        let mut by_number: BTreeMap<i32, PartId> =
            ends.iter().map(|(child_fd, _, end)| (*child_fd, *end)).collect();
        if let [(1, Way::Both, terminal)] = ends[..] {
            by_number = (0..=2).map(|child_fd| (child_fd, terminal)).collect();
            self.processes.end(terminal).expect("it was just made").child_ends = 3;
        }
        let state = ChildState {
            script,
            done: 0,
            moved: 0,
            ends: by_number,
            status: None,
            is_blocked: false,
            window,
            is_held: true,
            met: 0,
        };
        self.processes.parts.insert(child, Part::new(PartKind::Child(state)));
        self.fault_counts.begin();
        self.trace.note(self.clock.now(), SystemCall::Spawn, child.number(), ends.len() as i64);
        self.schedule_step(child);
        (child, ends)
    }

    fn new_end(&mut self, child: PartId, way: Way) -> PartId {
        let id = PartId(self.connections.new_number());
        let end = EndState {
            child,
            way,
            to_child: VecDeque::new(),
            from_child: VecDeque::new(),
            child_ends: 1,
            is_held: true,
        };
        self.processes.parts.insert(id, Part::new(PartKind::End(end)));
        id
    }

    /// A child that is over and that no handle leads to is forgotten.
    pub(super) fn forget_child(&mut self, child: PartId) {
        let met = self.processes.child(child).map_or(0, |state| state.met);
        self.processes.parts.remove(&child);
        self.fault_counts.count(met);
    }

    fn schedule_step(&mut self, child: PartId) {
        let Some(state) = self.processes.child(child) else { return };
        let wait = match state.script.steps.get(state.done) {
            Some(Step::Sleep(time)) => (*time).into(),
            _ => self.choices.duration(ChoiceKind::ChildPace, &state.script.pace.clone()),
        };
        self.clock.schedule(self.clock.after(wait), NetworkEvent::Child(child));
    }

    /// One step of a child.
    pub(super) fn child_steps(&mut self, child: PartId) {
        let dies = self.choices.happens(ChoiceKind::ChildDeath, self.faults.child_death);
        self.meets(Source::Part(child));
        let Some(state) = self.processes.child(child) else { return };
        if state.status.is_some() {
            return;
        }
        if dies {
            return self.child_ends(child, signaled(libc::SIGKILL));
        }
        let step = state.script.steps.get(state.done).cloned();
        let is_done = match step {
            None => return self.child_ends(child, ExitStatus::Exited(0)),
            Some(Step::Exit(code)) => return self.child_ends(child, ExitStatus::Exited(code)),
            Some(Step::Die(signal)) => return self.child_ends(child, signaled(signal)),
            Some(Step::Sleep(_)) => Moved::All,
            Some(Step::Close(child_fd)) => {
                self.child_closes(child, child_fd);
                Moved::All
            }
            Some(Step::Write(child_fd, bytes)) => self.child_writes(child, child_fd, &bytes),
            Some(Step::Read(child_fd, length)) => self.child_reads(child, child_fd, length),
            Some(Step::Echo) => self.child_echoes(child),
        };
        self.child_moved(child, is_done);
    }

    fn child_moved(&mut self, child: PartId, moved: Moved) {
        let Some(state) = self.processes.child(child) else { return };
        match moved {
            Moved::All => {
                state.done += 1;
                state.moved = 0;
            }
            Moved::Part(bytes) => state.moved += bytes,
            Moved::Nothing => {
                state.is_blocked = true;
                return;
            }
            Moved::Broken if state.script.ignored.contains(&libc::SIGPIPE) => {
                state.done += 1;
                state.moved = 0;
            }
            Moved::Broken => return self.child_ends(child, signaled(libc::SIGPIPE)),
        }
        self.schedule_step(child);
    }

    fn child_writes(&mut self, child: PartId, child_fd: i32, bytes: &[u8]) -> Moved {
        let piece = self.choices.piece(ChoiceKind::ChildPiece, STEP_BYTES);
        let Some(state) = self.processes.child(child) else { return Moved::All };
        let left = &bytes[state.moved.min(bytes.len())..];
        // What leads to no pipe of this program takes everything.
        let Some(&end) = state.ends.get(&child_fd) else { return Moved::All };
        self.push(end, &left[..left.len().min(piece)], left.len())
    }

    /// Writes a piece of the `left` bytes into a pipe.
    fn push(&mut self, end: PartId, piece: &[u8], left: usize) -> Moved {
        let Some(state) = self.processes.end(end) else { return Moved::Broken };
        if !state.is_held {
            return Moved::Broken;
        }
        let count = piece.len().min(FIFO_BYTES - state.from_child.len());
        state.from_child.extend(&piece[..count]);
        if count > 0 {
            self.became_readable(Source::Part(end));
        }
        match count {
            _ if count == left => Moved::All,
            0 => Moved::Nothing,
            _ => Moved::Part(count),
        }
    }

    fn child_reads(&mut self, child: PartId, child_fd: i32, length: usize) -> Moved {
        let piece = self.choices.piece(ChoiceKind::ChildPiece, STEP_BYTES);
        let Some(state) = self.processes.child(child) else { return Moved::All };
        let left = length.saturating_sub(state.moved);
        let Some(&end) = state.ends.get(&child_fd) else { return Moved::All };
        match self.pull(end, left.min(piece)) {
            None => Moved::All,
            Some(bytes) if bytes.len() == left => Moved::All,
            Some(bytes) if bytes.is_empty() => Moved::Nothing,
            Some(bytes) => Moved::Part(bytes.len()),
        }
    }

    /// Takes at most this number of bytes that wait for the child; `None` is the end of file.
    fn pull(&mut self, end: PartId, at_most: usize) -> Option<Vec<u8>> {
        let state = self.processes.end(end)?;
        if state.to_child.is_empty() && !state.is_held {
            return None;
        }
        let count = state.to_child.len().min(at_most);
        let bytes = state.to_child.drain(..count).collect();
        if count > 0 {
            self.became_writable(Source::Part(end));
        }
        Some(bytes)
    }

    fn child_echoes(&mut self, child: PartId) -> Moved {
        let piece = self.choices.piece(ChoiceKind::ChildPiece, STEP_BYTES);
        let Some(state) = self.processes.child(child) else { return Moved::All };
        let (Some(&input), Some(&output)) = (state.ends.get(&0), state.ends.get(&1)) else {
            return Moved::All;
        };
        let room = match self.processes.end(output) {
            Some(state) if state.is_held => FIFO_BYTES - state.from_child.len(),
            _ => return Moved::Broken,
        };
        match self.pull(input, room.min(piece)) {
            None => Moved::All,
            Some(bytes) if bytes.is_empty() => Moved::Nothing,
            Some(bytes) => {
                self.push(output, &bytes, usize::MAX);
                Moved::Part(0)
            }
        }
    }

    fn child_closes(&mut self, child: PartId, child_fd: i32) {
        let closed = self.processes.child(child).and_then(|state| state.ends.remove(&child_fd));
        if let Some(end) = closed {
            self.child_leaves(end);
        }
    }

    /// One of the child's descriptors of a pipe is closed.
    fn child_leaves(&mut self, end: PartId) {
        let Some(state) = self.processes.end(end) else { return };
        state.child_ends -= 1;
        if state.child_ends > 0 {
            return;
        }
        if state.is_held {
            self.became_readable(Source::Part(end));
            self.became_writable(Source::Part(end));
        } else {
            self.processes.parts.remove(&end);
        }
    }

    pub(super) fn child_ends(&mut self, child: PartId, status: ExitStatus) {
        let Some(state) = self.processes.child(child) else { return };
        state.status = Some(status);
        let (ends, is_held) = (std::mem::take(&mut state.ends), state.is_held);
        let answer = match status {
            ExitStatus::Exited(code) => i64::from(code),
            ExitStatus::Signaled { signal, .. } => -i64::from(signal),
            _ => 0,
        };
        self.trace.note(self.clock.now(), SystemCall::Exit, child.number(), answer);
        ends.into_values().for_each(|end| self.child_leaves(end));
        if is_held {
            self.became_readable(Source::Part(child));
        } else {
            self.forget_child(child);
        }
    }

    /// The program has made room, written, or closed its end.
    pub(super) fn unblock(&mut self, end: PartId) {
        let Some(child) = self.processes.end(end).map(|end| end.child) else { return };
        let Some(state) = self.processes.child(child) else { return };
        if std::mem::take(&mut state.is_blocked) {
            self.schedule_step(child);
        }
    }
}

/// How much of a step was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moved {
    All,
    Part(usize),
    /// It has to wait for the program.
    Nothing,
    /// There is no reader.
    Broken,
}

pub(super) fn signaled(signal: i32) -> ExitStatus {
    ExitStatus::Signaled { signal, core_dumped: false }
}

/// The size of the window of the terminal that these descriptors ask for, if it is one.
fn window(descriptors: &ChildDescriptors) -> Option<WindowSize> {
    match descriptors {
        ChildDescriptors::Terminal(window) => Some(*window),
        _ => None,
    }
}

/// The pipes that these descriptors ask for.
fn ways(descriptors: &ChildDescriptors) -> Vec<(i32, Way)> {
    match descriptors {
        ChildDescriptors::Each(each) => {
            let pipes = each.iter().filter_map(|(child_fd, descriptor)| match descriptor {
                ChildDescriptor::PipeToChild => Some((*child_fd, Way::ToChild)),
                ChildDescriptor::PipeFromChild => Some((*child_fd, Way::FromChild)),
                _ => None,
            });
            pipes.collect()
        }
        _ => vec![(1, Way::Both)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_one_end_and_other_descriptors_are_pipes_by_their_numbers() {
        assert_eq!(ways(&ChildDescriptors::Terminal(Default::default())), [(1, Way::Both)]);
        let standard = [(0, Way::ToChild), (1, Way::FromChild), (2, Way::FromChild)];
        assert_eq!(ways(&ChildDescriptors::default()), standard);
    }
}
