//! [`CancelHandle`]: Twisted's `Deferred.cancel`.
//!
//! Invariant: a handle keeps nothing alive.

use alloc::rc::Weak;
use core::fmt;

use crate::chain::node::{self, Node};

/// Cancels a [`Deferred`](crate::Deferred), also after it has been given away, awaited or chained.
///
/// Made by [`Deferred::cancel_handle`](crate::Deferred::cancel_handle). It is weak: it keeps neither
/// the Deferred nor its callbacks alive.
#[derive(Clone)]
pub struct CancelHandle {
    node: Option<Weak<dyn Node>>,
}

impl CancelHandle {
    pub(crate) fn new(node: Option<Weak<dyn Node>>) -> Self {
        CancelHandle { node }
    }

    /// Cancels what the Deferred waits for, now, with everything that follows from it: the canceller
    /// and then the callbacks run before this returns.
    ///
    /// - It goes to the innermost one: if a callback before this Deferred has returned another, which
    ///   is pending, that is cancelled, and its errbacks see the error first.
    /// - The canceller of that one is called. It may choose the outcome, otherwise it is
    ///   [`Cancelled`]. What its promise fires later is swallowed.
    /// - It does nothing when the result is there, when the Deferred is gone, or when it is called
    ///   from inside the callback or the canceller that the Deferred is waiting for.
    ///
    /// An errback may handle the cancellation and wait for something else. Then the Deferred has no
    /// result after this call, and a second one cancels that.
    ///
    /// # Examples
    ///
    /// ```
    /// use ropewalk_deferred::{Cancelled, Deferred};
    ///
    /// let (deferred, promise) = Deferred::<u32>::new();
    /// let handle = deferred.cancel_handle();
    /// let deferred = deferred.add_errback(|failure| {
    ///     failure.trap::<Cancelled>()?;
    ///     Ok(0)
    /// });
    /// handle.cancel();
    /// assert_eq!(deferred.try_into_result().unwrap().unwrap(), 0);
    /// promise.callback(1); // too late
    /// ```
    ///
    /// # Differences from Twisted
    ///
    /// It belongs to the Deferred it was taken from, which in Twisted is the same one after adding
    /// callbacks. Taken from the last Deferred of a chain it reaches everything that the chain waits
    /// for; taken from the first it does nothing once that one has its result.
    pub fn cancel(&self) {
        if let Some(node) = self.node.as_ref().and_then(Weak::upgrade) {
            node::cancel(node);
        }
    }
}

impl fmt::Debug for CancelHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelHandle").finish_non_exhaustive()
    }
}
