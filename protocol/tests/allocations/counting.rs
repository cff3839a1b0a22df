//! The system's allocator, which counts for each thread, and so for each test.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// What a piece of work allocated.
pub(crate) struct Counts {
    /// How often.
    pub(crate) calls: usize,
    /// How many bytes.
    pub(crate) allocated: usize,
    /// How many of these bytes it did not free, less those that it freed of others.
    pub(crate) kept: isize,
}

/// Runs the work, and counts.
pub(crate) fn counted<T>(work: impl FnOnce() -> T) -> (T, Counts) {
    let (calls, allocated, freed) = (CALLS.get(), ALLOCATED.get(), FREED.get());
    let made = work();
    let (allocated, freed) = (ALLOCATED.get() - allocated, FREED.get() - freed);
    let kept = allocated as isize - freed as isize;
    (made, Counts { calls: CALLS.get() - calls, allocated, kept })
}

struct Counting;

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
    static FREED: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: it does what the system's allocator does, and counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        ALLOCATED.set(ALLOCATED.get() + layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        FREED.set(FREED.get() + layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;
