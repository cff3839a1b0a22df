//! [`Tasks`]: the tasks of one runner, each in a slot of its own.
//!
//! ```text
//!             put_back()                       take()
//!   polled ───────────────▶ suspended ──────────────────▶ polled ──▶ …
//!      │                        │
//!      └──── remove() ──────────┴──▶ gone
//! ```
//!
//! Invariant: no future is dropped in here. Each is returned to the caller, as its drop is foreign
//! code.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;
use core::pin::Pin;

use super::body::Run;
use crate::wake::awaits::Awaits;
use crate::wake::waker::TaskWaker;

/// All tasks of a runner.
#[derive(Default)]
pub(crate) struct Tasks {
    places: Vec<TaskSlot>,
    /// The first vacant place, or the length.
    vacant: usize,
    count: usize,
}

enum TaskSlot {
    Taken(Task),
    /// The next vacant place, or the length.
    Vacant(usize),
}

struct Task {
    waker: TaskWaker,
    /// `None` while it is polled.
    suspended: Option<Suspended>,
    /// A cancellation waits for it to suspend.
    cancelled: bool,
}

/// A task between two polls.
pub(crate) struct Suspended {
    pub(crate) body: Pin<Box<dyn Run>>,
    pub(crate) awaits: Awaits,
}

/// The state of a task, as a cancellation needs it.
pub(crate) enum Standing<'a> {
    Gone,
    Polled,
    Suspended(&'a Awaits),
}

/// The state of a task that was put back.
pub(crate) enum PutBack {
    Suspended,
    /// It is suspended, and a cancellation has waited for that.
    Cancelled,
    /// It was removed while it was polled.
    Gone(Suspended),
}

impl Tasks {
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The key of the next task that is added.
    pub(crate) fn vacant(&self) -> usize {
        self.vacant
    }

    /// Adds the task of a waker that was made with the vacant key.
    pub(crate) fn add(&mut self, waker: TaskWaker, suspended: Suspended) {
        let key = self.vacant;
        let task = Task { waker, suspended: Some(suspended), cancelled: false };
        match self.places.get_mut(key) {
            None => {
                self.places.push(TaskSlot::Taken(task));
                self.vacant = key + 1;
            }
            Some(place) => {
                if let TaskSlot::Vacant(next) = mem::replace(place, TaskSlot::Taken(task)) {
                    self.vacant = next;
                }
            }
        }
        self.count += 1;
    }

    pub(crate) fn take(&mut self, waker: &TaskWaker) -> Option<Suspended> {
        self.find(waker)?.suspended.take()
    }

    pub(crate) fn put_back(&mut self, waker: &TaskWaker, suspended: Suspended) -> PutBack {
        match self.find(waker) {
            None => PutBack::Gone(suspended),
            Some(task) => {
                task.suspended = Some(suspended);
                match mem::take(&mut task.cancelled) {
                    true => PutBack::Cancelled,
                    false => PutBack::Suspended,
                }
            }
        }
    }

    pub(crate) fn standing(&mut self, waker: &TaskWaker) -> Standing<'_> {
        match self.find(waker) {
            None => Standing::Gone,
            Some(Task { suspended: None, .. }) => Standing::Polled,
            Some(Task { suspended: Some(suspended), .. }) => Standing::Suspended(&suspended.awaits),
        }
    }

    /// Has a cancellation wait until the task suspends the next time.
    pub(crate) fn cancel_later(&mut self, waker: &TaskWaker) {
        if let Some(task) = self.find(waker) {
            task.cancelled = true;
        }
    }

    pub(crate) fn remove(&mut self, waker: &TaskWaker) -> Option<Suspended> {
        self.find(waker)?;
        let key = waker.key();
        let place = mem::replace(self.places.get_mut(key)?, TaskSlot::Vacant(self.vacant));
        self.vacant = key;
        self.count -= 1;
        match place {
            TaskSlot::Taken(task) => task.suspended,
            TaskSlot::Vacant(_) => None,
        }
    }

    /// Removes all; the caller drops them one by one, with nothing borrowed.
    pub(crate) fn take_all(&mut self) -> Vec<Suspended> {
        let suspended = |place| match place {
            TaskSlot::Taken(task) => task.suspended,
            TaskSlot::Vacant(_) => None,
        };
        mem::take(self).places.into_iter().filter_map(suspended).collect()
    }

    /// The task of this waker, unless it is gone and its place another's.
    fn find(&mut self, waker: &TaskWaker) -> Option<&mut Task> {
        match self.places.get_mut(waker.key())? {
            TaskSlot::Taken(task) if task.waker.is(waker) => Some(task),
            TaskSlot::Taken(_) | TaskSlot::Vacant(_) => None,
        }
    }
}
