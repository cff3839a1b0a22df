//! Connecting again for a while to a server that is not there yet: `retry=30s` in a client's string.
//!
//! ```text
//!  connect ──► attempt ── failed as a server fails that is not there ──► pause, twice as long each time ──┐
//!                 ▲└─────── connected, failed otherwise, or no time left: that is the result              │
//!                 └───────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Twisted has no counterpart; its `ClientService` comes back after a connection was lost, too. Invariant:
//! an attempt or a pause is on for as long as the promise is there, and never both.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::cell::RefCell;
use core::fmt;
use core::time::Duration;

use deferred::{CancelHandle, Deferred, Failure, Promise};
use interfaces::{
    ConnectError, DelayedCall, Factory, ReactorTime, ResolveError, StreamClientEndpoint,
};

use crate::{Argument, ParseError};

/// The argument of strings.
pub(crate) const RETRY: &str = "retry";

/// The first pause and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Connects to another endpoint, again and again for a while if its server is not there yet: it refuses or
/// does not answer, its name, its service or its UNIX path does not exist. The pauses are 100 ms, 200 ms and
/// so on, at most 2 s. For programs that are started together with their servers.
///
/// # Errors
///
/// `connect` fails with the error of the last attempt, which begins before the period has passed, and at
/// once with an error of another kind. Cancelling ends the attempt or the pause.
pub struct RetryClientEndpoint {
    time: Rc<dyn ReactorTime>,
    endpoint: Rc<dyn StreamClientEndpoint>,
    period: Duration,
}

impl RetryClientEndpoint {
    /// Begins attempts for as long as `period` after the first one.
    pub fn new(
        time: impl ReactorTime + 'static,
        endpoint: impl StreamClientEndpoint + 'static,
        period: Duration,
    ) -> Self {
        Self { time: Rc::new(time), endpoint: Rc::new(endpoint), period }
    }
}

impl StreamClientEndpoint for RetryClientEndpoint {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        let retry = Rc::new(Retry {
            time: Rc::clone(&self.time),
            endpoint: Rc::clone(&self.endpoint),
            factory,
            deadline: self.time.now().saturating_add(self.period),
            state: RefCell::default(),
        });
        let late = Rc::downgrade(&retry);
        let (deferred, promise) = Deferred::with_canceller(move || {
            if let Some(retry) = late.upgrade() {
                retry.cancel();
            }
            None
        });
        retry.state.borrow_mut().promise = Some(promise);
        retry.begin(PAUSE_MIN);
        deferred
    }
}

impl fmt::Debug for RetryClientEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryClientEndpoint").field("period", &self.period).finish_non_exhaustive()
    }
}

/// One connect.
struct Retry {
    time: Rc<dyn ReactorTime>,
    endpoint: Rc<dyn StreamClientEndpoint>,
    factory: Rc<dyn Factory>,
    deadline: Duration,
    state: RefCell<RetryState>,
}

#[derive(Default)]
struct RetryState {
    promise: Option<Promise<()>>,
    attempt: Option<CancelHandle>,
    pause: Option<DelayedCall>,
}

impl Retry {
    /// Begins an attempt; a pause follows if it fails.
    fn begin(self: &Rc<Self>, pause: Duration) {
        let attempt = self.endpoint.connect(Rc::clone(&self.factory));
        let handle = attempt.cancel_handle();
        let is_decided = {
            let mut state = self.state.borrow_mut();
            (state.attempt, state.pause) = (Some(handle.clone()), None);
            state.promise.is_none()
        };
        if is_decided {
            // Cancelled from inside `connect`.
            handle.cancel();
        }
        let retry = Rc::clone(self);
        drop(attempt.add_both(move |outcome| {
            retry.attempt_ended(outcome, pause);
            Ok::<(), Failure>(())
        }));
    }

    fn attempt_ended(self: &Rc<Self>, outcome: Result<(), Failure>, pause: Duration) {
        let is_in_time = self.time.now().saturating_add(pause) <= self.deadline;
        match outcome {
            Err(failure) if is_in_time && is_not_there_yet(&failure) => self.pause(pause),
            outcome => {
                let promise = self.state.borrow_mut().promise.take();
                if let Some(promise) = promise {
                    promise.fire(outcome);
                }
            }
        }
    }

    fn pause(self: &Rc<Self>, pause: Duration) {
        if self.state.borrow().promise.is_none() {
            return;
        }
        let retry = Rc::clone(self);
        let again = move || retry.begin((pause * 2).min(PAUSE_MAX));
        let call = self.time.call_later(pause, Box::new(again));
        self.state.borrow_mut().pause = Some(call);
    }

    fn cancel(&self) {
        let RetryState { promise, attempt, pause } = self.state.take();
        if let Some(pause) = pause {
            let _ = pause.cancel();
        }
        if let Some(attempt) = attempt {
            attempt.cancel();
        }
        drop(promise);
    }
}

/// Whether the server may be there a moment later.
fn is_not_there_yet(failure: &Failure) -> bool {
    match (failure.downcast_ref(), failure.downcast_ref()) {
        (Some(ConnectError::AllFailed { attempts, .. }), _) => {
            attempts.iter().any(|attempt| is_not_there_yet(&attempt.failure))
        }
        (Some(error), _) => matches!(
            error,
            ConnectError::Refused { .. }
                | ConnectError::TimedOut { .. }
                | ConnectError::NotLocked { .. }
        ),
        (None, Some(error)) => {
            matches!(error, ResolveError::Failed { .. } | ResolveError::TimedOut { .. })
        }
        (None, None) => is_unknown_service(failure),
    }
}

/// Whether the records of a service may be there a moment later.
#[cfg(feature = "std")]
fn is_unknown_service(failure: &Failure) -> bool {
    use crate::ServiceError;

    matches!(
        failure.downcast_ref(),
        Some(
            ServiceError::NotFound { .. }
                | ServiceError::Failed { .. }
                | ServiceError::TimedOut { .. }
        )
    )
}

#[cfg(not(feature = "std"))]
fn is_unknown_service(_: &Failure) -> bool {
    false
}

/// Reads the argument `retry` of a client's string: how long it connects again, or not at all.
pub(crate) fn retry_period(retry: &Argument<'_>) -> Result<Duration, ParseError> {
    if retry.is_given() { retry.seconds_or(Duration::ZERO) } else { Ok(Duration::ZERO) }
}

/// The endpoint, and for a period that is not 0 one that connects again.
pub(crate) fn retried(
    endpoint: impl StreamClientEndpoint + 'static,
    time: Rc<dyn ReactorTime>,
    period: Duration,
) -> Rc<dyn StreamClientEndpoint> {
    match period {
        Duration::ZERO => Rc::new(endpoint),
        period => Rc::new(RetryClientEndpoint::new(time, endpoint, period)),
    }
}
