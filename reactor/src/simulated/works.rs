//! Work for other threads, done by the simulated system itself at times that are drawn.
//!
//! Invariant: work is done in a poll, with the network not borrowed, and on the reactor's thread.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::clock::NetworkEvent;
use super::kind::ChoiceKind;
use super::network::Simulated;
use super::world::World;

pub(super) type SimulatedWork = Box<dyn FnOnce() + Send>;

/// How long a piece of work takes.
const TIME: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_millis(20);

/// The work that was handed out.
#[derive(Default)]
pub(super) struct Works {
    /// `None` where threads do it.
    under_way: Option<BTreeMap<u64, SimulatedWork>>,
    due: Vec<SimulatedWork>,
    next_number: u64,
}

impl fmt::Debug for Works {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Works").field("due", &self.due.len()).finish_non_exhaustive()
    }
}

impl Simulated {
    /// From now on work for the reactor's pool is done by the network itself, on the reactor's thread: each piece
    /// ends at a time that is drawn, so the pieces end in any order, and a run has no other threads that could make
    /// it differ from the next. Work that waits for other work would wait for ever.
    pub fn do_work(&self) {
        self.world.borrow_mut().works.under_way.get_or_insert_default();
    }

    pub(super) fn take(&self, work: SimulatedWork) -> Option<SimulatedWork> {
        self.world.borrow_mut().take_work(work)
    }

    /// Does the work that is due.
    pub(super) fn do_due_work(&self) {
        let due = std::mem::take(&mut self.world.borrow_mut().works.due);
        due.into_iter().for_each(|work| work());
    }
}

impl World {
    fn take_work(&mut self, work: SimulatedWork) -> Option<SimulatedWork> {
        let Some(under_way) = &mut self.works.under_way else { return Some(work) };
        let number = self.works.next_number;
        self.works.next_number += 1;
        under_way.insert(number, work);
        let time = self.clock.after(self.choices.duration(ChoiceKind::Work, &TIME));
        self.clock.schedule(time, NetworkEvent::Work(number));
        None
    }

    pub(super) fn work_is_due(&mut self, number: u64) {
        if let Some(work) = self.works.under_way.as_mut().and_then(|all| all.remove(&number)) {
            self.works.due.push(work);
        }
    }

    pub(super) fn has_due_work(&self) -> bool {
        !self.works.due.is_empty()
    }
}
