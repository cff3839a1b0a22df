//! [`DeferredQueue`]: a queue of items whose `get` waits; Twisted's class of that name.
//!
//! ```text
//!   put() ── a getter waits ─────────▶ lent ── a reader takes it ──▶ gone
//!     │                              ▲ │
//!     └── none waits ──▶ stored ─────┘ │ the Deferred is dropped
//!                          ▲           ▼
//!                          └────── take_back() ── a getter waits ──▶ lent
//! ```
//!
//! Invariant: outside of a hand-over there are no waiters while an item is stored, and items are stored
//! in the order in which they were put.

use alloc::collections::VecDeque;
use alloc::rc::{Rc, Weak};
use core::cell::{Cell, RefCell};
use core::error::Error;
use core::fmt;
use core::mem;

use super::getter::{Getter, Lender, Place};
use super::wait_queue::WaitQueue;
use crate::chain::node::OnUnwind;
use crate::deferred::{Deferred, IntoDeferred};
use crate::error::Failure;

/// A queue of items in which one can wait for the next, first come, first served on both sides.
///
/// A clone is another handle of the same queue. When the last handle is dropped, its items are
/// dropped, and each `get` that still waits fails as with any promise that is dropped. A callback that
/// waits in a queue and owns a handle of it keeps both alive.
///
/// # Examples
///
/// ```
/// use ropewalk_deferred::{DeferredQueue, QueueLimits};
///
/// let jobs = DeferredQueue::with_limits(QueueLimits::default().with_size(1));
/// let done = jobs.run(|job: &str| Ok(format!("{job}: done"))).unwrap();
/// jobs.put("sweep").unwrap(); // goes to the run that waits
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
/// # An item that was not seen
///
/// An item that has come to a Deferred stays the queue's until a callback, a task or
/// [`try_into_result`](Deferred::try_into_result) takes it. If the Deferred, or the future that
/// awaits it, is dropped before that, the item is back in its old place, before all items that were
/// put after it, and goes to the first `get` that waits before the drop returns. So a task that waits for an
/// item can be dropped at any moment, also between the [`put`](DeferredQueue::put) that woke it and
/// its next poll.
///
/// An item comes back although the queue is full by then: more than its limit are stored until some
/// were taken. When the last handle of the queue is gone the item is dropped.
///
/// What takes the result of a Deferred for another one takes the item, too: a callback that returns
/// it, [`chain_deferred`](Deferred::chain_deferred), [`pausable`](Deferred::pausable),
/// [`race`](crate::race()) and lists. An item that is lost among those does not come back.
///
/// # Differences from Twisted
///
/// - An item never goes to a [`get`](DeferredQueue::get) whose Deferred was dropped without a
///   callback, and comes back when that happens later; Twisted's is lost then. Nor does such a `get`
///   count when the backlog is full.
/// - A full queue gives the item back.
/// - [`run`](DeferredQueue::run) is ours.
pub struct DeferredQueue<T: 'static> {
    shared: Rc<Shared<T>>,
}

/// How many items, and how many that wait for one, a [`DeferredQueue`] takes. `None`, the default,
/// is without limit, for a queue that something else bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueLimits {
    /// The most items that are stored. With 0, an item is accepted only when a `get` waits for it.
    pub size: Option<usize>,
    /// The most that wait. With 0, a `get` is answered only when an item is stored.
    pub backlog: Option<usize>,
}

impl QueueLimits {
    /// With another [`size`](Self::size).
    #[must_use]
    pub fn with_size(mut self, size: impl Into<Option<usize>>) -> Self {
        self.size = size.into();
        self
    }

    /// With another [`backlog`](Self::backlog).
    #[must_use]
    pub fn with_backlog(mut self, backlog: impl Into<Option<usize>>) -> Self {
        self.backlog = backlog.into();
        self
    }
}

struct Shared<T: 'static> {
    limits: QueueLimits,
    /// Each with the number that it was put with, in the order of these.
    items: RefCell<VecDeque<(u64, T)>>,
    /// How many items were put.
    put: Cell<u64>,
    waiters: Rc<WaitQueue<Place<T>>>,
    handing_over: Cell<bool>,
}

impl<T: 'static> DeferredQueue<T> {
    /// An empty queue without limits.
    pub fn new() -> Self {
        DeferredQueue::with_limits(QueueLimits::default())
    }

    /// An empty queue with these limits.
    pub fn with_limits(limits: QueueLimits) -> Self {
        let shared = Shared {
            limits,
            items: RefCell::default(),
            put: Cell::new(0),
            waiters: WaitQueue::new(),
            handing_over: Cell::new(false),
        };
        DeferredQueue { shared: Rc::new(shared) }
    }

    /// Gives the item to the first `get` that waits, whose callbacks run before this returns, or stores it
    /// at the end when none waits.
    ///
    /// # Errors
    ///
    /// [`QueueOverflow`], with the item, when no `get` waits and the queue is full.
    pub fn put(&self, item: T) -> Result<(), QueueOverflow<T>> {
        let shared = &self.shared;
        // While items are handed over there are items and waiters, and then this one is the last.
        let first = if shared.has_items() { None } else { shared.waiters.next() };
        match (first, shared.limits.size) {
            (Some(first), _) => shared.give(first, item, shared.next_number()),
            (None, Some(size)) if self.len() >= size => return Err(QueueOverflow { item, size }),
            (None, _) => {
                let number = shared.next_number();
                shared.items.borrow_mut().push_back((number, item));
            }
        }
        Ok(())
    }

    /// Takes the first item: one that is stored is there at once, otherwise it comes with a [`put`](DeferredQueue::put) after all who waited before have had theirs.
    ///
    /// The Deferred fails with [`Cancelled`](crate::Cancelled) when it is cancelled before an item
    /// came, and then gets none. Cancelling it later does nothing; dropping it gives the item back.
    ///
    /// # Errors
    ///
    /// [`QueueUnderflow`] when the queue is empty and as many wait as may.
    pub fn get(&self) -> Result<Deferred<T>, QueueUnderflow> {
        let Shared { limits, waiters, .. } = &*self.shared;
        if let Some((number, item)) = self.shared.take() {
            let getter = Getter::with_item(item, number, self.shared.as_lender());
            return Ok(Deferred::at(getter));
        }
        if let Some(backlog) = limits.backlog
            && waiters.len() >= backlog
        {
            waiters.sweep();
            if waiters.len() >= backlog {
                return Err(QueueUnderflow { backlog });
            }
        }
        let getter = waiters.join(Getter::new);
        Ok(Deferred::at(getter))
    }

    /// Calls `f` with the first item: at once when one is stored, which costs no allocation, otherwise
    /// inside the [`put`](DeferredQueue::put) that brings it.
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
        match self.shared.take() {
            Some((_, item)) => Ok(f(item).into_deferred()),
            None => Ok(self.get()?.add_callback(f)),
        }
    }

    /// How many items are stored, and not on their way to a waiter; Twisted's `pending`.
    #[doc(alias = "pending")]
    pub fn len(&self) -> usize {
        self.shared.items.borrow().len().saturating_sub(self.shared.waiters.len())
    }

    /// Whether no item is stored.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many wait for an item; Twisted's `waiting`.
    pub fn waiting(&self) -> usize {
        self.shared.waiters.len()
    }
}

impl<T: 'static> Shared<T> {
    fn has_items(&self) -> bool {
        !self.items.borrow().is_empty()
    }

    fn next_number(&self) -> u64 {
        self.put.set(self.put.get() + 1);
        self.put.get()
    }

    /// Takes out the first item, unless waiters are to have it.
    fn take(&self) -> Option<(u64, T)> {
        match self.waiters.is_empty() {
            true => self.items.borrow_mut().pop_front(),
            false => None,
        }
    }

    /// Gives an item to a waiter, whose callbacks run inside this call.
    fn give(self: &Rc<Self>, waiter: Place<T>, item: T, number: u64) {
        waiter.give(item, number, self.as_lender());
    }

    fn as_lender(self: &Rc<Self>) -> Weak<dyn Lender<T>> {
        let shared: Weak<Self> = Rc::downgrade(self);
        shared
    }

    /// Gives stored items to waiters. Inside of itself it does nothing, because the outer call sees
    /// the items, too; so a row of getters that drop their item needs no deep stack.
    fn hand_over(self: &Rc<Self>) {
        if self.handing_over.replace(true) {
            return;
        }
        // A callback that panics must not leave the others waiting.
        let unwinding = OnUnwind(|| self.serve());
        self.serve();
        mem::forget(unwinding);
    }

    fn serve(self: &Rc<Self>) {
        while self.has_items()
            && let Some(waiter) = self.waiters.next()
        {
            let first = self.items.borrow_mut().pop_front();
            let (number, item) = first.expect("nothing ran since it was seen");
            self.give(waiter, item, number);
        }
        self.handing_over.set(false);
    }
}

/// An item that comes back has its old place, and goes to the first waiter, if there is one.
impl<T: 'static> Lender<T> for Shared<T> {
    fn take_back(self: Rc<Self>, item: T, number: u64) {
        let mut items = self.items.borrow_mut();
        let place = items.partition_point(|(other, _)| *other < number);
        items.insert(place, (number, item));
        drop(items);
        self.hand_over();
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
