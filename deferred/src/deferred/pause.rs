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
//! Invariant: a result is held only while the gate is shut, so what it holds never gets lost: the
//! one who shut it keeps it alive and lets go of it by opening it.

use alloc::rc::Rc;
use core::cell::Cell;
use core::fmt;
use core::task::Waker;

use crate::chain::node::{self, InputNode, Node, OutputNode};
use crate::chain::result_cell::{self, Reader, ResultCell};
use crate::deferred::Deferred;
use crate::deferred::State;
use crate::error::DeferredError;
use crate::report::unhandled::ReportOnDrop;

/// Holds back what comes out of a [`Deferred`]. Made with it by [`Deferred::pausable`].
///
/// Pauses nest: two pauses need two unpauses. Dropping the handle undoes its pauses.
///
/// # Differences from Twisted
///
/// It holds the result back at the place in the chain where it was made: callbacks that were added
/// before run, those that are added after it wait. An unpause too many does nothing.
pub struct PauseHandle {
    gate: Rc<dyn Hold>,
}

impl<T: 'static, E: DeferredError> Deferred<T, E> {
    /// This Deferred, and a handle that can hold its result back, whether it is there or not.
    ///
    /// # Examples
    ///
    /// ```
    /// use ropewalk_deferred::Deferred;
    ///
    /// let (deferred, promise) = Deferred::<u32>::new();
    /// let (deferred, handle) = deferred.pausable();
    /// handle.pause();
    /// promise.callback(5);
    /// let next = deferred.add_callback(|n| Ok(n + 1));
    /// assert!(!next.is_fired());
    /// handle.unpause();
    /// assert_eq!(next.try_into_result().unwrap().unwrap(), 6);
    /// ```
    pub fn pausable(self) -> (Deferred<T, E>, PauseHandle) {
        let gate = Gate::new();
        match self.into_state() {
            State::Fired(result) => gate.cell.put(result),
            State::Pending(node) => {
                node.cell().attach(Reader::Callback(gate.clone()));
                gate.wait_for(Some(node));
            }
        }
        (Deferred::at(gate.clone()), PauseHandle { gate })
    }
}

impl PauseHandle {
    /// From now on results are held back. Twisted's `Deferred.pause`.
    ///
    /// A result that has come through already and that nobody has taken yet is held again, so a
    /// Deferred can be paused after it has fired.
    pub fn pause(&self) {
        let pauses = self.gate.pauses();
        pauses.set(pauses.get().saturating_add(1));
        self.gate.hold();
    }

    /// Undoes one [`pause`](PauseHandle::pause). If it was the last and a result is held, the
    /// callbacks that wait for it run before this returns. Twisted's `Deferred.unpause`.
    pub fn unpause(&self) {
        let pauses = self.gate.pauses();
        match pauses.get() {
            0 => {}
            1 => {
                pauses.set(0);
                node::advance(Rc::clone(&self.gate).release());
            }
            more => pauses.set(more - 1),
        }
    }

    /// Whether results are held back now.
    pub fn is_paused(&self) -> bool {
        self.gate.pauses().get() > 0
    }
}

impl Drop for PauseHandle {
    fn drop(&mut self) {
        self.gate.pauses().set(0);
        node::advance(Rc::clone(&self.gate).release());
    }
}

impl fmt::Debug for PauseHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PauseHandle").field("pauses", &self.gate.pauses().get()).finish()
    }
}

/// What a handle sees of its gate.
trait Hold {
    /// How many pauses are not undone.
    fn pauses(&self) -> &Cell<u32>;

    /// Takes back a result that nobody has taken.
    fn hold(&self);

    /// Lets go of the result that is held; the answer is the node to go on with.
    fn release(self: Rc<Self>) -> Option<Rc<dyn Node>>;
}

struct Gate<T: 'static, E: DeferredError> {
    pauses: Cell<u32>,
    waits_for: Cell<Option<Rc<dyn Node>>>,
    held: Cell<ReportOnDrop<T, E>>,
    cell: ResultCell<T, E>,
}

impl<T: 'static, E: DeferredError> Gate<T, E> {
    fn new() -> Rc<Self> {
        Rc::new(Gate {
            pauses: Cell::new(0),
            waits_for: Cell::new(None),
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
        let upstream = self.waits_for.take();
        self.waits_for.set(upstream.clone());
        upstream
    }

    fn wait_for(&self, upstream: Option<Rc<dyn Node>>) {
        self.waits_for.set(upstream);
    }

    fn is_chained(&self) -> bool {
        false
    }

    fn is_awaited_by(&self, waker: &Waker) -> bool {
        self.cell.is_awaited_by(waker)
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
        self.waits_for.set(None);
        self.held.set(ReportOnDrop::new(from.take()?));
        match self.pauses.get() {
            0 => self.release(),
            _ => None,
        }
    }
}
