//! [`DeferredQueue`]: items from those who have them to those who wait for them; Twisted's class of
//! that name.
//!
//! Invariant: an item is stored only when nobody waits for one.

use alloc::collections::VecDeque;
use alloc::rc::Rc;
use core::cell::RefCell;
use core::error::Error;
use core::fmt;

use crate::deferred::{Deferred, IntoDeferred};
use crate::error::Failure;
use crate::wait::wait_queue::WaitQueue;

/// A queue of items in which one can wait for the next, first come, first served on both sides.
///
/// A clone is another handle of the same queue. When the last handle is dropped, its items are
/// dropped, and who still waits for one fails as with any promise that is dropped. A callback that
/// waits in a queue and owns a handle of it keeps both alive.
///
/// # Examples
///
/// ```
/// use ropewalk_deferred::{DeferredQueue, QueueLimits};
///
/// let jobs = DeferredQueue::with_limits(QueueLimits { size: Some(1), ..QueueLimits::default() });
/// let done = jobs.run(|job: &str| Ok(format!("{job}: done"))).unwrap();
/// jobs.put("sweep").unwrap(); // goes to the one who waits
/// assert_eq!(done.try_into_result().unwrap().unwrap(), "sweep: done");
///
/// jobs.put("wash").unwrap(); // is stored
/// let refused = jobs.put("cook").unwrap_err();
/// assert_eq!(refused.item, "cook");
/// assert_eq!(refused.to_string(), "cannot put an item into the queue: it holds 1, its limit");
/// ```
///
/// Awaited, in a task:
///
/// ```
/// use ropewalk_deferred::{DeferredQueue, Failure};
///
/// async fn work(jobs: DeferredQueue<String>) -> Result<(), Failure> {
///     loop {
///         let job = jobs.get()?.await?;
///         println!("{job}");
///     }
/// }
/// ```
///
/// # What is not promised
///
/// An item that has come to a Deferred belongs to it, as in Twisted. If that is dropped before a
/// callback or a task has taken the item, so is the item: also when a task is dropped between the
/// [`put`](DeferredQueue::put) that woke it and its next poll, where asyncio's and tokio's queues
/// keep the item for the next one. There is nobody to give it back to: who put it was told that it
/// is taken, and those behind have had the items after it. So a task that must not lose one is to be
/// dropped only between two items, or takes them with [`run`](DeferredQueue::run), which calls inside
/// `put`.
///
/// # Differences from Twisted
///
/// - An item never goes to a [`get`](DeferredQueue::get) whose Deferred was dropped without a
///   callback; Twisted's is lost then. Nor does such a one count when the backlog is full.
/// - A full queue gives the item back.
/// - [`run`](DeferredQueue::run) is ours.
pub struct DeferredQueue<T: 'static> {
    shared: Rc<Shared<T>>,
}

/// How many items, and how many that wait for one, a [`DeferredQueue`] takes. `None`, the default,
/// is without limit, which is for what is bounded by something else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueLimits {
    /// The most items that are stored. With 0, an item is taken only when somebody waits for it.
    pub size: Option<usize>,
    /// The most that wait. With 0, a `get` is answered only when an item is stored.
    pub backlog: Option<usize>,
}

struct Shared<T: 'static> {
    limits: QueueLimits,
    items: RefCell<VecDeque<T>>,
    line: Rc<WaitQueue<T>>,
}

impl<T: 'static> DeferredQueue<T> {
    /// An empty queue without limits.
    pub fn new() -> Self {
        DeferredQueue::with_limits(QueueLimits::default())
    }

    /// An empty queue with these limits.
    pub fn with_limits(limits: QueueLimits) -> Self {
        let shared = Shared { limits, items: RefCell::default(), line: WaitQueue::new() };
        DeferredQueue { shared: Rc::new(shared) }
    }

    /// Gives the item to the first who waits, whose callbacks run before this returns, or stores it
    /// at the end when nobody does.
    ///
    /// # Errors
    ///
    /// [`QueueOverflow`], with the item, when nobody waits and the queue is full.
    pub fn put(&self, item: T) -> Result<(), QueueOverflow<T>> {
        if let Some(first) = self.shared.line.next() {
            first.callback(item);
            return Ok(());
        }
        match self.shared.limits.size {
            Some(size) if self.len() >= size => Err(QueueOverflow { item, size }),
            _ => {
                self.shared.items.borrow_mut().push_back(item);
                Ok(())
            }
        }
    }

    /// Takes the first item: one that is stored is there at once and costs no allocation, otherwise
    /// it comes with a [`put`](DeferredQueue::put) after all who waited before have had theirs.
    ///
    /// The Deferred fails with [`Cancelled`](crate::Cancelled) when it is cancelled before an item
    /// came, and then gets none. Cancelling it later does nothing.
    ///
    /// # Errors
    ///
    /// [`QueueUnderflow`] when the queue is empty and as many wait as may.
    pub fn get(&self) -> Result<Deferred<T>, QueueUnderflow> {
        if let Some(item) = self.take() {
            return Ok(Deferred::succeed(item));
        }
        let line = &self.shared.line;
        if let Some(backlog) = self.shared.limits.backlog
            && line.len() >= backlog
        {
            line.sweep();
            if line.len() >= backlog {
                return Err(QueueUnderflow { backlog });
            }
        }
        Ok(line.join())
    }

    /// Calls `f` with the first item: at once when one is stored, otherwise inside the
    /// [`put`](DeferredQueue::put) that brings it.
    ///
    /// The Deferred fails as `f` does, and with [`Cancelled`](crate::Cancelled) when it is cancelled
    /// before an item came; then `f` is not called.
    ///
    /// # Errors
    ///
    /// [`QueueUnderflow`], as [`get`](DeferredQueue::get).
    pub fn run<R>(
        &self,
        f: impl FnOnce(T) -> R + 'static,
    ) -> Result<Deferred<R::Value>, QueueUnderflow>
    where
        R: IntoDeferred<Error = Failure>,
    {
        Ok(self.get()?.add_callback(f))
    }

    /// How many items are stored; Twisted's `pending`.
    pub fn len(&self) -> usize {
        self.shared.items.borrow().len()
    }

    /// Whether no item is stored.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many wait for an item; Twisted's `waiting`.
    pub fn waiting(&self) -> usize {
        self.shared.line.len()
    }

    fn take(&self) -> Option<T> {
        self.shared.items.borrow_mut().pop_front()
    }
}

impl<T: 'static> Clone for DeferredQueue<T> {
    fn clone(&self) -> Self {
        DeferredQueue { shared: self.shared.clone() }
    }
}

impl<T: 'static> Default for DeferredQueue<T> {
    fn default() -> Self {
        DeferredQueue::new()
    }
}

impl<T: 'static> fmt::Debug for DeferredQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeferredQueue")
            .field("items", &self.len())
            .field("waiting", &self.waiting())
            .field("limits", &self.shared.limits)
            .finish()
    }
}

/// An item was to be put into a [`DeferredQueue`] that is full. Twisted's `QueueOverflow`.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueOverflow<T> {
    /// The item, given back.
    pub item: T,
    /// How many items the queue takes.
    pub size: usize,
}

impl<T> fmt::Display for QueueOverflow<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot put an item into the queue: it holds {}, its limit", self.size)
    }
}

/// Says nothing of the item, which need not be printable.
impl<T> fmt::Debug for QueueOverflow<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueOverflow").field("size", &self.size).finish_non_exhaustive()
    }
}

impl<T> Error for QueueOverflow<T> {}

/// An item was to be taken from a [`DeferredQueue`] that is empty and for which enough wait already.
/// Twisted's `QueueUnderflow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueUnderflow {
    /// How many may wait.
    pub backlog: usize,
}

impl fmt::Display for QueueUnderflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let QueueUnderflow { backlog } = self;
        write!(f, "cannot get an item from the queue: it is empty, and {backlog} wait, its limit")
    }
}

impl Error for QueueUnderflow {}
