//! The way in from other threads; Twisted's `callFromThread`.
//!
//! Invariant: calls run in the order in which they were taken into the queue, and what is in the
//! queue when a turn begins runs in that turn.

use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use interfaces::FromThread;

use crate::core::Core;
use crate::reactor::Reactor;
use crate::sys::Sys;

type RemoteCall<S> = Box<dyn FnOnce(&Reactor<S>) + Send>;

/// A reactor as other threads see it: the only part of one that is `Send`. Cheap to clone.
pub struct Remote<S: Sys>(Arc<Shared<S>>);

/// What the threads share: the calls that wait, and how to wake the reactor.
pub(crate) struct Shared<S: Sys> {
    queue: Mutex<Queue<S>>,
    wake: Box<dyn Fn() + Send + Sync>,
    /// The reactor was woken and has not begun its next turn.
    woken: AtomicBool,
    /// The reactor's own thread, which looks at `woken` before it waits.
    home: ThreadId,
}

struct Queue<S: Sys> {
    calls: Vec<RemoteCall<S>>,
    closed: bool,
}

impl<S: Sys> Remote<S> {
    pub(crate) fn new(shared: &Arc<Shared<S>>) -> Self {
        Self(Arc::clone(shared))
    }

    /// Runs `call` on the reactor's thread, in its next turn, and wakes it. Safe from any thread,
    /// the reactor's own included. Once the reactor is gone, `call` is dropped unrun.
    pub fn call_from_thread(&self, call: impl FnOnce(&Reactor<S>) + Send + 'static) {
        self.0.push(Box::new(call));
    }
}

impl<S: Sys> Shared<S> {
    pub(crate) fn new(wake: Box<dyn Fn() + Send + Sync>) -> Self {
        let queue = Mutex::new(Queue { calls: Vec::new(), closed: false });
        Self { queue, wake, woken: AtomicBool::new(false), home: thread::current().id() }
    }

    /// Ends the reactor's wait; once is enough for any number of reasons.
    pub(crate) fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) && thread::current().id() != self.home {
            (self.wake)();
        }
    }

    /// Whether there is a reason not to wait.
    pub(crate) fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Acquire)
    }

    /// No more calls are taken; answers those that waited.
    pub(crate) fn close(&self) -> Vec<RemoteCall<S>> {
        let mut queue = self.lock();
        queue.closed = true;
        mem::take(&mut queue.calls)
    }

    fn push(&self, call: RemoteCall<S>) {
        let mut queue = self.lock();
        if queue.closed {
            drop(queue);
            return drop(call);
        }
        queue.calls.push(call);
        drop(queue);
        self.wake();
    }

    /// Takes what waits; from now on a new call wakes the reactor again.
    fn take(&self) -> Vec<RemoteCall<S>> {
        if !self.woken.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        mem::take(&mut self.lock().calls)
    }

    /// No foreign code runs under the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Queue<S>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Sys> Core<S> {
    /// Runs the calls that came from threads before this turn.
    pub(crate) fn run_remote_calls(&self) {
        let calls = self.shared.take();
        if calls.is_empty() {
            return;
        }
        let reactor = Reactor::from_core(self.rc());
        for call in calls {
            drop(self.call("call from a thread", None, || call(&reactor)));
        }
    }
}

impl<S: Sys> FromThread for Remote<S> {
    fn call_from_thread(&self, call: Box<dyn FnOnce() + Send>) {
        self.0.push(Box::new(move |_| call()));
    }
}

impl<S: Sys> Clone for Remote<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Sys> fmt::Debug for Remote<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remote")
    }
}
