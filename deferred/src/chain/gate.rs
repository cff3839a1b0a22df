//! [`Gate`]: a place of a chain at which results can be held back; Twisted's `pause` and `unpause`.
//!
//! ```text
//!             receive()            pause()
//!   waiting ────────────▶ passed ──────────▶ holding
//!      │                     ▲                ▲ │
//!      │                     └────────────────┼─┘
//!      │        the last unpause(), or the handle is dropped
//!      └──────────────────────────────────────┘
//!                  receive() while paused
//! ```
//!
//! Invariant: a result is held only while the gate is shut. The handle that shut the gate owns it, and
//! opens it when it is dropped, so no held result is lost.

use alloc::rc::Rc;
use core::cell::Cell;
use core::task::Waker;

use super::node::{InputNode, Node, OutputNode, State};
use super::result_cell::{self, ResultCell};
use super::upstream::Upstream;
use crate::error::{DeferredError, Firing};
use crate::report::unhandled::ReportOnDrop;

/// What a handle sees of its gate.
pub(crate) trait Hold {
    /// How many pauses are not undone.
    fn pauses(&self) -> &Cell<u32>;

    /// Takes back a result that no reader has taken.
    fn hold(&self);

    /// Releases the result that is held; returns the node to go on with.
    fn release(self: Rc<Self>) -> Option<Rc<dyn Node>>;
}

pub(crate) struct Gate<T: 'static, E: DeferredError> {
    pauses: Cell<u32>,
    upstream: Upstream,
    held: Cell<ReportOnDrop<T, E>>,
    cell: ResultCell<T, E>,
}

impl<T: 'static, E: DeferredError> Gate<T, E> {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Gate {
            pauses: Cell::new(0),
            upstream: Upstream::default(),
            held: Cell::default(),
            cell: ResultCell::default(),
        })
    }
}

impl<T: 'static, E: DeferredError> Hold for Gate<T, E> {
    fn pauses(&self) -> &Cell<u32> {
        &self.pauses
    }

    fn hold(&self) {
        if let Some(result) = self.cell.take() {
            self.held.set(ReportOnDrop::new(result));
        }
    }

    fn release(self: Rc<Self>) -> Option<Rc<dyn Node>> {
        let result = self.held.take().claim()?;
        self.cell.put(result);
        Some(self)
    }
}

impl<T: 'static, E: DeferredError> Node for Gate<T, E> {
    fn advance(self: Rc<Self>) -> Option<Rc<dyn Node>> {
        result_cell::hand_over(self)
    }

    fn cancel(self: Rc<Self>) -> Option<Rc<dyn Node>> {
        self.upstream.get()
    }

    fn wait_for(&self, upstream: Option<Rc<dyn Node>>) {
        self.upstream.set(upstream);
    }

    fn is_chained(&self) -> bool {
        false
    }

    fn is_awaited_by(&self, waker: &Waker) -> bool {
        self.cell.is_awaited_by(waker)
    }

    fn record_firing(&self, firing: Firing) {
        self.cell.record_firing(firing);
    }
}

impl<T: 'static, E: DeferredError> OutputNode<T, E> for Gate<T, E> {
    fn cell(&self) -> &ResultCell<T, E> {
        &self.cell
    }

    fn into_state(self: Rc<Self>) -> State<T, E> {
        result_cell::into_state(self)
    }
}

impl<T: 'static, E: DeferredError> InputNode<T, E> for Gate<T, E> {
    fn receive(self: Rc<Self>, from: &ResultCell<T, E>) -> Option<Rc<dyn Node>> {
        self.upstream.clear();
        self.held.set(ReportOnDrop::new(from.take()?));
        match self.pauses.get() {
            0 => self.release(),
            _ => None,
        }
    }
}
