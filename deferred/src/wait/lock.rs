//! [`DeferredLock`]: one holder at a time, the others wait; Twisted's class of that name.
//!
//! Invariant: it is a semaphore of one token.

use core::fmt;
use core::num::NonZeroUsize;

use crate::deferred::{Deferred, IntoDeferred};
use crate::error::Failure;
use crate::wait::{DeferredSemaphore, Token};

/// A lock with one holder at a time, while the others wait in the order in which they asked.
///
/// For work of several steps that must not be mixed with the same work of another task, such as a
/// question and its answer on a shared connection. It guards no data: between two callbacks no
/// other code runs on this thread anyway.
///
/// A clone is another handle of the same lock. A token keeps it alive, so those in line get
/// their turn also when the last handle has been dropped.
///
/// # Examples
///
/// ```
/// use ropewalk_deferred::{Deferred, DeferredLock};
///
/// let lock = DeferredLock::new();
/// let (answer, promise) = Deferred::<u32>::new();
/// let first = lock.run(|| answer); // called at once, and holds the lock until the answer is there
/// let second = lock.run(|| Ok("my turn"));
/// assert!(!second.is_fired());
/// promise.callback(5);
/// assert_eq!(first.try_into_result().unwrap().unwrap(), 5);
/// assert_eq!(second.try_into_result().unwrap().unwrap(), "my turn");
/// assert!(!lock.is_locked());
/// ```
///
/// # Differences from Twisted
///
/// Those of [`DeferredSemaphore`]. The token of a lock is its release.
#[derive(Clone)]
pub struct DeferredLock {
    semaphore: DeferredSemaphore,
}

impl DeferredLock {
    /// A lock that is free.
    pub fn new() -> Self {
        DeferredLock { semaphore: DeferredSemaphore::new(NonZeroUsize::MIN) }
    }

    /// The lock, until the [`Token`] is dropped: at once when it is free, otherwise when all who came
    /// before have had it. One that is there at once costs no allocation.
    ///
    /// # Errors
    ///
    /// Fails with [`Cancelled`](crate::Cancelled) when it is cancelled before its turn; it is out of
    /// the line then. Cancelling it later does nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use ropewalk_deferred::{DeferredLock, Failure};
    ///
    /// async fn politely(lock: &DeferredLock) -> Result<u32, Failure> {
    ///     let _token = lock.acquire().await?;
    ///     let number = "12".parse()?; // on an error, and at the end, the lock is free again
    ///     Ok(number)
    /// }
    /// ```
    #[must_use = "a token that is dropped is given back at once"]
    pub fn acquire(&self) -> Deferred<Token> {
        self.semaphore.acquire()
    }

    /// Calls `f` with the lock held: at once when it is free, otherwise when it is its turn. The lock
    /// is free again when the result of `f` is there, just before that is passed on.
    ///
    /// # Errors
    ///
    /// Fails as `f` does, and with [`Cancelled`](crate::Cancelled) when it is cancelled before its
    /// turn; then `f` is not called.
    ///
    /// # Examples
    ///
    /// See [`DeferredLock`].
    pub fn run<R>(&self, f: impl FnOnce() -> R + 'static) -> Deferred<R::Value>
    where
        R: IntoDeferred<Error = Failure>,
    {
        self.semaphore.run(f)
    }

    /// Whether it is held, or on its way to a waiter.
    pub fn is_locked(&self) -> bool {
        self.semaphore.tokens() == 0
    }
}

impl Default for DeferredLock {
    fn default() -> Self {
        DeferredLock::new()
    }
}

impl fmt::Debug for DeferredLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeferredLock").field("locked", &self.is_locked()).finish()
    }
}
