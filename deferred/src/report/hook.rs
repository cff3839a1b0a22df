//! The one hook of the process for errors that no reader took, as a function pointer in an atomic.
//!
//! Twisted has its global log for this. Invariant: the pointer is null or was made from an
//! [`UnhandledHook`].

#![allow(unsafe_code)]

use core::mem;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use super::Unhandled;

/// A function that gets reports of unhandled errors and of promises dropped unfired.
pub type UnhandledHook = fn(&Unhandled<'_>);

static HOOK: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// Sets the function that gets reports of unhandled errors and of promises dropped unfired.
///
/// There is one hook for all threads of the process, and none at first. Call it once at the start
/// of the program; a later call replaces the hook. The answer is the one that was set before.
///
/// The hook is called from inside a drop, on the thread where the drop happens, perhaps while a
/// panic unwinds. It may use Deferreds, and it should not panic.
///
/// # Examples
///
/// ```
/// use ropewalk_deferred::{Cancelled, Deferred, set_unhandled_hook};
///
/// set_unhandled_hook(|unhandled| eprintln!("{unhandled}"));
/// drop(Deferred::<u32>::fail(Cancelled)); // unhandled error in Deferred<u32>: cancelled
/// ```
///
/// # Differences from Twisted
///
/// Twisted logs two records when the garbage collector finds the Deferred; here one call is made at
/// the moment when the error is dropped.
pub fn set_unhandled_hook(hook: UnhandledHook) -> Option<UnhandledHook> {
    let before = current();
    HOOK.store(hook as *mut (), Ordering::Release);
    before
}

/// Tells the hook, if there is one.
pub(crate) fn call(unhandled: &Unhandled<'_>) {
    if let Some(hook) = current() {
        hook(unhandled);
    }
}

fn current() -> Option<UnhandledHook> {
    let hook = HOOK.load(Ordering::Acquire);
    // SAFETY: an `Option` of a function pointer has the size of a pointer, and `None` is null. The
    // only values ever stored are null and those that `set_unhandled_hook` cast from an
    // `UnhandledHook`, and functions live as long as the process.
    unsafe { mem::transmute::<*mut (), Option<UnhandledHook>>(hook) }
}
