//! [`DeferredFuture`]: a Deferred that is awaited, Twisted's `await deferred`.
//!
//! Invariant: the task is woken when the result is there and never polled from inside the firing call.

use alloc::rc::{Rc, Weak};
use core::fmt;
use core::future::{Future, IntoFuture};
use core::pin::Pin;
use core::task::{Context, Poll};

use super::{Deferred, Repr, claim};
use crate::chain::node::{self, Node, OutputNode, State};
use crate::chain::result_cell::{Other, Reader};
use crate::error::{DeferredError, Failure};
use crate::report::unhandled::ReportOnDrop;
#[cfg(target_has_atomic = "ptr")]
use crate::wake;

/// A [`Deferred`] that is awaited; `deferred.await` makes one. Twisted's `asFuture`.
///
/// The task is woken from inside the firing call. A waker only marks its task as ready, so the task
/// goes on later, when its executor polls it.
///
/// Dropping it before it is done cancels what it awaits, as [`CancelHandle::cancel`] does, and the
/// result of that is dropped and not reported. If the cancellation is answered by waiting for
/// something else, an error that comes from there later is reported as unhandled. An `async` block
/// that has not come to its `await` holds a [`Deferred`] still, and dropping that cancels nothing.
///
/// # Panics
///
/// When it is polled after it has completed.
///
/// # Differences from Twisted
///
/// Twisted resumes an awaiting coroutine inside the firing call.
///
/// [`CancelHandle::cancel`]: crate::CancelHandle::cancel
#[must_use = "futures do nothing unless awaited"]
#[doc(alias = "asFuture")]
pub struct DeferredFuture<T: 'static, E: DeferredError = Failure> {
    /// The awaited Deferred, until its result was taken.
    awaited: Option<Repr<T, E>>,
}

impl<T: 'static, E: DeferredError> IntoFuture for Deferred<T, E> {
    type Output = Result<T, E>;
    type IntoFuture = DeferredFuture<T, E>;

    fn into_future(self) -> DeferredFuture<T, E> {
        // A result that is there is taken now, so that a later pause does not hold it.
        let awaited = match self.inner {
            Repr::Node(node) if !node.gives_back() => match node.into_state() {
                State::Fired(result) => Repr::Fired(ReportOnDrop::new(result)),
                State::Pending(node) => Repr::Node(node),
            },
            inner => inner,
        };
        DeferredFuture { awaited: Some(awaited) }
    }
}

// Nothing in it is ever pinned: the result moves, and the node is behind a pointer.
impl<T: 'static, E: DeferredError> Unpin for DeferredFuture<T, E> {}

impl<T: 'static, E: DeferredError> Future for DeferredFuture<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T, E>> {
        match self.awaited.take() {
            Some(Repr::Fired(result)) => Poll::Ready(claim(result)),
            Some(Repr::Node(node)) => match poll_node(&node, context) {
                Poll::Ready(result) => Poll::Ready(result),
                Poll::Pending => {
                    self.awaited = Some(Repr::Node(node));
                    Poll::Pending
                }
            },
            None => panic!("a DeferredFuture was polled after it had completed"),
        }
    }
}

fn poll_node<T: 'static, E: DeferredError>(
    node: &Rc<dyn OutputNode<T, E>>,
    context: &mut Context<'_>,
) -> Poll<Result<T, E>> {
    let cell = node.cell();
    if let Some(result) = cell.take() {
        return Poll::Ready(result);
    }
    let (mut waker, is_new) = match cell.read_by(None) {
        Some(Reader::Other(Other::Task(waker))) => {
            let is_new = !waker.will_wake(context.waker());
            (waker, is_new)
        }
        _ => (context.waker().clone(), true),
    };
    waker.clone_from(context.waker());
    // Cloning a waker is foreign code, which may have fired, so the cell is looked at again.
    if let Some(result) = cell.take() {
        return Poll::Ready(result);
    }
    if is_new {
        tell_task(node, context);
    }
    drop(cell.read_by(Some(Reader::Other(Other::Task(waker)))));
    Poll::Pending
}

/// Lets a task of a [`TaskRunner`](crate::TaskRunner) know that it awaits this node, so that its
/// cancellation arrives here.
#[cfg(target_has_atomic = "ptr")]
#[inline]
fn tell_task<T: 'static, E: DeferredError>(node: &Rc<dyn OutputNode<T, E>>, context: &Context<'_>) {
    if let Some(awaits) = wake::awaits_of(context) {
        awaits.add(Rc::downgrade(node) as Weak<dyn Node>, context.waker());
    }
}

/// There is no [`TaskRunner`](crate::TaskRunner) without these atomics.
#[cfg(not(target_has_atomic = "ptr"))]
fn tell_task<T: 'static, E: DeferredError>(_: &Rc<dyn OutputNode<T, E>>, _: &Context<'_>) {}

impl<T: 'static, E: DeferredError> Drop for DeferredFuture<T, E> {
    fn drop(&mut self) {
        let Some(Repr::Node(node)) = self.awaited.take() else {
            return;
        };
        if node.cell().is_fired() {
            return;
        }
        drop(node.cell().read_by(None));
        node::cancel(node.clone());
        // The future that asked is gone, so the answer to the cancellation is no unhandled error.
        drop(node.cell().take());
    }
}

impl<T: 'static, E: DeferredError> fmt::Debug for DeferredFuture<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeferredFuture").finish_non_exhaustive()
    }
}
