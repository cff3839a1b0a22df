//! [`Body`]: a future with the promise that its output fires, in one allocation, and
//! [`Run`], the trait by which a runner polls it.
//!
//! Invariant: the future is dropped before its promise fires, and a body that is dropped unfinished
//! cancels its readers.
//!
//! An `async` block that awaits the future and then fires would reserve room for it twice, and so
//! double the size of a task.

#![allow(unsafe_code)]

use alloc::rc::Rc;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use crate::chain::node;
use crate::deferred::Promise;
use crate::error::{Cancelled, DeferredError, quieten};

/// A future and the promise of its result.
pub(crate) struct Body<F, T: 'static, E: DeferredError> {
    /// Pinned, as the body is. `None` when it is over.
    future: Option<F>,
    promise: Telling<T, E>,
}

/// A promise that may be dropped unfired: its readers are cancelled, and the hook is told
/// neither of it nor of that cancellation: a panic is told by the one who catches it, and the end of a
/// runner is no news.
struct Telling<T: 'static, E: DeferredError>(Option<Promise<T, E>>);

impl<F, T: 'static, E: DeferredError> Body<F, T, E> {
    pub(crate) fn new(future: F, promise: Promise<T, E>) -> Self {
        Body { future: Some(future), promise: Telling(Some(promise)) }
    }

    fn parts(self: Pin<&mut Self>) -> (Pin<&mut Option<F>>, &mut Telling<T, E>) {
        // SAFETY: the future is treated as pinned everywhere: this is the only place that reaches
        // it, it hands it out pinned and never moves it, `Body` has no `Drop` of its own, and it is
        // `Unpin` only when the future is. The promise is never pinned.
        unsafe {
            let body = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut body.future), &mut body.promise)
        }
    }
}

/// A [`Body`] of any type.
pub(crate) trait Run {
    /// Polls the future. When it is ready, it is dropped and its promise fired.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()>;

    /// Drops the future and keeps the promise.
    fn drop_future(self: Pin<&mut Self>);
}

impl<F, T, E> Run for Body<F, T, E>
where
    F: Future<Output = Result<T, E>>,
    T: 'static,
    E: DeferredError,
{
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let (mut future, promise) = self.parts();
        let polled = future.as_mut().as_pin_mut().map(|future| future.poll(context));
        let Some(Poll::Ready(result)) = polled else { return Poll::Pending };
        future.set(None);
        // Not `fire`: a failure from an `await` keeps the place where that Deferred was fired.
        if let Some(state) = promise.0.take().and_then(Promise::into_state) {
            node::advance(node::fire(state, result));
        }
        Poll::Ready(())
    }

    fn drop_future(self: Pin<&mut Self>) {
        self.parts().0.set(None);
    }
}

impl<T: 'static, E: DeferredError> Drop for Telling<T, E> {
    fn drop(&mut self) {
        let Some(state) = self.0.take().and_then(Promise::into_state) else { return };
        if Rc::strong_count(&state) > 1 || state.cell().has_reader() {
            node::advance(node::fire(state, Err(quieten(Cancelled.into()))));
        }
    }
}
