//! Adding callbacks to a [`Deferred`]; Twisted's `addCallback`, `addErrback`, `addBoth` and
//! `addCallbacks`.
//!
//! Invariant: a callback that is added when the result is there runs at once and makes no node.

use crate::chain::link::Link;
use crate::chain::node::State;
use crate::chain::result_cell::{Other, Reader};
use crate::deferred::{Deferred, IntoDeferred, Promise};
use crate::deferred::{Repr, claim};
use crate::error::DeferredError;
use crate::report::unhandled;

impl<T: 'static, E: DeferredError> Deferred<T, E> {
    /// Adds a callback for the value; an error passes it by.
    ///
    /// It runs once at most: inside the call that fires, or right now if the value is there. It may
    /// do anything, such as fire other promises, add callbacks, cancel. It is dropped as soon as it
    /// has run or has been passed by.
    #[doc(alias = "addCallback")]
    pub fn add_callback<R>(self, callback: impl FnOnce(T) -> R + 'static) -> Deferred<R::Value, E>
    where
        R: IntoDeferred<Error = E>,
    {
        self.link(move |result| match result {
            Ok(value) => callback(value).into_deferred(),
            Err(error) => Deferred::fired(Err(error)),
        })
    }

    /// Adds a callback for the error; a value passes it by. Otherwise as
    /// [`add_callback`](Deferred::add_callback).
    ///
    /// Returning `Ok` goes back to the rail of values, returning the error passes it on.
    #[doc(alias = "addErrback")]
    pub fn add_errback<R>(self, errback: impl FnOnce(E) -> R + 'static) -> Deferred<T, E>
    where
        R: IntoDeferred<Value = T, Error = E>,
    {
        self.link(move |result| match result {
            Ok(value) => Deferred::fired(Ok(value)),
            Err(error) => errback(error).into_deferred(),
        })
    }

    /// Adds a callback for the value or the error, whichever comes. Otherwise as
    /// [`add_callback`](Deferred::add_callback).
    ///
    /// # Examples
    ///
    /// ```
    /// use ropewalk_deferred::{Cancelled, Deferred};
    ///
    /// let (deferred, promise) = Deferred::<u32>::new();
    /// deferred.add_both(|outcome| {
    ///     println!("done: {outcome:?}");
    ///     Ok(())
    /// });
    /// promise.errback(Cancelled);
    /// ```
    #[doc(alias = "addBoth")]
    pub fn add_both<R>(
        self,
        callback: impl FnOnce(Result<T, E>) -> R + 'static,
    ) -> Deferred<R::Value, E>
    where
        R: IntoDeferred<Error = E>,
    {
        self.link(move |result| callback(result).into_deferred())
    }

    /// Adds a callback for the value and one for the error, of which one runs. Otherwise as
    /// [`add_callback`](Deferred::add_callback).
    ///
    /// This is not the same as adding one after the other: the errback does not see the errors of
    /// the callback beside it.
    ///
    /// # Examples
    ///
    /// ```
    /// use ropewalk_deferred::{Cancelled, Deferred};
    ///
    /// let deferred = Deferred::<u32>::succeed(1)
    ///     .add_callbacks(|_| Err::<u32, _>(Cancelled.into()), |_| Ok(0));
    /// assert!(deferred.try_into_result().unwrap().is_err());
    /// ```
    #[doc(alias = "addCallbacks")]
    pub fn add_callbacks<R, R2>(
        self,
        callback: impl FnOnce(T) -> R + 'static,
        errback: impl FnOnce(E) -> R2 + 'static,
    ) -> Deferred<R::Value, E>
    where
        R: IntoDeferred<Error = E>,
        R2: IntoDeferred<Value = R::Value, Error = E>,
    {
        self.link(move |result| match result {
            Ok(value) => callback(value).into_deferred(),
            Err(error) => errback(error).into_deferred(),
        })
    }

    /// Changes the type of the error, as [`Result::map_err`] does.
    ///
    /// # Examples
    ///
    /// ```
    /// use ropewalk_deferred::{Cancelled, Deferred, Failure};
    ///
    /// let narrow = Deferred::<u32, Cancelled>::fail(Cancelled);
    /// let wide: Deferred<u32> = narrow.map_err(Failure::new);
    /// assert!(wide.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
    /// ```
    pub fn map_err<E2: DeferredError>(
        self,
        map: impl FnOnce(E) -> E2 + 'static,
    ) -> Deferred<T, E2> {
        self.link(move |result| Deferred::fired(result.map_err(map)))
    }

    /// Tells the hook of [`set_unhandled_hook`](crate::set_unhandled_hook) about an error, which then
    /// goes on its way. Twisted's `logError`.
    ///
    /// # Examples
    ///
    /// ```
    /// use ropewalk_deferred::{Cancelled, Deferred, set_unhandled_hook};
    ///
    /// set_unhandled_hook(|unhandled| eprintln!("{unhandled}"));
    /// Deferred::<u32>::fail(Cancelled)
    ///     .log_error() // error in Deferred<u32>: cancelled
    ///     .add_errback(|_| Ok(0));
    /// ```
    #[doc(alias = "logError")]
    pub fn log_error(self) -> Deferred<T, E> {
        self.link(|result| {
            if let Err(error) = &result {
                unhandled::log::<T, E>(error);
            }
            Deferred::fired(result)
        })
    }

    /// Fires a promise with the result of this Deferred, so that nothing is left here. Twisted's
    /// `chainDeferred`.
    ///
    /// Cancelling the promise's Deferred calls its own canceller, and does not reach this one; then
    /// the result of this one is dropped and not reported.
    ///
    /// # Examples
    ///
    /// ```
    /// use ropewalk_deferred::Deferred;
    ///
    /// let (one, promise) = Deferred::<u32>::new();
    /// let (other, other_promise) = Deferred::<u32>::new();
    /// one.chain_deferred(other_promise);
    /// promise.callback(5);
    /// assert_eq!(other.try_into_result().unwrap().unwrap(), 5);
    /// ```
    #[track_caller]
    #[doc(alias = "chainDeferred")]
    pub fn chain_deferred(self, promise: Promise<T, E>) {
        match self.into_state() {
            State::Fired(result) => promise.fire(result),
            State::Pending(node) => {
                let Some(state) = promise.into_state() else { return };
                state.chain();
                node.cell().attach(Reader::Other(Other::Promise(state)));
            }
        }
    }

    /// Adds what turns the result into another Deferred.
    #[inline]
    fn link<U, E2, F>(self, callback: F) -> Deferred<U, E2>
    where
        U: 'static,
        E2: DeferredError,
        F: FnOnce(Result<T, E>) -> Deferred<U, E2> + 'static,
    {
        let node = match self.inner {
            Repr::Fired(result) => return callback(claim(result)),
            Repr::Node(node) => node,
        };
        // Not `into_state`, so that the cell is asked for once.
        let cell = node.cell();
        if let Some(result) = cell.take() {
            drop(node);
            return callback(result);
        }
        let link = Link::new(callback);
        cell.attach(Reader::Callback(link.clone()));
        link.start(node);
        Deferred::at(link)
    }
}
