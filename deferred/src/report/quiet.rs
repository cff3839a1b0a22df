//! [`quietly`]: a scope in which cancellations are no news.
//!
//! Twisted has none: its garbage collector finds the Deferreds of a program that has ended, or does not.
//!
//! Invariant: only reports of cancellations are left out, and only those of the thread in the scope. Without
//! the feature `std` there is one count for all threads.

/// Runs `work`, and leaves out the reports about what it cancels: promises that it drops unfired, and the
/// [`Cancelled`](crate::Cancelled) that follows from that, also when that is dropped later.
///
/// For the owner of something that has ended in an orderly way, around the drop of what was still waiting
/// for it: a reactor that has stopped, an attempt to connect that has failed. Any other error is told as
/// ever.
///
/// # Examples
///
/// ```
/// use ropewalk_deferred::{Deferred, quietly, set_unhandled_hook};
///
/// set_unhandled_hook(|unhandled| panic!("{unhandled}"));
/// let (answer, promise) = Deferred::<u32>::new();
/// let doubled = answer.add_callback(|n| Ok(2 * n));
/// quietly(|| drop(promise));
/// drop(doubled);
/// ```
pub fn quietly<R>(work: impl FnOnce() -> R) -> R {
    let _scope = Scope::enter();
    work()
}

/// Whether this thread is in a quiet scope.
pub(crate) fn is_quiet() -> bool {
    depth::get() > 0
}

struct Scope;

impl Scope {
    fn enter() -> Self {
        depth::add(1);
        Scope
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        depth::add(-1);
    }
}

#[cfg(feature = "std")]
mod depth {
    use core::cell::Cell;

    std::thread_local! {
        static DEPTH: Cell<isize> = const { Cell::new(0) };
    }

    pub(super) fn get() -> isize {
        DEPTH.get()
    }

    pub(super) fn add(count: isize) {
        DEPTH.set(DEPTH.get() + count);
    }
}

#[cfg(not(feature = "std"))]
mod depth {
    use core::sync::atomic::{AtomicIsize, Ordering};

    static DEPTH: AtomicIsize = AtomicIsize::new(0);

    pub(super) fn get() -> isize {
        DEPTH.load(Ordering::Relaxed)
    }

    pub(super) fn add(count: isize) {
        // Two steps, for targets whose atomics can only load and store; they have one thread.
        DEPTH.store(get() + count, Ordering::Relaxed);
    }
}
