//! [`Barrier`]: a place in a program at which a test holds it up.
//!
//! Invariant: an open barrier holds nothing.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

use deferred::{Deferred, Promise};

/// A place that a program passes, and at which a test may hold it: a connection between two steps of its
/// protocol, a reconnecting client before its next attempt. A clone is the same place.
#[derive(Clone, Default)]
pub struct Barrier(Rc<BarrierState>);

#[derive(Default)]
struct BarrierState {
    is_closed: Cell<bool>,
    passed: Cell<usize>,
    waiting: RefCell<Vec<Promise<()>>>,
}

impl Barrier {
    /// Called by the program where it passes: fires at once, or when the barrier is opened.
    pub fn pass(&self) -> Deferred<()> {
        if !self.0.is_closed.get() {
            self.0.passed.set(self.0.passed.get() + 1);
            return Deferred::succeed(());
        }
        let (deferred, promise) = Deferred::new();
        self.0.waiting.borrow_mut().push(promise);
        deferred
    }

    /// Holds what comes from now on.
    pub fn hold_back(&self) {
        self.0.is_closed.set(true);
    }

    /// Lets pass what waits, in its order, and what comes from now on.
    pub fn let_pass(&self) {
        self.0.is_closed.set(false);
        for promise in self.0.waiting.take() {
            self.0.passed.set(self.0.passed.get() + 1);
            promise.callback(());
        }
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.0.waiting.borrow().len()
    }

    /// How many have passed.
    pub fn passed(&self) -> usize {
        self.0.passed.get()
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (waiting, passed) = (self.waiting(), self.passed());
        f.debug_struct("Barrier").field("waiting", &waiting).field("passed", &passed).finish()
    }
}
