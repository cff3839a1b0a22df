//! [`TaskWaker`], the waker of a task, the [`ReadyQueue`] of those that were woken, and how an `await`
//! finds the task that it is a part of. This is the unsafe code of the task runner.
//!
//! Wakers cross threads, and all else of a task stays on the thread of its runner. Invariant: what
//! threads share is atomics; a pointer to something that stays is followed only by the holder of the
//! very `Context` of the poll during which it was noted, and a `Context` never leaves its thread.
//!
//! ```text
//!            push(), any thread                 take(), the runner
//!   head ──▶ last woken ──▶ … ──▶ first woken   ───────────────────▶   ReadyBatch: first … last woken
//! ```

#![allow(unsafe_code)]

use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use core::cell::Cell;
use core::mem::ManuallyDrop;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use core::task::{Context, RawWaker, RawWakerVTable, Waker};

use super::awaits::Awaits;

/// The tasks that were woken and not polled since, in a list that needs no lock.
pub(crate) struct ReadyQueue {
    /// The task that was woken last; each owns the one that was woken before it.
    head: AtomicPtr<Header>,
    /// Told when the list is not empty any more.
    wake: Box<dyn Fn() + Send + Sync>,
}

/// A task, as all threads may see it.
#[derive(Clone)]
pub(crate) struct TaskWaker(Arc<Header>);

struct Header {
    /// Its place among the runner's tasks.
    key: usize,
    /// Weak, for a waker may be kept for ever.
    list: Weak<ReadyQueue>,
    /// It is on the list, or about to be.
    woken: AtomicBool,
    next: AtomicPtr<Header>,
    /// While it is polled, the address of the context it is polled with. Never followed.
    context: AtomicPtr<()>,
    /// While it is polled, what it awaits.
    awaits: AtomicPtr<Awaits>,
}

/// Tasks that are about to be polled, first woken first.
pub(crate) struct ReadyBatch {
    /// It owns the next, and so on.
    first: Cell<*mut Header>,
}

/// Its address tells our wakers from all others: every waker with this table was made here, so its
/// data is a pointer to a header. A static has an address of its own, which a constant has not.
static TABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, release);

impl ReadyQueue {
    pub(crate) fn new(wake: Box<dyn Fn() + Send + Sync>) -> Arc<Self> {
        Arc::new(ReadyQueue { head: AtomicPtr::new(ptr::null_mut()), wake })
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.load(Ordering::Acquire).is_null()
    }

    fn push(&self, task: Arc<Header>) {
        let task = Arc::into_raw(task).cast_mut();
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // SAFETY: the count of this pointer is ours until the exchange gives it to the list. The
            // head is not followed, so it does not matter whether it was taken and has come back.
            unsafe { (*task).next.store(head, Ordering::Relaxed) };
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
    pub(crate) fn take(&self) -> ReadyBatch {
        let mut at = self.head.swap(ptr::null_mut(), Ordering::Acquire);
        let mut first = ptr::null_mut();
        while !at.is_null() {
            // SAFETY: the list owned a count of each, and the swap made that list ours.
            let before = unsafe { (*at).next.swap(first, Ordering::Relaxed) };
            first = at;
            at = before;
        }
        ReadyBatch { first: Cell::new(first) }
    }
}

impl Drop for ReadyQueue {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl ReadyBatch {
    pub(crate) fn new() -> Self {
        ReadyBatch { first: Cell::new(ptr::null_mut()) }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.get().is_null()
    }

    /// Changes places with another.
    pub(crate) fn swap(&self, other: &ReadyBatch) {
        self.first.swap(&other.first);
    }

    pub(crate) fn pop(&self) -> Option<TaskWaker> {
        let first = self.first.get();
        if first.is_null() {
            return None;
        }
        // SAFETY: a batch owns a count of each of its tasks, and gives this one away.
        let task = unsafe { Arc::from_raw(first.cast_const()) };
        self.first.set(task.next.swap(ptr::null_mut(), Ordering::Relaxed));
        Some(TaskWaker(task))
    }
}

impl Drop for ReadyBatch {
    fn drop(&mut self) {
        while let Some(task) = self.pop() {
            drop(task);
        }
    }
}

impl TaskWaker {
    pub(crate) fn new(key: usize, list: &Arc<ReadyQueue>) -> Self {
        TaskWaker(Arc::new(Header {
            key,
            list: Arc::downgrade(list),
            woken: AtomicBool::new(false),
            next: AtomicPtr::new(ptr::null_mut()),
            context: AtomicPtr::new(ptr::null_mut()),
            awaits: AtomicPtr::new(ptr::null_mut()),
        }))
    }

    pub(crate) fn key(&self) -> usize {
        self.0.key
    }

    pub(crate) fn is(&self, other: &TaskWaker) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn to_waker(&self) -> Waker {
        let data = Arc::into_raw(Arc::clone(&self.0));
        // SAFETY: the functions of the table expect a header's pointer with a count of its own.
        unsafe { Waker::from_raw(RawWaker::new(data.cast(), &TABLE)) }
    }

    /// Whether it was woken and not polled since.
    pub(crate) fn is_woken(&self) -> bool {
        self.0.woken.load(Ordering::Acquire)
    }

    /// From now on waking it counts again. It is a swap, so that whatever was written before a wake
    /// that came while it was on the list is seen by the poll that follows.
    pub(crate) fn clear_woken(&self) {
        self.0.woken.swap(false, Ordering::AcqRel);
    }

    /// Calls `poll` with a context for this task. What awaits a Deferred in there is noted in
    /// `awaits`.
    #[inline]
    pub(crate) fn poll<R>(&self, awaits: &Awaits, poll: impl FnOnce(&mut Context<'_>) -> R) -> R {
        let waker = self.to_waker();
        let mut context = Context::from_waker(&waker);
        let _noted = PollScope::new(&self.0, &context, awaits);
        poll(&mut context)
    }
}

impl Header {
    /// Whether it was not on the list until now, and is to be put there.
    fn becomes_woken(&self) -> bool {
        !self.woken.swap(true, Ordering::AcqRel)
    }
}

fn push(task: Arc<Header>) {
    // The tasks of a runner that is gone are gone, too.
    if let Some(list) = task.list.upgrade() {
        list.push(task);
    }
}

/// The scope of one poll: clears the notes when it is over, also by a panic.
struct PollScope<'a>(&'a Header);

impl<'a> PollScope<'a> {
    fn new(header: &'a Header, context: &Context<'_>, awaits: &'a Awaits) -> Self {
        header.awaits.store(ptr::from_ref(awaits).cast_mut(), Ordering::Relaxed);
        header.context.store(address(context), Ordering::Relaxed);
        PollScope(header)
    }
}

impl Drop for PollScope<'_> {
    fn drop(&mut self) {
        self.0.context.store(ptr::null_mut(), Ordering::Relaxed);
        self.0.awaits.store(ptr::null_mut(), Ordering::Relaxed);
    }
}

fn address(context: &Context<'_>) -> *mut () {
    ptr::from_ref(context).cast_mut().cast()
}

/// Where the task that is being polled with this context notes what it awaits, if it is a task of a
/// [`TaskRunner`](crate::TaskRunner). With a context that was made around the task's waker by
/// somebody else it is not found.
#[inline]
pub(crate) fn awaits_of<'a>(context: &'a Context<'_>) -> Option<&'a Awaits> {
    let waker = context.waker();
    if !ptr::eq(waker.vtable(), &raw const TABLE) {
        return None;
    }
    // SAFETY: only this file makes a waker with our table, with the pointer of an `Arc` whose
    // count the waker holds.
    let header = unsafe { &*waker.data().cast::<Header>() };
    if !ptr::eq(header.context.load(Ordering::Relaxed), address(context)) {
        return None;
    }
    // SAFETY: what is noted is the address of a `Context` in a frame of `TaskWaker::poll` that has
    // not returned, and we were given one that lives at the same address, so it is that place. It
    // was not lent to us by another thread, for a `Context` is neither `Send` nor `Sync` (see
    // below). So we are called from inside that frame, which borrows the `Awaits` until it returns,
    // and `context` can't be borrowed for longer than it lives there.
    unsafe { header.awaits.load(Ordering::Relaxed).as_ref() }
}

/// Does not compile when a `Context` can go to another thread or be seen from there: then there
/// are two traits to choose from.
const _: fn() = || {
    trait IsNot<Which> {
        fn sure() {}
    }
    struct Send_;
    struct Sync_;
    impl<T: ?Sized> IsNot<()> for T {}
    impl<T: ?Sized + Send> IsNot<Send_> for T {}
    impl<T: ?Sized + Sync> IsNot<Sync_> for T {}
    <Context<'static> as IsNot<_>>::sure();
};

/// # Safety
///
/// Of all four: `data` is the pointer of an `Arc<Header>`, with a count for the waker.
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the waker's count keeps it alive.
    unsafe { Arc::increment_strong_count(data.cast::<Header>()) };
    RawWaker::new(data, &TABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: the waker is used up, and its count is now ours.
    let task = unsafe { Arc::from_raw(data.cast::<Header>()) };
    if task.becomes_woken() {
        push(task);
    }
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the waker keeps its count, so this one is never dropped.
    let task = ManuallyDrop::new(unsafe { Arc::from_raw(data.cast::<Header>()) });
    if task.becomes_woken() {
        push(Arc::clone(&task));
    }
}

unsafe fn release(data: *const ()) {
    // SAFETY: the waker is used up, and its count is now ours.
    drop(unsafe { Arc::from_raw(data.cast::<Header>()) });
}
