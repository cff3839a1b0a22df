//! [`Deferred`]: a result that is there now or later, and the callbacks for it. Twisted's
//! `twisted.internet.defer.Deferred`.
//!
//! Invariant: a callback runs as soon as the result is there, once, with nothing of ours borrowed.

mod callbacks;
mod cancel;
mod future;
mod into_deferred;
mod maybe;
mod pause;
mod promise;

use alloc::rc::{Rc, Weak};
use core::fmt;

use crate::chain::node::{IntoState, Node, OutputNode, Settle, State};
use crate::chain::promise_state::{Ask, PromiseState, Stop};
use crate::error::{DeferredError, Failure, Firing, debugging};
use crate::report::unhandled::ReportOnDrop;

pub use cancel::CancelHandle;
pub use future::DeferredFuture;
pub use into_deferred::IntoDeferred;
pub use maybe::{execute, maybe_deferred};
pub use pause::PauseHandle;
pub use promise::Promise;

/// A result that is there now or later, and the callbacks for it.
///
/// Made by the code that does the work, together with the [`Promise`] that fires it, and given to the
/// caller. The [crate documentation](crate) is a guide.
///
/// Dropping it cancels nothing: callbacks that were added still run. When its result is an error
/// and no reader takes it, the hook of [`set_unhandled_hook`](crate::set_unhandled_hook) is told.
///
/// # Differences from Twisted
///
/// Each `add_…` takes the Deferred and gives a new one, with the type of what the callback returns.
/// Firing is the promise's, so the holder of a Deferred can't fire it.
pub struct Deferred<T: 'static, E: DeferredError = Failure> {
    pub(crate) inner: Repr<T, E>,
}

/// Where its result is, or will be.
pub(crate) enum Repr<T: 'static, E: DeferredError> {
    /// It was fired from the start, and needs no node.
    Fired(ReportOnDrop<T, E>),
    /// The last node of its chain, which may have fired since.
    Node(Rc<dyn OutputNode<T, E>>),
}

impl<T: 'static, E: DeferredError> Deferred<T, E> {
    /// A pending Deferred and the promise that fires it, in one allocation.
    ///
    /// # Examples
    ///
    /// ```
    /// use ropewalk_deferred::Deferred;
    ///
    /// let (deferred, promise) = Deferred::<u32>::new();
    /// let answer = deferred.add_callback(|n| Ok(n + 1));
    /// promise.callback(41);
    /// assert_eq!(answer.try_into_result().unwrap().unwrap(), 42);
    /// ```
    ///
    /// Firing twice does not compile:
    ///
    /// ```compile_fail,E0382
    /// let (deferred, promise) = ropewalk_deferred::Deferred::<u32>::new();
    /// promise.callback(1);
    /// promise.callback(2);
    /// ```
    ///
    /// Nor does sending one to another thread:
    ///
    /// ```compile_fail,E0277
    /// let (deferred, promise) = ropewalk_deferred::Deferred::<u32>::new();
    /// std::thread::spawn(move || promise.callback(1));
    /// ```
    #[inline]
    #[track_caller]
    pub fn new() -> (Deferred<T, E>, Promise<T, E>) {
        Deferred::with_canceller(|| None)
    }

    /// As [`new`](Deferred::new), with a closure that stops the work when the Deferred is cancelled.
    ///
    /// The canceller is called once at most, from inside [`CancelHandle::cancel`] or the drop of a
    /// future that awaits, and only while the promise is unfired. It may return the outcome, it may
    /// fire the promise, or do neither; then the outcome is [`Cancelled`](crate::Cancelled). It may
    /// drop the promise. Once there is a result, the canceller is dropped before any callback runs.
    ///
    /// # Examples
    ///
    /// ```
    /// use ropewalk_deferred::Deferred;
    ///
    /// let (deferred, promise) = Deferred::<&str>::with_canceller(|| Some(Ok("what there was")));
    /// deferred.cancel_handle().cancel();
    /// assert!(promise.is_cancelled());
    /// assert_eq!(deferred.try_into_result().unwrap().unwrap(), "what there was");
    /// ```
    ///
    /// # Differences from Twisted
    ///
    /// The canceller does not get the Deferred. Where Twisted's calls `callback` on it, ours returns
    /// the outcome.
    #[inline]
    #[track_caller]
    pub fn with_canceller(
        canceller: impl FnOnce() -> Option<Result<T, E>> + 'static,
    ) -> (Deferred<T, E>, Promise<T, E>) {
        Deferred::from_state(PromiseState::new(Stop(canceller), debugging::caller()))
    }

    /// As [`new`](Deferred::new), with a closure that asks for the work to be stopped when the
    /// Deferred is cancelled. The result is what the promise fires, and when it fires.
    ///
    /// For work that has to come to an end by itself and may still succeed, and for a Deferred that
    /// stands for others, so that to cancel it is to cancel them. Each cancellation calls the closure
    /// again while the promise is unfired; it may fire the promise, or drop it, which makes the result
    /// [`Cancelled`](crate::Cancelled).
    ///
    /// # Examples
    ///
    /// ```
    /// use ropewalk_deferred::Deferred;
    /// use std::{cell::Cell, rc::Rc};
    ///
    /// let asked = Rc::new(Cell::new(0));
    /// let ask = asked.clone();
    /// let (deferred, promise) =
    ///     Deferred::<&str>::with_cooperative_canceller(move || ask.set(ask.get() + 1));
    /// deferred.cancel_handle().cancel();
    /// deferred.cancel_handle().cancel();
    /// assert_eq!((asked.get(), deferred.is_fired()), (2, false));
    /// promise.callback("as far as I came");
    /// assert_eq!(deferred.try_into_result().unwrap().unwrap(), "as far as I came");
    /// ```
    ///
    /// # Differences from Twisted
    ///
    /// There it takes a subclass that overrides `cancel`, as `DeferredList` does.
    #[track_caller]
    pub fn with_cooperative_canceller(
        canceller: impl FnMut() + 'static,
    ) -> (Deferred<T, E>, Promise<T, E>) {
        Deferred::from_state(PromiseState::new(Ask(canceller), debugging::caller()))
    }

    /// A Deferred that has its value already; Twisted's `succeed`. It allocates nothing.
    #[inline]
    pub fn succeed(value: T) -> Self {
        Deferred::fired(Ok(value))
    }

    /// A Deferred that has failed already; Twisted's `fail`.
    #[track_caller]
    pub fn fail(error: impl Into<E>) -> Self {
        let mut error = error.into();
        if let Some(place) = debugging::caller() {
            Firing { place, replaces: true }.record_in(&mut error);
        }
        Deferred::fired(Err(error))
    }

    /// A handle that cancels this Deferred, also when it has been given away. See
    /// [`CancelHandle::cancel`].
    pub fn cancel_handle(&self) -> CancelHandle {
        CancelHandle::new(match &self.inner {
            Repr::Fired(_) => None,
            Repr::Node(node) => Some(Rc::downgrade(node) as Weak<dyn Node>),
        })
    }

    /// Whether the result is there, that is, whether a callback added now would run at once.
    #[inline]
    pub fn is_fired(&self) -> bool {
        match &self.inner {
            Repr::Fired(_) => true,
            Repr::Node(node) => node.cell().is_fired(),
        }
    }

    /// The result, if it is there. An error counts as handled then.
    ///
    /// # Errors
    ///
    /// Gives the Deferred back when it is still pending.
    ///
    /// # Examples
    ///
    /// ```
    /// use ropewalk_deferred::Deferred;
    ///
    /// let (deferred, promise) = Deferred::<u32>::new();
    /// let deferred = deferred.try_into_result().expect_err("it is pending");
    /// promise.callback(5);
    /// assert_eq!(deferred.try_into_result().unwrap().unwrap(), 5);
    /// ```
    #[inline]
    pub fn try_into_result(self) -> Result<Result<T, E>, Self> {
        match self.into_state() {
            State::Fired(result) => Ok(result),
            State::Pending(node) => Err(Deferred::at(node)),
        }
    }

    #[inline]
    fn from_state(state: Rc<impl Settle<T, E> + 'static>) -> (Deferred<T, E>, Promise<T, E>) {
        (Deferred::at(state.clone()), Promise::new(state))
    }

    /// A Deferred that has its result already.
    #[inline]
    pub(crate) fn fired(result: Result<T, E>) -> Self {
        Deferred { inner: Repr::Fired(ReportOnDrop::new(result)) }
    }

    /// The Deferred at the end of a chain.
    #[inline]
    pub(crate) fn at(node: Rc<dyn OutputNode<T, E>>) -> Self {
        Deferred { inner: Repr::Node(node) }
    }

    /// Takes it apart.
    #[inline]
    pub(crate) fn into_state(self) -> State<T, E> {
        match self.inner {
            Repr::Fired(result) => State::Fired(claim(result)),
            Repr::Node(node) => node.into_state(),
        }
    }
}

impl<T: 'static, E: DeferredError> IntoState<T, E> for Deferred<T, E> {
    #[inline]
    fn into_state(self) -> State<T, E> {
        Deferred::into_state(self)
    }
}

/// The result of a Deferred that was fired from the start.
#[inline]
pub(crate) fn claim<T: 'static, E: DeferredError>(result: ReportOnDrop<T, E>) -> Result<T, E> {
    result.claim().expect("only this method takes the result out")
}

/// Shows whether it is pending, waits for another Deferred that a callback returned, or which result
/// it has.
impl<T: fmt::Debug + 'static, E: DeferredError> fmt::Debug for Deferred<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inner {
            Repr::Fired(result) => show(f, result.as_ref()),
            Repr::Node(node) => node.cell().show(|result| match result {
                None if node.is_chained() => f.write_str("Deferred(waits for another)"),
                result => show(f, result),
            }),
        }
    }
}

fn show<T: fmt::Debug, E: fmt::Debug>(
    f: &mut fmt::Formatter<'_>,
    result: Option<&Result<T, E>>,
) -> fmt::Result {
    match result {
        None => f.write_str("Deferred(pending)"),
        Some(Ok(value)) => f.debug_tuple("Deferred").field(&Ok::<_, ()>(value)).finish(),
        Some(Err(error)) => f.debug_tuple("Deferred").field(&Err::<(), _>(error)).finish(),
    }
}
