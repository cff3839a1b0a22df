//! [`Deferred`]: a result that is there now or later, and what to do with it. Twisted's
//! `twisted.internet.defer.Deferred`.
//!
//! Invariant: a callback runs as soon as the result is there, once, with nothing of ours borrowed.

use alloc::rc::{Rc, Weak};
use core::fmt;

use crate::link::Link;
use crate::node::{Node, Output};
use crate::slot::Reader;
use crate::source::Source;
use crate::unhandled::Unclaimed;
use crate::{CancelHandle, Failure, Fault, IntoDeferred, Promise};

/// A result that is there now or later.
#[must_use = "an error in a Deferred that is dropped goes to the unhandled hook"]
pub struct Deferred<T: 'static, E: Fault = Failure> {
    inner: Inner<T, E>,
}

enum Inner<T: 'static, E: Fault> {
    /// It was fired from the start, and needs no node.
    Fired(Unclaimed<T, E>),
    /// The last node of its chain, which may have fired since.
    Node(Rc<dyn Output<T, E>>),
}

/// What a Deferred is at this moment.
pub(crate) enum State<T: 'static, E: Fault> {
    Fired(Result<T, E>),
    Pending(Rc<dyn Output<T, E>>),
}

impl<T: 'static, E: Fault> Deferred<T, E> {
    /// A pending Deferred and the promise that fires it.
    pub fn new() -> (Deferred<T, E>, Promise<T, E>) {
        Deferred::with_canceller(|| None)
    }

    /// As [`new`](Deferred::new), with a closure that stops the work when the Deferred is cancelled.
    pub fn with_canceller(
        canceller: impl FnOnce() -> Option<Result<T, E>> + 'static,
    ) -> (Deferred<T, E>, Promise<T, E>) {
        let source = Source::new(canceller);
        (Deferred::node(source.clone()), Promise::new(source))
    }

    /// A Deferred that has fired with a value.
    pub fn succeed(value: T) -> Self {
        Deferred::fired(Ok(value))
    }

    /// A Deferred that has failed.
    pub fn fail(error: impl Into<E>) -> Self {
        Deferred::fired(Err(error.into()))
    }

    /// Adds a callback for the value.
    pub fn add_callback<R>(self, callback: impl FnOnce(T) -> R + 'static) -> Deferred<R::Value, E>
    where
        R: IntoDeferred<Error = E>,
    {
        self.link(move |result| match result {
            Ok(value) => callback(value).into_deferred(),
            Err(error) => Deferred::fired(Err(error)),
        })
    }

    /// Adds a callback for the error.
    pub fn add_errback<R>(self, errback: impl FnOnce(E) -> R + 'static) -> Deferred<T, E>
    where
        R: IntoDeferred<Value = T, Error = E>,
    {
        self.link(move |result| match result {
            Ok(value) => Deferred::fired(Ok(value)),
            Err(error) => errback(error).into_deferred(),
        })
    }

    /// Adds a callback for the value or the error.
    pub fn add_both<R>(
        self,
        callback: impl FnOnce(Result<T, E>) -> R + 'static,
    ) -> Deferred<R::Value, E>
    where
        R: IntoDeferred<Error = E>,
    {
        self.link(move |result| callback(result).into_deferred())
    }

    /// Adds a callback for the value and one for the error; one of them runs.
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

    /// Changes the type of the error.
    pub fn map_err<E2: Fault>(self, map: impl FnOnce(E) -> E2 + 'static) -> Deferred<T, E2> {
        self.link(move |result| Deferred::fired(result.map_err(map)))
    }

    /// A handle that cancels this Deferred, also when it has been given away.
    pub fn cancel_handle(&self) -> CancelHandle {
        CancelHandle::new(match &self.inner {
            Inner::Fired(_) => None,
            Inner::Node(node) => Some(Rc::downgrade(node) as Weak<dyn Node>),
        })
    }

    /// Whether the result is there.
    pub fn is_fired(&self) -> bool {
        match &self.inner {
            Inner::Fired(_) => true,
            Inner::Node(node) => node.slot().is_fired(),
        }
    }

    /// The result, if it is there.
    ///
    /// # Errors
    ///
    /// Gives the Deferred back when it is still pending.
    pub fn try_into_result(self) -> Result<Result<T, E>, Self> {
        match self.into_state() {
            State::Fired(result) => Ok(result),
            State::Pending(node) => Err(Deferred::node(node)),
        }
    }

    pub(crate) fn fired(result: Result<T, E>) -> Self {
        Deferred { inner: Inner::Fired(Unclaimed::new(result)) }
    }

    fn node(node: Rc<dyn Output<T, E>>) -> Self {
        Deferred { inner: Inner::Node(node) }
    }

    pub(crate) fn into_state(self) -> State<T, E> {
        match self.inner {
            Inner::Fired(result) => {
                State::Fired(result.claim().expect("only this method takes the result out"))
            }
            Inner::Node(node) => match node.slot().take() {
                Some(result) => State::Fired(result),
                None => State::Pending(node),
            },
        }
    }

    fn link<U, E2, F>(self, callback: F) -> Deferred<U, E2>
    where
        U: 'static,
        E2: Fault,
        F: FnOnce(Result<T, E>) -> Deferred<U, E2> + 'static,
    {
        match self.into_state() {
            State::Fired(result) => callback(result),
            State::Pending(node) => {
                let link = Link::new(callback, Rc::downgrade(&node) as Weak<dyn Node>);
                node.slot().read_by(Some(Reader::Callback(link.clone())));
                Deferred::node(link)
            }
        }
    }
}

impl<T: fmt::Debug + 'static, E: Fault> fmt::Debug for Deferred<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inner {
            Inner::Fired(result) => show(f, result.as_ref()),
            Inner::Node(node) => node.slot().show(|result| match result {
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
