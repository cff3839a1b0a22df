//! [`Link`]: one callback of a chain and the place for what it returns, in one allocation.
//!
//! ```text
//!             receive()            the callback returned a result, or panicked
//!   waiting ────────────▶ running ────────────────────────────────────────────▶ done
//!                            │                                                   ▲
//!                            │ it returned a pending Deferred                    │
//!                            ▼                                                   │
//!                         chained ───────────────────────────────────────────────┘
//!                                              the inner one has fired
//! ```
//!
//! A waiting link waits for the node above it, a chained one for the inner Deferred, and `cancel()`
//! goes there. A link that only its reader knows is not chained: it drops out, and its reader waits
//! in its place.
//!
//! Invariant: while a callback runs the link has no upstream, so a cancellation that arrives then
//! does nothing, and nothing of the link is borrowed.

use alloc::rc::Rc;
use core::cell::Cell;
use core::mem;
use core::task::Waker;

use super::node::{self, InputNode, IntoState, Node, OnUnwind, OutputNode, State};
use super::result_cell::{self, Other, Reader, ResultCell};
use super::upstream::Upstream;
use crate::error::{Cancelled, DeferredError, Firing};

/// One callback `F`, whose result is a `Deferred<U, E>`.
pub(crate) struct Link<U: 'static, E: DeferredError, F> {
    callback: Cell<Option<F>>,
    upstream: Upstream,
    cell: ResultCell<U, E>,
}

impl<U: 'static, E: DeferredError, F> Default for Link<U, E, F> {
    #[inline]
    fn default() -> Self {
        Link {
            callback: Cell::new(None),
            upstream: Upstream::default(),
            cell: ResultCell::default(),
        }
    }
}

impl<U: 'static, E: DeferredError, F: 'static> Link<U, E, F> {
    #[inline]
    pub(crate) fn new(callback: F) -> Rc<Self> {
        // `Rc::default` makes it where it stays; `Rc::new` would make it on the stack and move it.
        let link: Rc<Self> = Rc::default();
        link.callback.set(Some(callback));
        link
    }

    /// From now on this new link waits for the node above it.
    #[inline]
    pub(crate) fn start(&self, upstream: Rc<dyn Node>) {
        self.upstream.start(upstream);
    }

    /// Leaves the result for the reader, if one waits, to be carried on by `node::advance`.
    #[inline]
    fn settle(self: Rc<Self>, result: Result<U, E>) -> Option<Rc<dyn Node>> {
        self.cell.put(result);
        Some(self)
    }

    /// The callback has returned a Deferred that is still pending.
    fn chain_to(self: Rc<Self>, inner: Rc<dyn OutputNode<U, E>>) -> Option<Rc<dyn Node>> {
        if core::ptr::addr_eq(Rc::as_ptr(&inner), Rc::as_ptr(&self)) {
            // It returned the Deferred of this very link, which would wait for itself for ever.
            return self.settle(Err(Cancelled.into()));
        }
        let reader = self.cell.read_by(None);
        match reader.as_ref().and_then(Reader::as_node) {
            // Only the reader knows this link, so the reader waits for the inner one itself,
            // and a loop written as recursion keeps one link alive instead of one for each round.
            Some(node) if Rc::weak_count(&self) == 0 => {
                node.wait_for(Some(inner.clone()));
                inner.cell().read_by(reader);
            }
            _ => {
                self.cell.read_by(reader);
                self.upstream.set(Some(inner.clone()));
                inner.cell().attach(Reader::Other(Other::Outer(self)));
            }
        }
        None
    }
}

impl<U: 'static, E: DeferredError, F: 'static> Node for Link<U, E, F> {
    fn advance(self: Rc<Self>) -> Option<Rc<dyn Node>> {
        result_cell::hand_over(self)
    }

    fn cancel(self: Rc<Self>) -> Option<Rc<dyn Node>> {
        self.upstream.get()
    }

    #[inline]
    fn wait_for(&self, upstream: Option<Rc<dyn Node>>) {
        self.upstream.set(upstream);
    }

    fn is_chained(&self) -> bool {
        let callback = self.callback.take();
        let has_run = callback.is_none();
        self.callback.set(callback);
        has_run && self.upstream.is_some()
    }

    fn is_awaited_by(&self, waker: &Waker) -> bool {
        self.cell.is_awaited_by(waker)
    }

    fn record_firing(&self, firing: Firing) {
        self.cell.record_firing(firing);
    }
}

impl<U: 'static, E: DeferredError, F: 'static> OutputNode<U, E> for Link<U, E, F> {
    fn cell(&self) -> &ResultCell<U, E> {
        &self.cell
    }

    fn into_state(self: Rc<Self>) -> State<U, E> {
        result_cell::into_state(self)
    }
}

impl<T, E, U, E2, F, D> InputNode<T, E> for Link<U, E2, F>
where
    T: 'static,
    E: DeferredError,
    U: 'static,
    E2: DeferredError,
    F: FnOnce(Result<T, E>) -> D + 'static,
    D: IntoState<U, E2>,
{
    fn receive(self: Rc<Self>, from: &ResultCell<T, E>) -> Option<Rc<dyn Node>> {
        // A link has one upstream, which fires once. The caller owns it still.
        let callback = self.callback.take()?;
        self.upstream.clear();
        let result = from.take()?;
        let unwinding = OnUnwind(|| node::advance(Rc::clone(&self).settle(Err(Cancelled.into()))));
        let returned = callback(result);
        mem::forget(unwinding);
        match returned.into_state() {
            State::Fired(result) => self.settle(result),
            State::Pending(inner) => self.chain_to(inner),
        }
    }
}
