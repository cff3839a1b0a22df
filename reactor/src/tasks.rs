//! Futures that run on the reactor: [`Reactor::spawn`](crate::Reactor::spawn).
//!
//! A task is polled after the foreign call that woke it has returned, and before the next event.
//! Invariant: a task is never polled from inside its waker, nor while it is being polled.

use std::cell::RefCell;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Wake, Waker};

use deferred::Deferred;
use slab::Slab;

use crate::core::Core;
use crate::remote::Shared;
use crate::sys::Sys;

type BoxedFuture = Pin<Box<dyn Future<Output = ()>>>;

/// The tasks of one reactor.
pub(crate) struct Tasks {
    tasks: RefCell<Slab<Task>>,
    ready: Arc<ReadyList>,
}

struct Task {
    /// Out while it is polled.
    future: Option<BoxedFuture>,
    waker: Arc<TaskWaker>,
}

/// The tasks that were woken, by whichever thread.
struct ReadyList {
    any: AtomicBool,
    list: Mutex<Vec<Arc<TaskWaker>>>,
    /// Ends the reactor's wait.
    wake: Box<dyn Fn() + Send + Sync>,
}

impl ReadyList {
    fn take(&self) -> Vec<Arc<TaskWaker>> {
        mem::take(&mut self.list.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct TaskWaker {
    task: usize,
    listed: AtomicBool,
    /// Weak, for the list holds the wakers.
    ready: Weak<ReadyList>,
}

impl Tasks {
    pub(crate) fn new<S: Sys>(shared: &Arc<Shared<S>>) -> Self {
        let shared = Arc::clone(shared);
        let ready = ReadyList {
            any: AtomicBool::new(false),
            list: Mutex::default(),
            wake: Box::new(move || shared.wake()),
        };
        Self { tasks: RefCell::default(), ready: Arc::new(ready) }
    }

    #[inline]
    pub(crate) fn are_ready(&self) -> bool {
        self.ready.any.load(Ordering::Acquire)
    }

    pub(crate) fn len(&self) -> usize {
        self.tasks.borrow().len()
    }

    /// Adds a task, which is ready at once.
    fn add(&self, future: BoxedFuture) -> Arc<TaskWaker> {
        let mut tasks = self.tasks.borrow_mut();
        let place = tasks.vacant_entry();
        let waker = Arc::new(TaskWaker {
            task: place.key(),
            listed: AtomicBool::new(false),
            ready: Arc::downgrade(&self.ready),
        });
        place.insert(Task { future: Some(future), waker: Arc::clone(&waker) });
        drop(tasks);
        Arc::clone(&waker).wake();
        waker
    }

    /// Takes a task's future out, if it is still the task of this waker.
    fn take_future(&self, waker: &Arc<TaskWaker>) -> Option<BoxedFuture> {
        let mut tasks = self.tasks.borrow_mut();
        let task = tasks.get_mut(waker.task)?;
        if !Arc::ptr_eq(&task.waker, waker) {
            return None;
        }
        task.future.take()
    }

    /// Puts a future that is not done back; answers it when the task was cancelled meanwhile.
    fn put_back(&self, waker: &Arc<TaskWaker>, future: BoxedFuture) -> Option<BoxedFuture> {
        let mut tasks = self.tasks.borrow_mut();
        match tasks.get_mut(waker.task) {
            Some(task) if Arc::ptr_eq(&task.waker, waker) => {
                task.future = Some(future);
                None
            }
            Some(_) | None => Some(future),
        }
    }

    fn remove(&self, waker: &Arc<TaskWaker>) -> Option<Task> {
        let mut tasks = self.tasks.borrow_mut();
        let task = tasks.get(waker.task)?;
        Arc::ptr_eq(&task.waker, waker).then(|| tasks.remove(waker.task))
    }

    pub(crate) fn take_all(&self) -> Vec<BoxedFuture> {
        self.tasks.borrow_mut().drain().filter_map(|task| task.future).collect()
    }
}

impl<S: Sys> Core<S> {
    /// Polls the tasks that were woken before this call; those that these wake come next time.
    pub(crate) fn run_tasks(&self) {
        self.tasks.ready.any.store(false, Ordering::Release);
        for waker in self.tasks.ready.take() {
            self.run_task(&waker);
        }
    }

    fn run_task(&self, waker: &Arc<TaskWaker>) {
        waker.listed.store(false, Ordering::Release);
        let Some(mut future) = self.tasks.take_future(waker) else { return };
        let std_waker = Waker::from(Arc::clone(waker));
        let polled = self.call_without_tasks("task", None, || {
            let is_ready = future.as_mut().poll(&mut Context::from_waker(&std_waker)).is_ready();
            (future, is_ready)
        });
        let over = match polled {
            Ok((future, false)) => self.tasks.put_back(waker, future),
            Ok((future, true)) => {
                drop(self.tasks.remove(waker));
                Some(future)
            }
            // The panic dropped the future, and with it the promise of who spawned it.
            Err(_) => {
                drop(self.tasks.remove(waker));
                None
            }
        };
        drop(self.call_without_tasks("task", None, || drop(over)));
    }

    pub(crate) fn spawn<T: 'static>(
        &self,
        future: impl Future<Output = T> + 'static,
    ) -> Deferred<T> {
        let core = self.me.clone();
        let task = std::rc::Rc::new(RefCell::new(None::<Arc<TaskWaker>>));
        let cancelled = std::rc::Rc::clone(&task);
        let (deferred, promise) = Deferred::with_canceller(move || {
            let waker = cancelled.take();
            if let (Some(core), Some(waker)) = (core.upgrade(), waker) {
                drop(core.tasks.remove(&waker));
            }
            None
        });
        let waker = self.tasks.add(Box::pin(async move { promise.callback(future.await) }));
        task.replace(Some(waker));
        deferred
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        if self.listed.swap(true, Ordering::AcqRel) {
            return;
        }
        // A reactor that is gone runs nothing any more.
        let Some(ready) = self.ready.upgrade() else { return };
        ready.list.lock().unwrap_or_else(PoisonError::into_inner).push(self);
        ready.any.store(true, Ordering::Release);
        (ready.wake)();
    }
}
