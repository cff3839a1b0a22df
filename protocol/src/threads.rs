//! Blocking work whose result is a Deferred, and Deferreds that another thread waits for; Twisted's
//! `twisted.internet.threads`.
//!
//! Invariant: no thread but the reactor's touches a Deferred.

use alloc::boxed::Box;
use alloc::string::String;
use core::error::Error;
use core::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};

use deferred::{Deferred, Failure};
use interfaces::{FromThread, ReactorThreads, ThreadOutcome, printable};

/// Runs `work` on a thread of the pool. The Deferred fires on the reactor's thread with what the work
/// returned; Twisted's `deferToThread`.
///
/// Cancelling it keeps work that has not begun from beginning; what work that has begun returns is
/// dropped.
///
/// # Errors
///
/// Fails with the error of the work, or with [`WorkFailed`] when that has panicked or was never run.
#[doc(alias = "deferToThread")]
pub fn defer_to_thread<T: Send + 'static, E: Error + Send + 'static>(
    threads: &(impl ReactorThreads + ?Sized),
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Deferred<T> {
    let is_wanted = Arc::new(AtomicBool::new(true));
    let stop = Arc::clone(&is_wanted);
    let (deferred, promise) = Deferred::with_canceller(move || {
        stop.store(false, Ordering::Relaxed);
        None
    });
    let result = Arc::new(Mutex::new(None));
    let slot = Arc::clone(&result);
    let work = move || {
        if is_wanted.load(Ordering::Relaxed) {
            let done = work();
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
        }
    };
    let done = move |outcome| {
        let result = result.lock().unwrap_or_else(PoisonError::into_inner).take();
        match result {
            Some(Ok(value)) => promise.callback(value),
            Some(Err(error)) => promise.errback(Failure::new(error)),
            None => promise.errback(Failure::new(WorkFailed(outcome))),
        }
    };
    threads.call_in_thread(Box::new(work), Box::new(done));
    deferred
}

/// The error of work that has returned nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkFailed(pub ThreadOutcome);

impl fmt::Display for WorkFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "work on another thread {}", self.0)
    }
}

impl Error for WorkFailed {}

/// Makes `call` on the reactor's thread, and waits here, on another thread, until the Deferred that it
/// returns has fired; returns its result. Twisted's `blockingCallFromThread`.
///
/// Before the first run of the reactor it waits for that. When a run has ended it fails at once, until the
/// next one begins.
///
/// # Errors
///
/// [`BlockingCallFailed`]; an error of the Deferred is its caller's, and is not reported as unhandled.
#[doc(alias = "blockingCallFromThread")]
pub fn blocking_call_from_thread<T: Send + 'static>(
    remote: &(impl FromThread + ?Sized),
    call: impl FnOnce() -> Deferred<T> + Send + 'static,
) -> Result<T, BlockingCallFailed> {
    if remote.is_in_reactor_thread() {
        return Err(BlockingCallFailed::OwnThread);
    }
    let (sender, receiver) = sync_channel(1);
    remote.call_awaited_from_thread(Box::new(move || {
        // Whichever is dropped unused, the Deferred's callback or this call, ends the wait.
        let tell = move |result: Result<T, Failure>| {
            let result = result.map_err(|failure| alloc::format!("{failure:#}"));
            // The thread waits until it is told.
            let _ = sender.send(result);
            Ok::<(), Failure>(())
        };
        drop(call().add_both(tell));
    }));
    match receiver.recv() {
        Ok(result) => result.map_err(|message| BlockingCallFailed::Failed { message }),
        Err(_) => Err(BlockingCallFailed::NoAnswer),
    }
}

/// Why a call that another thread waits for has no result.
///
/// # Differences from Twisted
///
/// The error of the Deferred is here as text, since errors stay on the reactor's thread. A call whose
/// errors matter returns a `Result` as its value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlockingCallFailed {
    /// The Deferred has failed, with this error and its causes.
    Failed {
        /// The text of the error.
        message: String,
    },
    /// The reactor is gone or its run has ended, the call has panicked, or its Deferred was dropped.
    NoAnswer,
    /// It was made on the reactor's thread, which would wait for itself.
    OwnThread,
}

impl fmt::Display for BlockingCallFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { message } => {
                write!(f, "a call on the reactor's thread failed: {}", printable(message))
            }
            Self::NoAnswer => f.write_str("a call on the reactor's thread has no answer"),
            Self::OwnThread => f.write_str("the reactor's thread cannot wait for its own answer"),
        }
    }
}

impl Error for BlockingCallFailed {}
