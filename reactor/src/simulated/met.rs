//! [`FaultCounts`]: how many lives met which faults.
//!
//! A life is a connection, a datagram socket or a child. It meets the faults of its own calls and segments, and
//! while it lasts those of the whole machine: a poll that ends early, a clock that jumps, an accept that fails.
//!
//! Invariant: a life is counted once, at its end.

use std::fmt;

use super::ids::{ConnectionId, Source};
use super::kind::ChoiceKind;
use super::world::World;

/// How many of the lives of a simulated network met each kind of fault, and each pair of kinds.
#[derive(Clone, PartialEq, Eq)]
pub struct FaultCounts {
    begun: u64,
    lives: u64,
    /// In row and column of one kind: the lives that met it.
    pairs: Vec<[u64; ChoiceKind::COUNT]>,
}

impl Default for FaultCounts {
    fn default() -> Self {
        Self { begun: 0, lives: 0, pairs: vec![[0; ChoiceKind::COUNT]; ChoiceKind::COUNT] }
    }
}

impl fmt::Debug for FaultCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let met = ChoiceKind::ALL.iter().filter(|kind| self.of(**kind) > 0);
        let met = met.map(|kind| (kind.name(), self.of(*kind)));
        write!(f, "{} lives, ", self.lives)?;
        f.debug_map().entries(met).finish()
    }
}

impl FaultCounts {
    /// The lives that have begun; some of them may last.
    pub fn begun(&self) -> u64 {
        self.begun
    }

    /// The lives that have ended.
    pub fn lives(&self) -> u64 {
        self.lives
    }

    /// The lives that met this kind.
    pub fn of(&self, kind: ChoiceKind) -> u64 {
        self.pairs[kind as usize][kind as usize]
    }

    /// The lives that met both kinds.
    pub fn of_both(&self, one: ChoiceKind, other: ChoiceKind) -> u64 {
        self.pairs[(one as usize).min(other as usize)][(one as usize).max(other as usize)]
    }

    /// Adds the lives of another network.
    pub fn add(&mut self, other: &Self) {
        self.begun += other.begun;
        self.lives += other.lives;
        for (row, others) in self.pairs.iter_mut().zip(&other.pairs) {
            row.iter_mut().zip(others).for_each(|(count, more)| *count += more);
        }
    }

    /// Counts one life that begins.
    pub(super) fn begin(&mut self) {
        self.begun += 1;
    }

    /// Counts one life that met the kinds of these bits.
    pub(super) fn count(&mut self, met: u64) {
        self.lives += 1;
        let mut rest = met;
        while rest != 0 {
            let row = &mut self.pairs[rest.trailing_zeros() as usize];
            let mut columns = rest;
            while columns != 0 {
                row[columns.trailing_zeros() as usize] += 1;
                columns &= columns - 1;
            }
            rest &= rest - 1;
        }
    }
}

/// The bits of the kinds of faults.
const FAULTS: u64 = {
    let (mut bits, mut place) = (0, 0);
    while place < ChoiceKind::COUNT {
        if ChoiceKind::ALL[place].is_fault() {
            bits |= ChoiceKind::ALL[place].bit();
        }
        place += 1;
    }
    bits
};

impl World {
    /// Notes the faults since the last call with the life that they happened to.
    #[inline]
    pub(super) fn meets(&mut self, source: Source) {
        let met = self.choices.take_met() & FAULTS;
        if met != 0 {
            self.note_met(source, met);
        }
    }

    fn note_met(&mut self, source: Source, met: u64) {
        self.trace.note_faults(self.clock.now(), source.number(), met);
        match source {
            Source::End(id) => self.connection_meets(id.connection(), met),
            Source::Datagram(id) => {
                if let Some(socket) = self.datagrams.sockets.get_mut(&id) {
                    socket.met |= met;
                }
            }
            Source::Part(id) => {
                let owner = self.processes.owner(id);
                if let Some(child) = self.processes.child(owner) {
                    child.met |= met;
                }
            }
            Source::Listener(id) => {
                let listening = self.listeners.get(&id);
                let queued = listening.map(|listening| listening.queued()).unwrap_or_default();
                queued.into_iter().for_each(|connection| self.connection_meets(connection, met));
            }
        }
    }

    pub(super) fn connection_meets(&mut self, id: ConnectionId, met: u64) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.met |= met;
        }
    }

    /// Notes the faults since the last call with every life that lasts.
    #[inline]
    pub(super) fn all_meet(&mut self) {
        let met = self.choices.take_met() & FAULTS;
        if met != 0 {
            self.note_all_met(met);
        }
    }

    fn note_all_met(&mut self, met: u64) {
        self.trace.note_faults(self.clock.now(), 0, met);
        self.connections.each_mut(|connection| connection.met |= met);
        self.datagrams.sockets.values_mut().for_each(|socket| socket.met |= met);
        self.processes.each_child(|child| child.met |= met);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_and_each_pair_of_a_life_is_counted_once() {
        let mut counts = FaultCounts::default();
        counts.count(ChoiceKind::Reset.bit() | ChoiceKind::ShortRead.bit());
        counts.count(ChoiceKind::Reset.bit());
        assert_eq!((counts.lives(), counts.of(ChoiceKind::Reset)), (2, 2));
        assert_eq!(counts.of_both(ChoiceKind::Reset, ChoiceKind::ShortRead), 1);
        assert_eq!(counts.of_both(ChoiceKind::ShortRead, ChoiceKind::Reset), 1);
        assert_eq!(counts.of_both(ChoiceKind::Stall, ChoiceKind::Reset), 0);
        let same = counts.clone();
        counts.add(&same);
        assert_eq!((counts.lives(), counts.of(ChoiceKind::ShortRead)), (4, 2));
    }
}
