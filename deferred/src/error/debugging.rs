//! The switch that records where failures and promises are made and fired; Twisted's `setDebugging`.
//!
//! Invariant: the switch changes the reports about a Deferred, never its behaviour. It may be
//! turned at any time, from any thread.

use core::panic::Location;
use core::sync::atomic::{AtomicBool, Ordering};

static DEBUGGING: AtomicBool = AtomicBool::new(false);

/// Switches recording on or off: where each [`Failure`](crate::Failure) and each
/// [`Promise`](crate::Promise) was made, and for a failure where its Deferred was fired. It is off at
/// first. Returns how it was before.
///
/// While it is off, making them costs one load of an atomic more. While it is on, a failure takes a
/// pointer more, and one allocation more when it is fired. What was made while it was off has no
/// place, also later.
///
/// # Examples
///
/// ```
/// use ropewalk_deferred::{Cancelled, Failure, set_debugging};
///
/// set_debugging(true);
/// let (failure, here) = (Failure::new(Cancelled), line!());
/// assert_eq!(failure.location().unwrap().line(), here);
/// ```
#[doc(alias = "setDebugging")]
pub fn set_debugging(on: bool) -> bool {
    // Two steps, for targets whose atomics can only load and store.
    let before = debugging();
    DEBUGGING.store(on, Ordering::Relaxed);
    before
}

/// Whether places are recorded; Twisted's `getDebugging`.
#[inline]
#[doc(alias = "getDebugging")]
pub fn debugging() -> bool {
    DEBUGGING.load(Ordering::Relaxed)
}

/// The place that called the function that calls this, if places are recorded.
#[inline]
#[track_caller]
pub(crate) fn caller() -> Option<&'static Location<'static>> {
    // Not `then()`: a closure is called from where it is made up, not from where this is called.
    if debugging() { Some(Location::caller()) } else { None }
}
