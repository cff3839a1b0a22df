//! [`TaskWaker`]: the waker of a task, and how an `await` finds the task that it is a part of.
//!
//! Wakers cross threads, and all else of a task stays on the thread of its runner. Invariant: what
//! threads share is atomics; a pointer to something that stays is followed only by the holder of the
//! very `Context` of the poll during which it was noted, and a `Context` never leaves its thread.
//!
//! The table of the wakers is our own and not that of [`Wake`](alloc::task::Wake). An `await` sees a
//! `Context` alone and has to find [`Awaits`] of the running task, and only three ways lead there:
//!
//! - through the waker, recognised by the address of its table. The table that `Wake` makes has no
//!   address that is promised, and the compiler may merge it with the table of another type.
//! - through a thread-local that holds the running task, so that the waker is compared and never
//!   followed. That needs no unsafe code, but `std`, and was measured: an awaiting task costs 2,383
//!   instructions in place of 1,987 (on a reactor 3,871 in place of 3,473), as `Awaits` is moved into
//!   the thread-local for each poll and back.
//! - through `Context::ext`, which is not stable (`context_ext`). It would replace all unsafe code here.

#![allow(unsafe_code)]

use alloc::sync::{Arc, Weak};
use core::mem::ManuallyDrop;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};
use core::task::{Context, RawWaker, RawWakerVTable, Waker};

use super::awaits::Awaits;
use super::ready_queue::{QueueHook, Queued, ReadyBatch, ReadyQueue};

/// The queue that the wakers of one runner share.
pub(crate) type TaskQueue = ReadyQueue<Header>;

/// The tasks of one runner that are about to be polled.
pub(crate) type TaskBatch = ReadyBatch<Header>;

/// A task, as all threads may see it.
#[derive(Clone)]
pub(crate) struct TaskWaker(Arc<Header>);

pub(crate) struct Header {
    /// Its place among the runner's tasks.
    key: usize,
    /// Weak, for a waker may be kept for ever.
    queue: Weak<TaskQueue>,
    hook: QueueHook<Header>,
    /// While it is polled, the address of the context it is polled with. Never followed.
    context: AtomicPtr<()>,
    /// While it is polled, what it awaits.
    awaits: AtomicPtr<Awaits>,
}

/// Its address tells our wakers from all others: every waker with this table was made here, so its
/// data is a pointer to a header. A static has an address of its own, which a constant has not.
static TABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, release);

impl TaskWaker {
    pub(crate) fn new(key: usize, queue: &Arc<TaskQueue>) -> Self {
        TaskWaker(Arc::new(Header {
            key,
            queue: Arc::downgrade(queue),
            hook: QueueHook::new(),
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
        self.0.hook.is_woken()
    }

    /// The next task of a batch, which can be woken again from now on.
    pub(crate) fn next_of(batch: &TaskBatch) -> Option<Self> {
        let task = batch.pop()?;
        task.hook.clear_woken();
        Some(TaskWaker(task))
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

impl Queued for Header {
    fn hook(&self) -> &QueueHook<Self> {
        &self.hook
    }
}

fn push(task: Arc<Header>) {
    // The tasks of a runner that is gone are gone, too.
    if let Some(queue) = task.queue.upgrade() {
        queue.push(task);
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
/// [`TaskRunner`](crate::TaskRunner). It is not found from another context that was made
/// around the task's waker.
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
    if task.hook.becomes_woken() {
        push(task);
    }
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the waker keeps its count, so this one is never dropped.
    let task = ManuallyDrop::new(unsafe { Arc::from_raw(data.cast::<Header>()) });
    if task.hook.becomes_woken() {
        push(Arc::clone(&task));
    }
}

unsafe fn release(data: *const ()) {
    // SAFETY: the waker is used up, and its count is now ours.
    drop(unsafe { Arc::from_raw(data.cast::<Header>()) });
}
