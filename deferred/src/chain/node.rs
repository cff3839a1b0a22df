//! The traits by which nodes of a chain know each other, and the two loops that walk it.
//!
//! A chain is a row of nodes. Each is owned by the one before it, which tells it the result, and by
//! the one behind it, so that a cancellation finds its way:
//!
//! ```text
//!   Promise ──owns──▶ PromiseState ──owns──▶ Link ──owns──▶ Link ◀──owns── Deferred
//!                        ◀────owns──────  ◀────owns─────
//! ```
//!
//! These rings end when a result is handed on: who waits lets go of what it waited for. A result
//! always comes, from the promise or from its drop.
//!
//! Invariant: results travel down and cancellations up in a loop, one node a round; no node calls
//! the next one from inside itself, so the stack does not grow with the chain.

use alloc::rc::Rc;
use core::ptr;
use core::task::Waker;

use crate::DeferredError;
use crate::chain::result_cell::ResultCell;
use crate::deferred::State;

/// A node of a chain, whatever its types are.
pub(crate) trait Node {
    /// Hands the result to its reader, when both are there; the answer is the node to go on with.
    fn advance(self: Rc<Self>) -> Option<Rc<dyn Node>>;

    /// Cancels here, or says where to cancel instead: at what this node waits for.
    fn cancel(self: Rc<Self>) -> Option<Rc<dyn Node>>;

    /// From now on this node waits for that one; with `None` it waits for nobody.
    fn wait_for(&self, upstream: Option<Rc<dyn Node>>);

    /// Whether this node's callback has returned another Deferred that it now waits for.
    fn is_chained(&self) -> bool;

    /// Whether a task waits for this node's result, which that waker would wake. A node without a
    /// result of its own has nobody who waits.
    fn is_awaited_by(&self, _waker: &Waker) -> bool {
        false
    }
}

/// The side of a node that a result comes out of.
pub(crate) trait OutputNode<T: 'static, E: DeferredError>: Node {
    /// Where the result appears.
    fn cell(&self) -> &ResultCell<T, E>;

    /// Takes the result out, if it is there, and lets go of the node.
    fn into_state(self: Rc<Self>) -> State<T, E>;
}

/// The side of a node that a result goes into.
pub(crate) trait InputNode<T: 'static, E: DeferredError>: Node {
    /// Takes the result of the node before it, in whose slot that is, and runs the callback; the
    /// answer is this node when its own result has come.
    fn receive(self: Rc<Self>, from: &ResultCell<T, E>) -> Option<Rc<dyn Node>>;
}

/// Fires: carries results down the chain until there is no reader, or a callback has to wait.
pub(crate) fn advance(mut at: Option<Rc<dyn Node>>) {
    while let Some(node) = at {
        at = node.advance();
    }
}

/// Cancels the innermost node that `node` waits for.
pub(crate) fn cancel(node: Rc<dyn Node>) {
    let mut at = node;
    // A callback can be handed a Deferred further down its own chain and return that. Then they
    // wait for each other, and this would go round for ever (Brent's way of finding that out).
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

/// Runs its closure when it is dropped, which happens only while a panic unwinds: whoever made it
/// forgets it when all went well.
pub(crate) struct OnUnwind<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnUnwind<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
