//! The triggers of a reactor's start and stop, and the holds by which they delay a stage; Twisted's
//! `_ThreePhaseEvent`.
//!
//! Invariant: a trigger is taken out before it is called; a hold counts from its making to its drop,
//! and only in the stage in which it was made.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use deferred::{Deferred, Failure};
use interfaces::{Phase, SystemEvent, Trigger, TriggerId};

/// Calls a trigger, and keeps the hold until the trigger's Deferred fires. Type-erased where a trigger
/// is added, so that the linker drops the Deferred's code from a program that adds none.
pub(crate) type TriggerCall = Box<dyn FnOnce(Option<StageHold>)>;

/// The triggers that have not been called.
#[derive(Default)]
pub(crate) struct Triggers {
    registered: RefCell<Vec<Registered>>,
    next_id: Cell<u64>,
}

struct Registered {
    id: TriggerId,
    phase: Phase,
    event: SystemEvent,
    call: TriggerCall,
}

impl Triggers {
    pub(crate) fn add(&self, phase: Phase, event: SystemEvent, trigger: Trigger) -> TriggerId {
        let call = |hold| {
            let release = move |outcome: Result<(), Failure>| {
                drop(hold);
                outcome
            };
            let deferred: Deferred<()> = trigger();
            drop(deferred.add_both(release));
        };
        self.add_call(phase, event, Box::new(call))
    }

    pub(crate) fn add_call(
        &self,
        phase: Phase,
        event: SystemEvent,
        call: TriggerCall,
    ) -> TriggerId {
        let id = self.mark();
        self.next_id.set(id.0 + 1);
        self.registered.borrow_mut().push(Registered { id, phase, event, call });
        id
    }

    pub(crate) fn remove(&self, id: TriggerId) -> bool {
        let mut registered = self.registered.borrow_mut();
        let Some(place) = registered.iter().position(|it| it.id == id) else {
            return false;
        };
        let removed = registered.remove(place);
        drop(registered);
        drop(removed);
        true
    }

    /// The next trigger of a phase, of those that were added before `mark`. Taken out one by one,
    /// so that each may remove those after it.
    pub(crate) fn next(
        &self,
        phase: Phase,
        event: SystemEvent,
        mark: TriggerId,
    ) -> Option<TriggerCall> {
        let mut registered = self.registered.borrow_mut();
        let place = registered
            .iter()
            .position(|it| it.phase == phase && it.event == event && it.id.0 < mark.0)?;
        Some(registered.remove(place).call)
    }

    /// Above all triggers that were added so far.
    pub(crate) fn mark(&self) -> TriggerId {
        TriggerId(self.next_id.get())
    }

    /// Takes all triggers; the caller drops them with nothing borrowed.
    pub(crate) fn take_all(&self) -> Vec<TriggerCall> {
        self.registered.take().into_iter().map(|registered| registered.call).collect()
    }
}

/// Counts the holds on the present stage, or on an event of the program.
#[derive(Default)]
pub(crate) struct StageHolds {
    count: Cell<usize>,
    /// Numbers the stages that can be held back: a hold of one does not count in a later one.
    round: Cell<u64>,
    /// Called when the last hold is dropped.
    released: Cell<Option<Box<dyn FnOnce()>>>,
}

impl StageHolds {
    /// Begins a stage that no hold delays yet.
    pub(crate) fn begin(&self) {
        self.count.set(0);
        self.round.set(self.round.get() + 1);
    }

    pub(crate) fn hold(self: &Rc<Self>) -> StageHold {
        self.count.set(self.count.get() + 1);
        StageHold { holds: Rc::clone(self), round: self.round.get() }
    }

    pub(crate) fn is_held(&self) -> bool {
        self.count.get() > 0
    }

    /// Calls once, when the last hold is dropped.
    pub(crate) fn when_released(&self, call: impl FnOnce() + 'static) {
        self.released.set(Some(Box::new(call)));
    }
}

/// Holds the stage back that it was made in, for as long as it is kept.
pub(crate) struct StageHold {
    holds: Rc<StageHolds>,
    round: u64,
}

impl Drop for StageHold {
    fn drop(&mut self) {
        if self.holds.round.get() == self.round {
            self.holds.count.set(self.holds.count.get() - 1);
            let released = if self.holds.is_held() { None } else { self.holds.released.take() };
            if let Some(released) = released {
                released();
            }
        }
    }
}
