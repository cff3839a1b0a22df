//! Questions to a running protocol whose answers come later: [`ProtocolRef::call`] and
//! [`ProtocolRef::when_lost`]; in Twisted a method that returns a Deferred, and a Deferred that
//! `connectionLost` fires.
//!
//! Invariant: each question gets one answer: what was asked for, or the reason of the lost connection.

use alloc::rc::{Rc, Weak};
use core::cell::Cell;
use core::fmt;
use core::time::Duration;

use deferred::{CancelHandle, Deferred, Failure, IntoDeferred, Promise};
use interfaces::{Protocol, ReactorTime, Reason, Transport};

use crate::lost_waiters::LostWaiter;
use crate::mailbox::Phase;
use crate::task::{DeferredExt as _, TimedOut, TimeoutFault as _};
use crate::{ProtocolRef, WeakProtocolRef};

/// A protocol was asked that has no connection yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotConnected;

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the protocol has no connection yet: ask it when connecting has succeeded")
    }
}

impl core::error::Error for NotConnected {}

impl<P: Protocol> ProtocolRef<P> {
    /// Calls the protocol with its transport, as [`enter_with`](Self::enter_with) does, and fires with
    /// what the call returns, a `Result` or a Deferred. A Deferred that is pending when the connection is
    /// lost is cancelled.
    ///
    /// Cancelling cancels what the call returned. The connection stays.
    ///
    /// # Errors
    ///
    /// That of the call; the [`Reason`] when the connection is lost before there is an answer, or is
    /// lost already; [`NotConnected`] before `connection_made`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{collections::VecDeque, rc::Rc};
    /// use deferred::{Deferred, Promise};
    /// use interfaces::{Protocol, Transport};
    /// use protocol::ProtocolRef;
    /// # use ropewalk_protocol as protocol;
    ///
    /// /// Asks with a byte, and is answered with a byte, in order.
    /// #[derive(Default)]
    /// struct Asker { questions: VecDeque<Promise<u8>> }
    ///
    /// impl Asker {
    ///     fn ask(&mut self, transport: &Rc<dyn Transport>, question: u8) -> Deferred<u8> {
    ///         let (answer, promise) = Deferred::new();
    ///         self.questions.push_back(promise);
    ///         transport.write(&[question]);
    ///         answer
    ///     }
    /// }
    ///
    /// impl Protocol for Asker {
    ///     fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
    ///         for &answer in data {
    ///             if let Some(promise) = self.questions.pop_front() {
    ///                 promise.callback(answer);
    ///             }
    ///         }
    ///     }
    /// }
    ///
    /// fn double(asker: &ProtocolRef<Asker>, number: u8) -> Deferred<u8> {
    ///     asker.call(move |asker, transport| asker.ask(transport, number))
    /// }
    /// ```
    ///
    /// # Differences from Twisted
    ///
    /// There the protocol's own `connectionLost` has to fail what is asked for.
    #[track_caller]
    pub fn call<D>(
        &self,
        call: impl FnOnce(&mut P, &Rc<dyn Transport>) -> D + 'static,
    ) -> Deferred<D::Value>
    where
        D: IntoDeferred<Error = Failure>,
    {
        match self.cell().phase() {
            Phase::Waiting => return Deferred::fail(NotConnected),
            Phase::Connected => {}
            Phase::Ended => {
                if let Some(reason) = self.cell().reason() {
                    return Deferred::fail(reason);
                }
            }
        }
        let question = Rc::new(Question::default());
        let weak = Rc::downgrade(&question);
        let (answer, promise) = Deferred::with_canceller(move || {
            cancel(&weak);
            None
        });
        question.promise.set(Some(promise));
        let place =
            Place { cell: self.downgrade(), number: self.cell().add_waiter(question.clone()) };
        self.enter_with(move |protocol, transport| match question.is_open() {
            true => question.wait_for(call(protocol, transport).into_deferred(), place),
            false => place.leave(),
        });
        answer
    }

    /// As [`call`](Self::call), with a time limit: when there is no answer within `timeout`, the
    /// connection is aborted.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), and [`TimedOut`]. Any other cancellation leaves the
    /// connection as it is.
    pub fn call_within<D>(
        &self,
        timeout: Duration,
        clock: &dyn ReactorTime,
        call: impl FnOnce(&mut P, &Rc<dyn Transport>) -> D + 'static,
    ) -> Deferred<D::Value>
    where
        D: IntoDeferred<Error = Failure>,
    {
        let protocol = self.clone();
        self.call(call).add_timeout_with(timeout, clock, move |result, timeout| {
            if let Some(transport) = protocol.transport() {
                transport.abort_connection();
            }
            result.map_err(|failure| failure.timed_out(TimedOut::new(timeout)))
        })
    }

    /// Fires with the reason when the connection is lost and `connection_lost` has returned; at once when
    /// it is lost already. Twisted's `notifyOnDisconnect` of some protocols.
    ///
    /// It may be asked for before there is a connection. Where none is ever made, the Deferred is
    /// cancelled when the protocol is dropped.
    #[doc(alias = "notifyOnDisconnect")]
    #[track_caller]
    pub fn when_lost(&self) -> Deferred<Reason> {
        if let Some(reason) = self.cell().reason() {
            return Deferred::succeed(reason);
        }
        let (lost, promise) = Deferred::new();
        self.cell().add_waiter(Rc::new(WaitForEnd(Cell::new(Some(promise)))));
        lost
    }
}

/// What a call is waited for by.
struct Question<T: 'static> {
    promise: Cell<Option<Promise<T>>>,
    /// Cancels what the call has returned.
    asked: Cell<Option<CancelHandle>>,
}

/// Where a question is noted in the protocol's cell.
struct Place<P: Protocol> {
    cell: WeakProtocolRef<P>,
    number: u64,
}

impl<T: 'static> Default for Question<T> {
    fn default() -> Self {
        Self { promise: Cell::new(None), asked: Cell::new(None) }
    }
}

impl<T: 'static> Question<T> {
    fn is_open(&self) -> bool {
        let promise = self.promise.take();
        let is_open = promise.as_ref().is_some_and(|promise| !promise.is_cancelled());
        self.promise.set(promise);
        is_open
    }

    fn wait_for<P: Protocol>(self: Rc<Self>, answer: Deferred<T>, place: Place<P>) {
        if !answer.is_fired() {
            self.asked.set(Some(answer.cancel_handle()));
        }
        let answered = answer.add_both(move |result| {
            place.leave();
            self.answer(result);
            Ok::<(), Failure>(())
        });
        // Its callback does the rest.
        drop(answered);
    }

    /// An answer that comes after the end of the connection is dropped.
    fn answer(&self, result: Result<T, Failure>) {
        self.asked.set(None);
        if let Some(promise) = self.promise.take() {
            promise.fire(result);
        }
    }
}

impl<T: 'static> LostWaiter for Question<T> {
    fn connection_lost(&self, reason: &Reason) {
        let promise = self.promise.take();
        if let Some(asked) = self.asked.take() {
            asked.cancel();
        }
        if let Some(promise) = promise {
            promise.errback(reason.clone());
        }
    }
}

impl<P: Protocol> Place<P> {
    fn leave(self) {
        if let Some(protocol) = self.cell.upgrade() {
            protocol.cell().remove_waiter(self.number);
        }
    }
}

fn cancel<T: 'static>(question: &Weak<Question<T>>) {
    if let Some(asked) = question.upgrade().and_then(|question| question.asked.take()) {
        asked.cancel();
    }
}

/// One that waits for the end alone.
struct WaitForEnd(Cell<Option<Promise<Reason>>>);

impl LostWaiter for WaitForEnd {
    fn connection_lost(&self, reason: &Reason) {
        if let Some(promise) = self.0.take() {
            promise.callback(reason.clone());
        }
    }
}
