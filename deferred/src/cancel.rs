//! [`Cancelled`], Twisted's `CancelledError`, and [`CancelHandle`], its `Deferred.cancel`.
//!
//! Invariant: a handle keeps nothing alive.

use alloc::rc::Weak;
use core::error::Error;
use core::fmt;

use crate::node::{self, Node};

/// The error of a Deferred that was cancelled, unless its canceller chose another outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cancelled")
    }
}

impl Error for Cancelled {}

/// Cancels a [`Deferred`](crate::Deferred), also after it has been given away.
#[derive(Clone)]
pub struct CancelHandle {
    node: Option<Weak<dyn Node>>,
}

impl CancelHandle {
    pub(crate) fn new(node: Option<Weak<dyn Node>>) -> Self {
        CancelHandle { node }
    }

    /// Cancels what the Deferred waits for.
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
