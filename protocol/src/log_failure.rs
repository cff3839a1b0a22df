//! Failures without a reader.
//!
//! Invariant: the unhandled hook is told of each once, and of no cancellation.

use deferred::{Cancelled, Deferred, Failure};

/// Tells the unhandled hook of a failure that has no reader; Twisted's `log.err`. A cancellation is no
/// failure.
pub(crate) fn log_failure(failure: Failure) {
    if !failure.check::<Cancelled>() {
        let _told = Deferred::<()>::fail(failure).log_error().add_errback(|_| Ok(()));
    }
}
