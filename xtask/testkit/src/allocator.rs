//! The allocator of the system, which counts for each thread by itself.
//!
//! The test harness runs tests side by side, each on its own thread, so that one's allocations do not
//! show in another's figures. Invariant: the counters need no allocation and have no destructor.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static LIVE_BYTES: Cell<isize> = const { Cell::new(0) };
    static ALLOCATED_BYTES: Cell<usize> = const { Cell::new(0) };
}

/// Counts what each thread allocates and frees. An executable uses it by a static of its own:
///
/// ```
/// use ropewalk_testkit::{CountingAllocator, counted};
///
/// #[global_allocator]
/// static ALLOCATOR: CountingAllocator = CountingAllocator;
///
/// let (list, allocations, bytes) = counted(|| Vec::<u8>::with_capacity(100));
/// assert_eq!((allocations, bytes), (1, 100));
/// let (_, allocations, bytes) = counted(|| drop(list));
/// assert_eq!((allocations, bytes), (0, -100));
/// ```
///
/// Without that static all figures are 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountingAllocator;

/// How often this thread has allocated so far; moving to another size counts as once.
#[inline]
pub fn allocations() -> usize {
    ALLOCATIONS.get()
}

/// The bytes that this thread has allocated so far, also those that it has freed since; moving to another
/// size counts the new size.
#[inline]
pub fn allocated_bytes() -> usize {
    ALLOCATED_BYTES.get()
}

/// The bytes that this thread has allocated so far, less those that it has freed. Below 0 for a thread
/// that frees what others have allocated.
#[inline]
pub fn live_bytes() -> isize {
    LIVE_BYTES.get()
}

/// What the work returns, how often it allocated, and by how many bytes the heap has grown.
pub fn counted<T>(work: impl FnOnce() -> T) -> (T, usize, isize) {
    let (allocations_before, bytes_before) = (allocations(), live_bytes());
    let made = work();
    (made, allocations() - allocations_before, live_bytes() - bytes_before)
}

#[inline]
fn count(allocations: usize, allocated: usize, growth: isize) {
    ALLOCATIONS.set(ALLOCATIONS.get() + allocations);
    ALLOCATED_BYTES.set(ALLOCATED_BYTES.get() + allocated);
    LIVE_BYTES.set(LIVE_BYTES.get() + growth);
}

// SAFETY: each call goes to the system's allocator as it is, and counting does not allocate.
unsafe impl GlobalAlloc for CountingAllocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size(), layout.size() as isize);
        // SAFETY: the caller keeps the contract of the same method.
        unsafe { System.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size(), layout.size() as isize);
        // SAFETY: the caller keeps the contract of the same method.
        unsafe { System.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size, size as isize - layout.size() as isize);
        // SAFETY: the caller keeps the contract of the same method.
        unsafe { System.realloc(pointer, layout, size) }
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, 0, -(layout.size() as isize));
        // SAFETY: the caller keeps the contract of the same method.
        unsafe { System.dealloc(pointer, layout) }
    }
}
