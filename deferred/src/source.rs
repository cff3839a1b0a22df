//! [`Source`]: what a promise and its Deferred share, in one allocation; the head of every chain.
//!
//! ```text
//!             fire(), or the promise is dropped: abandon()
//!   pending ───────────────────────────────────────────────▶ settled ──▶ fire() is swallowed
//!      │                                                        ▲
//!      │ cancel()                                               │
//!      └────────────▶ cancelling ───────────────────────────────┘
//!                                   the canceller returned, panicked, or fired the promise
//! ```
//!
//! Invariant: it settles once. What comes after that is dropped without a word, because it is the
//! answer of a producer that did not know yet that nobody wants it any more.

use alloc::rc::{Rc, Weak};
use core::cell::Cell;
use core::mem;

use crate::node::{self, Node, OnUnwind, Output};
use crate::slot::Slot;
use crate::unhandled::{self, Unclaimed};
use crate::{Cancelled, Fault};

/// The head of a chain, with its canceller.
pub(crate) struct Source<T: 'static, E: Fault, C> {
    phase: Cell<Phase>,
    canceller: Cell<Option<C>>,
    slot: Slot<T, E>,
}

/// How far a source has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The promise has not been fired.
    Pending,
    /// The canceller runs.
    Cancelling,
    /// It has its result, from the promise or from the cancellation.
    Settled,
}

/// What a promise sees of its source.
pub(crate) trait Settle<T: 'static, E: Fault>: Output<T, E> {
    /// How far the source has come.
    fn phase(&self) -> Phase;

    /// The promise fires.
    fn fire(self: Rc<Self>, result: Result<T, E>);

    /// The promise was dropped unfired.
    fn abandon(self: Rc<Self>);
}

impl<T, E, C> Source<T, E, C>
where
    T: 'static,
    E: Fault,
    C: FnOnce() -> Option<Result<T, E>> + 'static,
{
    pub(crate) fn new(canceller: C) -> Rc<Self> {
        Rc::new(Source {
            phase: Cell::new(Phase::Pending),
            canceller: Cell::new(Some(canceller)),
            slot: Slot::new(),
        })
    }

    /// Takes its result and runs the chain.
    fn settle(self: Rc<Self>, result: Result<T, E>) {
        self.phase.set(Phase::Settled);
        let waiting = self.slot.put(result);
        drop(self.canceller.take());
        if waiting {
            node::advance(Some(self));
        }
    }

    /// The canceller is through: its outcome counts, unless it has fired the promise.
    fn cancelled(self: Rc<Self>, outcome: Option<Result<T, E>>) {
        match self.phase.get() {
            Phase::Pending | Phase::Cancelling => {
                self.settle(outcome.unwrap_or_else(|| Err(Cancelled.into())));
            }
            Phase::Settled => drop(outcome.map(Unclaimed::new)),
        }
    }
}

impl<T, E, C> Node for Source<T, E, C>
where
    T: 'static,
    E: Fault,
    C: FnOnce() -> Option<Result<T, E>> + 'static,
{
    fn advance(self: Rc<Self>) -> Option<Rc<dyn Node>> {
        let (reader, result) = self.slot.pair()?;
        drop(self);
        reader.give(result)
    }

    fn cancel(self: Rc<Self>) -> Option<Rc<dyn Node>> {
        match self.phase.get() {
            Phase::Cancelling | Phase::Settled => return None,
            Phase::Pending => self.phase.set(Phase::Cancelling),
        }
        let unwinding = OnUnwind(|| Rc::clone(&self).cancelled(None));
        let outcome = self.canceller.take().and_then(|canceller| canceller());
        mem::forget(unwinding);
        self.cancelled(outcome);
        None
    }

    fn wait_for(&self, _upstream: Option<Weak<dyn Node>>) {}

    fn is_chained(&self) -> bool {
        false
    }
}

impl<T, E, C> Output<T, E> for Source<T, E, C>
where
    T: 'static,
    E: Fault,
    C: FnOnce() -> Option<Result<T, E>> + 'static,
{
    fn slot(&self) -> &Slot<T, E> {
        &self.slot
    }
}

impl<T, E, C> Settle<T, E> for Source<T, E, C>
where
    T: 'static,
    E: Fault,
    C: FnOnce() -> Option<Result<T, E>> + 'static,
{
    fn phase(&self) -> Phase {
        self.phase.get()
    }

    fn fire(self: Rc<Self>, result: Result<T, E>) {
        match self.phase.get() {
            Phase::Pending | Phase::Cancelling => self.settle(result),
            Phase::Settled => drop(result),
        }
    }

    fn abandon(self: Rc<Self>) {
        match self.phase.get() {
            Phase::Pending => {}
            // A canceller often drops the promise with the work: what it returns counts.
            Phase::Cancelling | Phase::Settled => return,
        }
        if Rc::strong_count(&self) == 1 && !self.slot.has_reader() {
            // The Deferred is gone, too: nobody waits, so there is nothing to say.
            self.phase.set(Phase::Settled);
            return;
        }
        unhandled::promise_dropped::<T>();
        self.cancelled(None);
    }
}
