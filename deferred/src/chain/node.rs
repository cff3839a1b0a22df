//! The traits by which the nodes of a chain know each other, and the loops that walk a chain.
//!
//! Each node is owned by the one before it, which gives it the result, and by the one behind it, so
//! that a cancellation finds its way:
//!
//! ```text
//!   Promise ──owns──▶ PromiseState ──owns──▶ Link ──owns──▶ Link ◀──owns── Deferred
//!                           ◀────owns───────  ◀────owns─────
//! ```
//!
//! A ring ends when a result is handed on: the node that waited drops what it waited for. A result
//! always comes, from the promise or from its drop.
//!
//! Invariant: results travel down and cancellations up in a loop, one node a round; no node calls
//! the next one from inside itself, so the stack does not grow with the chain.

use alloc::rc::Rc;
use core::panic::Location;
use core::ptr;
use core::task::Waker;

use super::result_cell::ResultCell;
use crate::error::{DeferredError, Firing};

/// A node of a chain, of any type.
pub(crate) trait Node {
    /// Hands the result to the reader, when both are there; returns the node to go on with.
    fn advance(self: Rc<Self>) -> Option<Rc<dyn Node>>;

    /// Cancels here, or returns the node to cancel instead: the one that this node waits for.
    fn cancel(self: Rc<Self>) -> Option<Rc<dyn Node>>;

    /// Sets the node that this one waits for.
    fn wait_for(&self, upstream: Option<Rc<dyn Node>>);

    /// Whether this node's callback has returned another Deferred that it now waits for.
    fn is_chained(&self) -> bool;

    /// Whether a task that this waker wakes waits for this node's result. False for a node without
    /// a result of its own.
    fn is_awaited_by(&self, _waker: &Waker) -> bool {
        false
    }

    /// Records in a failure that waits here the place where it was fired. A node without a result of
    /// its own has none.
    fn record_firing(&self, _firing: Firing) {}
}

/// The side of a node that a result comes out of.
pub(crate) trait OutputNode<T: 'static, E: DeferredError>: Node {
    /// Where the result appears.
    fn cell(&self) -> &ResultCell<T, E>;

    /// Takes the result out, if it is there, and drops this owner of the node.
    fn into_state(self: Rc<Self>) -> State<T, E>;

    /// Whether a result that was not seen is given back when the node is dropped, so that only a
    /// reader may take it out.
    fn gives_back(&self) -> bool {
        false
    }

    /// Drops what is left in a node whose result was taken; its memory is freed without a look at
    /// its parts.
    #[inline]
    fn drop_rest(&self) {}
}

/// The side of a node that a result goes into.
pub(crate) trait InputNode<T: 'static, E: DeferredError>: Node {
    /// Takes the result of the node before it out of that node's cell, and runs the callback;
    /// returns this node when its own result has come.
    fn receive(self: Rc<Self>, from: &ResultCell<T, E>) -> Option<Rc<dyn Node>>;
}

/// The side of a [`PromiseState`](super::promise_state::PromiseState) that a promise sees.
pub(crate) trait Settle<T: 'static, E: DeferredError>: OutputNode<T, E> {
    /// How far it has come.
    fn phase(&self) -> Phase;

    /// Settles it and returns where to put the result; `None` if it is settled already.
    fn accept(&self) -> Option<&ResultCell<T, E>>;

    /// As [`accept`](Settle::accept), if it is [`Phase::Pending`]. `None` asks for a closer look.
    fn accept_pending(&self) -> Option<&ResultCell<T, E>>;

    /// Whether the place where it is fired is recorded.
    fn is_recorded(&self) -> bool;

    /// The promise was dropped unfired.
    fn abandon(self: Rc<Self>);

    /// The end of another chain fires the promise from now on.
    fn chain(&self);
}

/// A Deferred at one moment.
pub(crate) enum State<T: 'static, E: DeferredError> {
    Fired(Result<T, E>),
    Pending(Rc<dyn OutputNode<T, E>>),
}

/// What a callback returns, as a link sees it: a Deferred.
pub(crate) trait IntoState<T: 'static, E: DeferredError> {
    /// Takes it apart.
    fn into_state(self) -> State<T, E>;
}

/// How far a promise has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It has not been fired.
    Pending,
    /// It has not been fired, and the place where it is fired is recorded.
    Recorded,
    /// The canceller runs.
    Cancelling,
    /// The canceller runs, and the promise was dropped meanwhile.
    Abandoned,
    /// The result is there, from the promise or from the cancellation.
    Settled,
}

/// Fires a promise; returns the node to go on with. A result that comes too late is dropped.
///
/// It is a function and always inlined, so that the result is made in its place. A result that is
/// made elsewhere in two words and moved by one load of both stalls that load.
#[inline(always)]
pub(crate) fn fire<T: 'static, E: DeferredError>(
    state: Rc<dyn Settle<T, E>>,
    result: Result<T, E>,
) -> Option<Rc<dyn Node>> {
    state.accept()?.put(result);
    Some(state)
}

/// Fires a promise that is not simply pending, and carries the result down the chain.
#[cold]
#[inline(never)]
pub(crate) fn fire_recording<T: 'static, E: DeferredError>(
    state: Rc<dyn Settle<T, E>>,
    result: Result<T, E>,
    place: Option<&'static Location<'static>>,
) {
    let place = place.filter(|_| state.is_recorded());
    let at = fire(state, result);
    match place {
        Some(place) => advance_recording(at, Firing { place, replaces: true }),
        None => advance(at),
    }
}

/// Carries results down the chain until there is no reader, or a callback has to wait.
pub(crate) fn advance(mut at: Option<Rc<dyn Node>>) {
    while let Some(node) = at {
        at = node.advance();
    }
}

/// As [`advance`], and records the place of the firing call in each failure on the way.
fn advance_recording(mut at: Option<Rc<dyn Node>>, mut firing: Firing) {
    while let Some(node) = at {
        node.record_firing(firing);
        // A failure that comes to the chain by itself keeps the place where it was fired.
        firing.replaces = false;
        at = Node::advance(node);
    }
}

/// Cancels the innermost node that `node` waits for.
pub(crate) fn cancel(node: Rc<dyn Node>) {
    let mut at = node;
    // A callback can be handed a Deferred further down its own chain and return that. Then they
    // wait for each other, and this would go round for ever (Brent's cycle detection).
    let (mut seen, mut steps, mut steps_max) = (Rc::as_ptr(&at), 0_usize, 1_usize);
    while let Some(next) = at.cancel() {
        if ptr::addr_eq(Rc::as_ptr(&next), seen) {
            return;
        }
        steps += 1;
        if steps == steps_max {
            (seen, steps, steps_max) = (Rc::as_ptr(&next), 0, 2 * steps_max);
        }
        at = next;
    }
}

/// Runs its closure when it is dropped, which happens only while a panic unwinds: the function that
/// made it forgets it when all went well.
pub(crate) struct OnUnwind<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnUnwind<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
