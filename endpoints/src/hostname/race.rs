//! The attempts to the addresses of one name, which overlap (RFC 8305 section 5).
//!
//! ```text
//!  start ──► attempt ── the attempt delay passed, or one failed ──► attempt ──► … until none is left
//!               │
//!               ├─ one connected ──────► the others and the timer are cancelled; fires
//!               ├─ all have failed ────► fails with every error, in the order in which they came
//!               └─ cancelled ──────────► all attempts and the timer are cancelled
//! ```
//!
//! Invariant: an attempt begins only while the promise is there, and whatever takes the promise
//! cancels the timer and every other attempt first.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::{self, Vec};
use core::cell::RefCell;
use core::mem;
use core::net::SocketAddr;

use deferred::{CancelHandle, Cancelled, Deferred, Failure, Promise};
use interfaces::{ConnectError, DelayedCall, Factory, FailedAddress, ResolveError};

use super::order::interleaved;
use crate::TcpClientEndpoint;

/// One connect to a name.
pub(crate) struct Race {
    endpoint: TcpClientEndpoint,
    factory: Rc<dyn Factory>,
    state: RefCell<RaceState>,
}

struct RaceState {
    left: vec::IntoIter<SocketAddr>,
    /// Those that were begun.
    attempts: Vec<CancelHandle>,
    failures: Vec<FailedAddress>,
    /// Begins the next attempt.
    timer: Option<DelayedCall>,
    /// `None` when it is decided.
    promise: Option<Promise<()>>,
}

impl Race {
    /// Begins the first attempt at once. Called by [`TcpClientEndpoint`] when a look-up is done.
    pub(crate) fn start(
        endpoint: TcpClientEndpoint,
        factory: Rc<dyn Factory>,
        addresses: &[SocketAddr],
    ) -> Deferred<()> {
        if addresses.is_empty() {
            let (host, reason) = (endpoint.host_name(), "it has no address".into());
            return Deferred::fail(ResolveError::Failed { host, reason });
        }
        let state = RaceState {
            left: interleaved(addresses).into_iter(),
            attempts: Vec::new(),
            failures: Vec::new(),
            timer: None,
            promise: None,
        };
        let race = Rc::new(Self { endpoint, factory, state: RefCell::new(state) });
        let late = Rc::downgrade(&race);
        let (deferred, promise) = Deferred::with_canceller(move || {
            if let Some(race) = late.upgrade() {
                drop(race.end());
            }
            None
        });
        race.state.borrow_mut().promise = Some(promise);
        race.begin_next();
        deferred
    }

    /// Begins the next attempt; all of them, if there is no delay between two.
    fn begin_next(self: &Rc<Self>) {
        while let Some(address) = self.next_address() {
            self.begin(address);
            if !self.endpoint.attempt_delay().is_zero() {
                return;
            }
        }
    }

    fn next_address(&self) -> Option<SocketAddr> {
        let mut state = self.state.borrow_mut();
        state.promise.is_some().then(|| state.left.next()).flatten()
    }

    fn begin(self: &Rc<Self>, address: SocketAddr) {
        let attempt = self.endpoint.attempt(address, Rc::clone(&self.factory));
        self.state.borrow_mut().attempts.push(attempt.cancel_handle());
        if self.is_decided() {
            // The factory's `do_start` has cancelled the connect.
            attempt.cancel_handle().cancel();
        } else {
            self.set_timer();
        }
        let race = Rc::clone(self);
        drop(attempt.add_both(move |outcome| {
            race.attempt_ended(address, outcome);
            Ok::<(), Failure>(())
        }));
    }

    fn is_decided(&self) -> bool {
        self.state.borrow().promise.is_none()
    }

    fn set_timer(self: &Rc<Self>) {
        let delay = self.endpoint.attempt_delay();
        if delay.is_zero() || self.state.borrow().left.as_slice().is_empty() {
            return;
        }
        let race = Rc::clone(self);
        let begin_next = move || {
            race.state.borrow_mut().timer = None;
            race.begin_next();
        };
        let timer = self.endpoint.time().call_later(delay, Box::new(begin_next));
        self.state.borrow_mut().timer = Some(timer);
    }

    fn attempt_ended(self: &Rc<Self>, address: SocketAddr, outcome: Result<(), Failure>) {
        match outcome {
            Err(failure) if !is_final(&failure) => self.attempt_failed(address, failure),
            outcome => self.decide(outcome),
        }
    }

    /// The next attempt does not wait for its time any longer.
    fn attempt_failed(self: &Rc<Self>, address: SocketAddr, failure: Failure) {
        if self.is_decided() {
            return;
        }
        let timer = {
            let mut state = self.state.borrow_mut();
            state.failures.push(FailedAddress::new(address.into(), failure));
            state.timer.take()
        };
        if let Some(timer) = timer {
            let _ = timer.cancel();
        }
        self.begin_next();
        if let Some(error) = self.defeat() {
            self.decide(Err(error.into()));
        }
    }

    /// The error, when no address is left and each attempt has failed.
    fn defeat(&self) -> Option<ConnectError> {
        let mut state = self.state.borrow_mut();
        let is_over = state.left.as_slice().is_empty()
            && state.failures.len() == state.attempts.len()
            && state.promise.is_some();
        is_over.then(|| ConnectError::AllFailed {
            host: self.endpoint.host_name(),
            attempts: mem::take(&mut state.failures),
        })
    }

    fn decide(&self, outcome: Result<(), Failure>) {
        if let Some(promise) = self.end() {
            promise.fire(outcome);
        }
    }

    /// Cancels the timer and the attempts, and returns the promise, if this is not decided yet.
    fn end(&self) -> Option<Promise<()>> {
        let (promise, timer, attempts) = {
            let mut state = self.state.borrow_mut();
            let promise = state.promise.take()?;
            (promise, state.timer.take(), mem::take(&mut state.attempts))
        };
        if let Some(timer) = timer {
            let _ = timer.cancel();
        }
        attempts.iter().for_each(CancelHandle::cancel);
        Some(promise)
    }
}

/// Whether no other address is tried: a protocol ran on the connection to this one, or the reactor
/// stopped.
pub(crate) fn is_final(failure: &Failure) -> bool {
    matches!(failure.downcast_ref(), Some(ConnectError::EndedAtOnce { .. }))
        || failure.check::<Cancelled>()
}
