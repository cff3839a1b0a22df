//! [`PromiseState`]: what a promise and its Deferred share, in one allocation; the head of every chain.
//!
//! ```text
//!             fire(), or the promise is dropped: abandon()
//!   pending ───────────────────────────────────────────────▶ settled ──▶ fire() is swallowed
//!      │                                                        ▲
//!      │ cancel()                                               │
//!      └────────────▶ cancelling ───────────────────────────────┘
//!                                   the canceller has stopped the work, panicked, or fired the promise
//! ```
//!
//! A canceller is one of two kinds. One stops the work, and then the state settles. The other asks for
//! it to stop, and the state is pending again until the promise fires.
//!
//! Invariant: it settles once. A later result is dropped and not reported: it is the answer of a
//! producer that did not know yet of the cancellation.

use alloc::rc::Rc;
use core::cell::Cell;
use core::mem;
use core::panic::Location;
use core::task::Waker;

use super::node::{self, Node, OnUnwind, OutputNode, Phase, Settle, State};
use super::result_cell::{self, ResultCell};
use crate::error::{Cancelled, DeferredError, Firing, quieten};
use crate::report::quiet;
use crate::report::unhandled::{self, ReportOnDrop};

/// The head of a chain, with its canceller.
pub(crate) struct PromiseState<T: 'static, E: DeferredError, C> {
    phase: Cell<Phase>,
    /// Its promise is to be fired by the end of another chain.
    chained: Cell<bool>,
    canceller: Cell<Option<C>>,
    cell: ResultCell<T, E>,
    made_at: Cell<Option<&'static Location<'static>>>,
}

/// The closure that is called when a promise's Deferred is cancelled.
pub(crate) trait Canceller<T, E>: Sized + 'static {
    /// Called while the promise is pending.
    fn cancel(self) -> Cancellation<T, E, Self>;
}

/// What a canceller has done.
pub(crate) enum Cancellation<T, E, C> {
    /// It has stopped the work, and may have chosen the outcome.
    Stopped(Option<Result<T, E>>),
    /// It has asked for the work to be stopped; the promise will fire.
    Asked(C),
}

/// A canceller that stops the work.
pub(crate) struct Stop<F>(pub(crate) F);

/// A canceller that asks for the work to be stopped.
pub(crate) struct Ask<F>(pub(crate) F);

impl<T, E, F> Canceller<T, E> for Stop<F>
where
    F: FnOnce() -> Option<Result<T, E>> + 'static,
{
    fn cancel(self) -> Cancellation<T, E, Self> {
        Cancellation::Stopped((self.0)())
    }
}

impl<T, E, F: FnMut() + 'static> Canceller<T, E> for Ask<F> {
    fn cancel(mut self) -> Cancellation<T, E, Self> {
        (self.0)();
        Cancellation::Asked(self)
    }
}

impl<T: 'static, E: DeferredError, C> Default for PromiseState<T, E, C> {
    #[inline]
    fn default() -> Self {
        PromiseState {
            phase: Cell::new(Phase::Pending),
            chained: Cell::new(false),
            canceller: Cell::new(None),
            cell: ResultCell::default(),
            made_at: Cell::new(None),
        }
    }
}

impl<T, E, C> PromiseState<T, E, C>
where
    T: 'static,
    E: DeferredError,
    C: Canceller<T, E>,
{
    #[inline]
    pub(crate) fn new(canceller: C, made_at: Option<&'static Location<'static>>) -> Rc<Self> {
        // `Rc::default` makes it where it stays; `Rc::new` would make it on the stack and move it.
        let state: Rc<Self> = Rc::default();
        state.canceller.set(Some(canceller));
        if let Some(place) = made_at {
            state.record(place);
        }
        state
    }

    /// Records where it was made, and from now on where it is fired.
    #[cold]
    fn record(&self, place: &'static Location<'static>) {
        self.made_at.set(Some(place));
        self.phase.set(Phase::Recorded);
    }

    /// Takes its result; returns the node to go on with, which drops the canceller first.
    fn settle(self: Rc<Self>, result: Result<T, E>) -> Option<Rc<dyn Node>> {
        self.phase.set(Phase::Settled);
        self.cell.put(result);
        Some(self)
    }

    /// Settles it if foreign code panics.
    fn stopped_on_unwind(self: &Rc<Self>) -> OnUnwind<impl FnMut()> {
        OnUnwind(|| node::advance(Rc::clone(self).stopped(None)))
    }

    /// Drops the canceller, whose destructor is foreign code.
    fn drop_canceller(self: &Rc<Self>) {
        // A task is woken before that, since it may panic.
        self.cell.wake();
        let unwinding = OnUnwind(|| node::advance(result_cell::hand_over(Rc::clone(self))));
        drop(self.canceller.take());
        mem::forget(unwinding);
    }

    /// The work was stopped: the outcome counts, unless the promise was fired meanwhile.
    fn stopped(self: Rc<Self>, outcome: Option<Result<T, E>>) -> Option<Rc<dyn Node>> {
        match self.phase.get() {
            Phase::Pending | Phase::Recorded | Phase::Cancelling | Phase::Abandoned => {
                self.settle(outcome.unwrap_or_else(|| Err(Cancelled.into())))
            }
            Phase::Settled => {
                drop(outcome.map(ReportOnDrop::new));
                None
            }
        }
    }

    /// The work was asked to stop, which a promise that was dropped has done.
    fn asked(self: Rc<Self>, canceller: C) -> Option<Rc<dyn Node>> {
        match self.phase.get() {
            Phase::Pending | Phase::Recorded | Phase::Cancelling => {
                self.phase.set(if self.is_recorded() { Phase::Recorded } else { Phase::Pending });
                self.canceller.set(Some(canceller));
                None
            }
            Phase::Abandoned if self.cell.has_reader() => {
                self.canceller.set(Some(canceller));
                self.settle(Err(Cancelled.into()))
            }
            Phase::Abandoned => {
                // There is no reader, so the error is dropped here, and so before the canceller.
                drop(self.settle(Err(Cancelled.into())));
                None
            }
            Phase::Settled => None,
        }
    }
}

impl<T, E, C> Node for PromiseState<T, E, C>
where
    T: 'static,
    E: DeferredError,
    C: Canceller<T, E>,
{
    fn advance(self: Rc<Self>) -> Option<Rc<dyn Node>> {
        if mem::needs_drop::<C>() {
            self.drop_canceller();
        }
        result_cell::hand_over(self)
    }

    fn cancel(self: Rc<Self>) -> Option<Rc<dyn Node>> {
        match self.phase.get() {
            Phase::Cancelling | Phase::Abandoned | Phase::Settled => return None,
            Phase::Pending | Phase::Recorded => self.phase.set(Phase::Cancelling),
        }
        let unwinding = self.stopped_on_unwind();
        let cancellation = self.canceller.take().map(Canceller::cancel);
        mem::forget(unwinding);
        node::advance(match cancellation {
            Some(Cancellation::Asked(canceller)) => self.asked(canceller),
            Some(Cancellation::Stopped(outcome)) => self.stopped(outcome),
            None => self.stopped(None),
        });
        None
    }

    fn wait_for(&self, _upstream: Option<Rc<dyn Node>>) {}

    fn is_chained(&self) -> bool {
        self.chained.get()
    }

    fn is_awaited_by(&self, waker: &Waker) -> bool {
        self.cell.is_awaited_by(waker)
    }

    fn record_firing(&self, firing: Firing) {
        self.cell.record_firing(firing);
    }
}

impl<T, E, C> OutputNode<T, E> for PromiseState<T, E, C>
where
    T: 'static,
    E: DeferredError,
    C: Canceller<T, E>,
{
    fn cell(&self) -> &ResultCell<T, E> {
        &self.cell
    }

    fn into_state(self: Rc<Self>) -> State<T, E> {
        result_cell::into_state(self)
    }
}

impl<T, E, C> Settle<T, E> for PromiseState<T, E, C>
where
    T: 'static,
    E: DeferredError,
    C: Canceller<T, E>,
{
    fn phase(&self) -> Phase {
        self.phase.get()
    }

    #[inline]
    fn accept(&self) -> Option<&ResultCell<T, E>> {
        match self.phase.replace(Phase::Settled) {
            Phase::Pending | Phase::Recorded | Phase::Cancelling | Phase::Abandoned => {
                Some(&self.cell)
            }
            Phase::Settled => None,
        }
    }

    #[inline]
    fn accept_pending(&self) -> Option<&ResultCell<T, E>> {
        match self.phase.get() {
            Phase::Pending => {
                self.phase.set(Phase::Settled);
                Some(&self.cell)
            }
            Phase::Recorded | Phase::Cancelling | Phase::Abandoned | Phase::Settled => None,
        }
    }

    fn is_recorded(&self) -> bool {
        self.made_at.get().is_some()
    }

    fn abandon(self: Rc<Self>) {
        match self.phase.get() {
            Phase::Pending | Phase::Recorded => {}
            // A canceller often drops the promise with the work: what it returns counts.
            Phase::Cancelling => {
                self.phase.set(Phase::Abandoned);
                return;
            }
            Phase::Abandoned | Phase::Settled => return,
        }
        if Rc::strong_count(&self) == 1 && !self.cell.has_reader() {
            // The Deferred is gone, too, and there is no reader, so there is nothing to report.
            self.phase.set(Phase::Settled);
            return;
        }
        if quiet::is_quiet() {
            return node::advance(self.stopped(Some(Err(quieten(Cancelled.into())))));
        }
        let unwinding = self.stopped_on_unwind();
        unhandled::promise_dropped::<T>(self.made_at.get());
        mem::forget(unwinding);
        node::advance(self.stopped(None));
    }

    fn chain(&self) {
        self.chained.set(true);
    }
}
