//! [`ResultCell`]: where a node's result meets its reader, whichever comes first.
//!
//! ```text
//!                  ┌─ put(result) ──▶ result waits ─┐
//!   empty ─────────┤                                ├──▶ both there ── hand_over() ──▶ empty, for good
//!                  └─ read_by(reader) ▶ reader waits ┘
//! ```
//!
//! Invariant: a reader always gets a result. No cell is dropped while one waits: a promise fires or is
//! dropped, which fires, and a link and what it waits for own each other until then. Foreign code that
//! may panic before the result is handed over runs beside an `OnUnwind` that does it then.

use alloc::rc::Rc;
use core::cell::Cell;
use core::mem;
use core::task::Waker;

use super::node::{self, InputNode, Node, OutputNode, Settle, State};
use crate::error::{DeferredError, Firing};
use crate::report::unhandled::ReportOnDrop;

/// Where a node's result meets its reader.
pub(crate) struct ResultCell<T: 'static, E: DeferredError> {
    result: Cell<ReportOnDrop<T, E>>,
    reader: Cell<Option<Reader<T, E>>>,
}

/// What takes the result of a cell.
pub(crate) enum Reader<T: 'static, E: DeferredError> {
    /// The next callback of the chain.
    Callback(Rc<dyn InputNode<T, E>>),
    /// Any other reader.
    Other(Other<T, E>),
}

/// A reader that is no callback.
pub(crate) enum Other<T: 'static, E: DeferredError> {
    /// The node whose callback returned the Deferred of this cell.
    Outer(Rc<dyn OutputNode<T, E>>),
    /// The state of a promise that was chained to the Deferred of this cell.
    Promise(Rc<dyn Settle<T, E>>),
    /// A task that is woken and then takes the result itself.
    Task(Waker),
}

impl<T: 'static, E: DeferredError> Default for ResultCell<T, E> {
    #[inline]
    fn default() -> Self {
        ResultCell { result: Cell::default(), reader: Cell::new(None) }
    }
}

impl<T: 'static, E: DeferredError> ResultCell<T, E> {
    /// Leaves a result here, where none was. The node has to `advance` then.
    #[inline]
    pub(crate) fn put(&self, result: Result<T, E>) {
        let before = self.result.replace(ReportOnDrop::new(result));
        debug_assert!(!before.is_some(), "a node has one result");
        // Known empty; `forget` saves the drop check.
        mem::forget(before);
    }

    /// Wakes the task that waits here, if one does.
    pub(crate) fn wake(&self) {
        match self.reader.take() {
            Some(Reader::Other(Other::Task(waker))) => waker.wake(),
            reader => self.reader.set(reader),
        }
    }

    /// Takes the result, if it is there.
    #[inline]
    pub(crate) fn take(&self) -> Option<Result<T, E>> {
        self.result.take().claim()
    }

    /// Whether a result waits here.
    #[inline]
    pub(crate) fn is_fired(&self) -> bool {
        let result = self.result.take();
        let fired = result.is_some();
        self.result.set(result);
        fired
    }

    /// Records in a failure that waits here the place where it was fired.
    pub(crate) fn record_firing(&self, firing: Firing) {
        let mut result = self.result.take();
        if let Some(Err(error)) = result.as_mut() {
            firing.record_in(error);
        }
        self.result.set(result);
    }

    /// Shows the result. It is taken out meanwhile, because its `Debug` is foreign code.
    pub(crate) fn show<R>(&self, look: impl FnOnce(Option<&Result<T, E>>) -> R) -> R {
        let shown = Shown { cell: self, result: self.result.take() };
        look(shown.result.as_ref())
    }

    /// Whether a reader waits here.
    #[inline]
    pub(crate) fn has_reader(&self) -> bool {
        let reader = self.reader.take();
        let waits = reader.is_some();
        self.reader.set(reader);
        waits
    }

    /// Whether a task waits here which that waker would wake.
    pub(crate) fn is_awaited_by(&self, waker: &Waker) -> bool {
        let reader = self.reader.take();
        let awaited =
            matches!(&reader, Some(Reader::Other(Other::Task(own))) if own.will_wake(waker));
        self.reader.set(reader);
        awaited
    }

    /// Adds a reader where none waited.
    #[inline]
    pub(crate) fn attach(&self, reader: Reader<T, E>) {
        let before = self.reader.replace(Some(reader));
        debug_assert!(before.is_none(), "a reader has taken the Deferred");
        // Known empty; `forget` saves the drop check.
        mem::forget(before);
    }

    /// Sets the reader; returns the one that waited before.
    #[inline]
    pub(crate) fn read_by(&self, reader: Option<Reader<T, E>>) -> Option<Reader<T, E>> {
        self.reader.replace(reader)
    }
}

/// Hands a node's result to its reader, if one waits: what every node does to `advance`.
///
/// A callback takes it out of the cell, so that it is not moved any more often than that.
#[inline]
pub(crate) fn hand_over<T, E, N>(node: Rc<N>) -> Option<Rc<dyn Node>>
where
    T: 'static,
    E: DeferredError,
    N: OutputNode<T, E> + 'static,
{
    match node.cell().reader.take()? {
        Reader::Callback(link) => {
            let next = link.receive(node.cell());
            free(node);
            next
        }
        Reader::Other(other) => hand_over_to(other, node),
    }
}

/// Hands over to any other reader: a function of its own, and none for each kind of node, to be out
/// of the way of a callback.
#[inline(never)]
fn hand_over_to<T: 'static, E: DeferredError>(
    reader: Other<T, E>,
    node: Rc<dyn OutputNode<T, E>>,
) -> Option<Rc<dyn Node>> {
    match reader {
        Other::Outer(outer) => pass_on(outer, take_from(node)?),
        Other::Promise(state) => node::fire(state, take_from(node)?),
        // It owns the node, and takes the result itself.
        Other::Task(waker) => {
            waker.wake();
            None
        }
    }
}

/// Takes a node's result out, if it is there, and drops this owner of the node: what every node does when its
/// Deferred is taken apart.
#[inline]
pub(crate) fn into_state<T, E, N>(node: Rc<N>) -> State<T, E>
where
    T: 'static,
    E: DeferredError,
    N: OutputNode<T, E> + 'static,
{
    match node.cell().take() {
        Some(result) => {
            free(node);
            State::Fired(result)
        }
        None => State::Pending(node),
    }
}

/// Takes the result of a node that has no other use. It is there while any reader but a task is,
/// because that reader owns the only way to it.
#[inline]
fn take_from<T: 'static, E: DeferredError>(node: Rc<dyn OutputNode<T, E>>) -> Option<Result<T, E>> {
    node.cell().take()
}

/// Frees a node whose result has been taken. Its callback or canceller went before that, so
/// nothing is left in it, and none of its parts is dropped, which would be to look at each.
#[inline]
fn free<T: 'static, E: DeferredError, N: OutputNode<T, E>>(node: Rc<N>) {
    if let Some(node) = Rc::into_inner(node) {
        debug_assert!(!node.cell().is_fired() && !node.cell().has_reader(), "it was taken");
        node.drop_rest();
        mem::forget(node);
    }
}

/// The result of an inner Deferred is that of the outer one.
#[inline]
fn pass_on<T: 'static, E: DeferredError>(
    outer: Rc<dyn OutputNode<T, E>>,
    result: Result<T, E>,
) -> Option<Rc<dyn Node>> {
    outer.wait_for(None);
    outer.cell().put(result);
    Some(outer)
}

/// A result that is looked at and goes back into its cell, also when the looking panics.
struct Shown<'a, T: 'static, E: DeferredError> {
    cell: &'a ResultCell<T, E>,
    result: ReportOnDrop<T, E>,
}

impl<T: 'static, E: DeferredError> Drop for Shown<'_, T, E> {
    fn drop(&mut self) {
        if self.result.is_some() {
            self.cell.result.set(mem::take(&mut self.result));
        }
    }
}

impl<T: 'static, E: DeferredError> Reader<T, E> {
    /// The node that waits, if it is one.
    pub(crate) fn as_node(&self) -> Option<&dyn Node> {
        match self {
            Reader::Callback(link) => Some(&**link),
            Reader::Other(Other::Outer(outer)) => Some(&**outer),
            Reader::Other(Other::Promise(state)) => Some(&**state),
            Reader::Other(Other::Task(_)) => None,
        }
    }
}
