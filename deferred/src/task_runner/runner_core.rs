//! [`RunnerCore`]: the state that a runner and the cancellers of its tasks share.
//!
//! Invariant: while a task is polled, dropped or cancelled nothing is borrowed here.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::mem;
use core::pin::Pin;

use super::body::Run;
use super::tasks::{PutBack, Standing, Suspended, Tasks};
use crate::chain::node::{self, OnUnwind};
use crate::wake::awaits::Awaits;
use crate::wake::waker::{TaskBatch, TaskQueue, TaskWaker};

pub(crate) struct RunnerCore {
    tasks: RefCell<Tasks>,
    ready: Arc<TaskQueue>,
    /// The tasks that a run has not polled yet. They stay when a task panics.
    batch: TaskBatch,
    /// How many tasks are being polled, one inside the spawning of the other.
    polls: Cell<usize>,
}

impl RunnerCore {
    pub(crate) fn new(wake: Box<dyn Fn() + Send + Sync>) -> Self {
        RunnerCore {
            tasks: RefCell::default(),
            ready: Arc::new(TaskQueue::new(wake)),
            batch: TaskBatch::new(),
            polls: Cell::new(0),
        }
    }

    /// A waker for a task that is to be added.
    pub(crate) fn new_waker(&self) -> TaskWaker {
        TaskWaker::new(self.tasks.borrow().vacant(), &self.ready)
    }

    /// Adds the task of a waker that is new.
    pub(crate) fn add(&self, waker: TaskWaker, body: Pin<Box<dyn Run>>) {
        let suspended = Suspended { body, awaits: Awaits::default() };
        self.tasks.borrow_mut().add(waker, suspended);
    }

    pub(crate) fn len(&self) -> usize {
        self.tasks.borrow().len()
    }

    pub(crate) fn take_all(&self) -> Vec<Suspended> {
        self.tasks.borrow_mut().take_all()
    }

    /// Whether this is called from inside a task.
    pub(crate) fn is_polling(&self) -> bool {
        self.polls.get() > 0
    }

    #[inline]
    pub(crate) fn is_ready(&self) -> bool {
        !self.ready.is_empty() || !self.batch.is_empty()
    }

    /// Takes the tasks that were woken, unless the last run was ended by a panic.
    pub(crate) fn line_up(&self) {
        if self.batch.is_empty() {
            self.batch.swap(&self.ready.take());
        }
    }

    pub(crate) fn next(&self) -> Option<TaskWaker> {
        TaskWaker::next_of(&self.batch)
    }

    pub(crate) fn resume(&self, waker: &TaskWaker) {
        let suspended = self.tasks.borrow_mut().take(waker);
        if let Some(suspended) = suspended {
            self.poll(waker, suspended);
        }
    }

    fn poll(&self, waker: &TaskWaker, mut suspended: Suspended) {
        // A panic drops the future on its way, after this.
        let unwinding = OnUnwind(|| drop(self.remove(waker)));
        self.polls.set(self.polls.get() + 1);
        let leaving = OnUnwind(|| self.polls.set(self.polls.get() - 1));
        let Suspended { body, awaits } = &mut suspended;
        let polled = waker.poll(awaits, |context| body.as_mut().poll(context));
        drop(leaving);
        mem::forget(unwinding);
        if polled.is_ready() {
            drop(self.remove(waker));
            return;
        }
        let put_back = self.tasks.borrow_mut().put_back(waker, suspended);
        match put_back {
            PutBack::Suspended => {}
            PutBack::Cancelled => self.cancel_suspended(waker),
            PutBack::Gone(suspended) => drop(suspended),
        }
    }

    /// The Deferred of a task is cancelled.
    pub(crate) fn cancel(&self, waker: &TaskWaker) {
        if self.cancel_awaited(waker) {
            return;
        }
        let mut tasks = self.tasks.borrow_mut();
        match tasks.standing(waker) {
            Standing::Gone => {}
            Standing::Polled => tasks.cancel_later(waker),
            Standing::Suspended(_) if waker.is_woken() => tasks.cancel_later(waker),
            Standing::Suspended(_) => {
                drop(tasks);
                drop(self.remove(waker));
            }
        }
    }

    /// A cancellation has waited until the task suspended. It waits no longer, though the task may
    /// have been woken again, for one that wakes itself all the time has to end, too.
    fn cancel_suspended(&self, waker: &TaskWaker) {
        if !self.cancel_awaited(waker) {
            drop(self.remove(waker));
        }
    }

    /// Cancels the Deferreds that a suspended task awaits. Returns whether there were any.
    fn cancel_awaited(&self, waker: &TaskWaker) -> bool {
        let mut tasks = self.tasks.borrow_mut();
        let (first, others) = match tasks.standing(waker) {
            Standing::Gone | Standing::Polled => return false,
            Standing::Suspended(awaits) => awaits.nodes(),
        };
        drop(tasks);
        let waker = waker.to_waker();
        let (mut found, mut asked) = (false, Vec::new());
        for node in first.into_iter().chain(others) {
            // An earlier cancellation may have given this one its result, or dropped it.
            let awaited = node.upgrade().filter(|node| node.is_awaited_by(&waker));
            let Some(node) = awaited else { continue };
            let address = Rc::as_ptr(&node).cast::<()>();
            found = true;
            if asked.contains(&address) {
                continue;
            }
            node::cancel(Rc::clone(&node));
            if node.is_awaited_by(&waker) {
                asked.push(address);
            }
        }
        found
    }

    fn remove(&self, waker: &TaskWaker) -> Option<Suspended> {
        self.tasks.borrow_mut().remove(waker)
    }
}
