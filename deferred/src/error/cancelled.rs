//! [`Cancelled`]: the error of a cancelled Deferred; Twisted's `CancelledError`.
//!
//! Invariant: it holds nothing.

use core::error::Error;
use core::fmt;

/// The error of a Deferred that was cancelled, unless its canceller chose another outcome; also of
/// one whose promise was dropped unfired, or behind a callback that panicked or returned its own
/// Deferred. Twisted's `CancelledError`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[doc(alias = "CancelledError")]
pub struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cancelled")
    }
}

impl Error for Cancelled {}
