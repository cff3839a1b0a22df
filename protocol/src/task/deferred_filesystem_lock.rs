//! [`DeferredFilesystemLock`]: waiting for a lock that cannot call back, by trying again; Twisted's
//! class of that name.
//!
//! Invariant: while one waits there is one try on the clock, and none once the Deferred has fired.

use alloc::rc::Rc;
use alloc::string::String;
use core::error::Error;
use core::fmt;
use core::time::Duration;

use deferred::{Deferred, DeferredLock, Failure, IntoDeferred, Token};
use interfaces::{ReactorTime, printable};

use super::{DeferredExt, sleep};

/// The time from one try to the next, as in Twisted.
const INTERVAL: Duration = Duration::from_secs(1);

/// A lock that says at once whether it was free, and never waits.
///
/// With the feature `std`, `FilesystemLock` is one, between processes. A [`DeferredLock`] is one
/// too, for tests and simulations; its holders are in the same thread.
pub trait TryLock {
    /// The lock while it is held. Dropping it frees the lock.
    type Held: 'static;

    /// Takes the lock if it is free; `None` if it is held. Called by
    /// [`DeferredFilesystemLock`], with nothing borrowed.
    ///
    /// # Errors
    ///
    /// When the state of the lock cannot be read, so that another try makes no sense.
    fn try_lock(&self) -> Result<Option<Self::Held>, Failure>;

    /// The name of the lock, for messages.
    fn name(&self) -> String;
}

/// Waits for a [`TryLock`]: tries for it each second until it gets it.
///
/// # Examples
///
/// ```
/// # use ropewalk_protocol as protocol;
/// use std::{rc::Rc, time::Duration};
/// use deferred::DeferredLock;
/// use protocol::task::DeferredFilesystemLock;
/// use protocol::testing::Clock;
///
/// let (clock, in_memory) = (Clock::new(), DeferredLock::new());
/// let lock = DeferredFilesystemLock::new(in_memory.clone(), Rc::new(clock.clone()));
/// let other = in_memory.acquire();
/// let ours = lock.defer_until_locked(Some(Duration::from_secs(10)));
/// drop(other);
/// assert!(!ours.is_fired(), "it does not know yet");
/// clock.advance(Duration::from_secs(1));
/// let held = ours.try_into_result().unwrap().unwrap();
/// assert!(in_memory.is_locked());
/// drop(held);
/// assert!(!in_memory.is_locked());
/// ```
///
/// # Differences from Twisted
///
/// - The lock is held as long as the value of the Deferred lives; there is no `unlock`.
/// - Several may wait in one object. Each tries for itself, so there is no
///   `AlreadyTryingToLockError`; the order in which they came does not count.
/// - Cancelling does not try once more. At the end of the timeout a last try is made, as there.
/// - The clock has to be given, as there is no global reactor.
pub struct DeferredFilesystemLock<L> {
    lock: Rc<L>,
    clock: Rc<dyn ReactorTime>,
}

impl<L: TryLock + 'static> DeferredFilesystemLock<L> {
    /// Waits for `lock` by `clock`.
    pub fn new(lock: L, clock: impl ReactorTime + 'static) -> Self {
        Self { lock: Rc::new(lock), clock: Rc::new(clock) }
    }

    /// The lock, at once if it is free. Twisted's `deferUntilLocked`.
    ///
    /// Cancelling the Deferred takes all that belongs to it off the clock. Dropping the Deferred
    /// cancels nothing: the tries go on until one succeeds, and then the lock is freed at once.
    ///
    /// # Errors
    ///
    /// The Deferred fails with [`LockTimedOut`] when the lock is still held after `timeout`, with
    /// [`Cancelled`](deferred::Cancelled) when it is cancelled or the clock drops its calls, and
    /// with the error of a [`try_lock`](TryLock::try_lock) that fails.
    #[doc(alias = "deferUntilLocked")]
    pub fn defer_until_locked(&self, timeout: Option<Duration>) -> Deferred<L::Held> {
        let attempt = attempt(self.lock.clone(), self.clock.clone());
        let Some(timeout) = timeout else { return attempt };
        let lock = self.lock.clone();
        attempt.add_timeout_with(timeout, &self.clock, move |result, after| {
            result.or_else(|_| match lock.try_lock()? {
                Some(held) => Ok(held),
                None => Err(LockTimedOut { name: lock.name(), after }.into()),
            })
        })
    }
}

/// Tries now, and if the lock is held again after the interval.
fn attempt<L: TryLock + 'static>(lock: Rc<L>, clock: Rc<dyn ReactorTime>) -> Deferred<L::Held> {
    match lock.try_lock().transpose() {
        Some(result) => result.into_deferred(),
        None => {
            let next_try = sleep(&clock, INTERVAL);
            next_try.add_callback(move |()| attempt(lock, clock))
        }
    }
}

impl<L: TryLock> fmt::Debug for DeferredFilesystemLock<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DeferredFilesystemLock").field(&self.lock.name()).finish()
    }
}

impl TryLock for DeferredLock {
    type Held = Token;

    fn try_lock(&self) -> Result<Option<Token>, Failure> {
        if self.is_locked() {
            // `acquire` would leave a waiter in the queue until the queue is swept.
            return Ok(None);
        }
        self.acquire().try_into_result().ok().transpose()
    }

    fn name(&self) -> String {
        String::from("a lock in memory")
    }
}

/// Another holder had the lock for all of the time that [`DeferredFilesystemLock`] was given. Twisted's
/// `TimeoutError`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "TimeoutError")]
pub struct LockTimedOut {
    /// Which lock.
    pub name: String,
    /// The time that was waited.
    pub after: Duration,
}

impl fmt::Display for LockTimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LockTimedOut { name, after } = self;
        let name = printable(name);
        write!(f, "cannot lock {name}: another holder has had it for all of {after:?}")
    }
}

impl Error for LockTimedOut {}
