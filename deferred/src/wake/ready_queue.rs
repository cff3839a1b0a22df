//! [`ReadyQueue`]: the tasks that were woken, in a list that needs no lock, and [`ReadyBatch`], those
//! that are about to be polled.
//!
//! ```text
//!            push(), any thread                 take(), the runner
//!   head ──▶ last woken ──▶ … ──▶ first woken   ───────────────────▶   ReadyBatch: first … last woken
//! ```
//!
//! The list runs through the tasks themselves, so a wake allocates nothing. A queue of `no_std` that
//! is safe to use would allocate a node for each wake, or have a lock.
//!
//! The model test in `tests/loom` compiles this file against loom's atomics. Invariant: nothing but
//! `super::atomic` is shared between threads here, and a task is in the list once at most.

#![allow(unsafe_code)]

use alloc::boxed::Box;
use core::cell::Cell;
use core::ptr;

use super::atomic::{Arc, AtomicBool, AtomicPtr, Ordering};

/// A task, as the list that runs through it sees it.
pub(crate) trait Queued: Sized {
    /// Its place in the list.
    fn hook(&self) -> &QueueHook<Self>;
}

/// The place of a task in a list.
pub(crate) struct QueueHook<T> {
    /// It is in the list, or about to be.
    woken: AtomicBool,
    next: AtomicPtr<T>,
}

impl<T> QueueHook<T> {
    pub(crate) fn new() -> Self {
        QueueHook { woken: AtomicBool::new(false), next: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Whether it was woken and not polled since.
    pub(crate) fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Acquire)
    }

    /// Marks it as woken; returns whether it was not until now, so that it has to be pushed.
    #[inline]
    pub(crate) fn becomes_woken(&self) -> bool {
        !self.woken.swap(true, Ordering::AcqRel)
    }

    /// From now on waking it counts again. It is a swap, so that the poll that follows sees
    /// everything that was written before a wake that came while it was in the list.
    #[inline]
    pub(crate) fn clear_woken(&self) {
        self.woken.swap(false, Ordering::AcqRel);
    }
}

/// The tasks that were woken and not taken since.
pub(crate) struct ReadyQueue<T: Queued> {
    /// The task that was woken last; each owns the one that was woken before it.
    head: AtomicPtr<T>,
    /// Called when the list is not empty any more.
    wake: Box<dyn Fn() + Send + Sync>,
}

/// Tasks that are about to be polled, first woken first.
pub(crate) struct ReadyBatch<T: Queued> {
    /// It owns the next, and so on.
    first: Cell<*mut T>,
}

impl<T: Queued> ReadyQueue<T> {
    pub(crate) fn new(wake: Box<dyn Fn() + Send + Sync>) -> Self {
        ReadyQueue { head: AtomicPtr::new(ptr::null_mut()), wake }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.load(Ordering::Acquire).is_null()
    }

    /// Adds a task whose hook has just become woken.
    pub(crate) fn push(&self, task: Arc<T>) {
        let task = Arc::into_raw(task).cast_mut();
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // SAFETY: the count of this pointer is ours until the exchange gives it to the list. The
            // head is not followed, so it does not matter whether it was taken and has come back.
            unsafe { (*task).hook().next.store(head, Ordering::Relaxed) };
            match self.head.compare_exchange_weak(head, task, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => break,
                Err(now) => head = now,
            }
        }
        if head.is_null() {
            (self.wake)();
        }
    }

    /// Takes all of them.
    pub(crate) fn take(&self) -> ReadyBatch<T> {
        let mut at = self.head.swap(ptr::null_mut(), Ordering::Acquire);
        let mut first = ptr::null_mut();
        while !at.is_null() {
            // SAFETY: the list owned a count of each, and the swap made that list ours.
            let before = unsafe { (*at).hook().next.swap(first, Ordering::Relaxed) };
            first = at;
            at = before;
        }
        ReadyBatch { first: Cell::new(first) }
    }
}

impl<T: Queued> Drop for ReadyQueue<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl<T: Queued> ReadyBatch<T> {
    pub(crate) fn new() -> Self {
        ReadyBatch { first: Cell::new(ptr::null_mut()) }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.get().is_null()
    }

    /// Changes places with another.
    pub(crate) fn swap(&self, other: &ReadyBatch<T>) {
        self.first.swap(&other.first);
    }

    pub(crate) fn pop(&self) -> Option<Arc<T>> {
        let first = self.first.get();
        if first.is_null() {
            return None;
        }
        // SAFETY: a batch owns a count of each of its tasks, and gives this one away.
        let task = unsafe { Arc::from_raw(first.cast_const()) };
        self.first.set(task.hook().next.swap(ptr::null_mut(), Ordering::Relaxed));
        Some(task)
    }
}

impl<T: Queued> Drop for ReadyBatch<T> {
    fn drop(&mut self) {
        while let Some(task) = self.pop() {
            drop(task);
        }
    }
}
