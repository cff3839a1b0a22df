//! [`Remote`]: the handle of a reactor for other threads; Twisted's `callFromThread`.
//!
//! Invariant: calls run in the order in which they were taken into the queue, and what is in the
//! queue when a turn begins runs in that turn.

use std::fmt;
use std::sync::Arc;

use interfaces::FromThread;

use super::remote_queue::RemoteQueue;
use crate::core::Core;
use crate::reactor::Reactor;
use crate::sys::StreamSys;

/// A call that another thread sends to the reactor's.
pub(crate) type RemoteCall<S> = Box<dyn FnOnce(&Reactor<S>) + Send>;

/// A reactor as other threads see it: the only part of one that is `Send`. Cheap to clone.
pub struct Remote<S: StreamSys>(Arc<RemoteQueue<RemoteCall<S>>>);

impl<S: StreamSys> Remote<S> {
    pub(crate) fn new(queue: &Arc<RemoteQueue<RemoteCall<S>>>) -> Self {
        Self(Arc::clone(queue))
    }

    /// Runs `call` on the reactor's thread, in its next turn, and wakes it. Safe from any thread,
    /// the reactor's own included. Once the reactor is gone, `call` is dropped unrun.
    pub fn call_from_thread(&self, call: impl FnOnce(&Reactor<S>) + Send + 'static) {
        drop(self.0.push(Box::new(call)));
    }
}

impl<S: StreamSys> Core<S> {
    /// Runs the calls that came from threads before this turn.
    pub(crate) fn run_remote_calls(&self) {
        let calls = self.remote_queue.take();
        if calls.is_empty() {
            return;
        }
        let reactor = Reactor::from_core(self.rc());
        for call in calls {
            drop(self.call("call from a thread", None, || call(&reactor)));
        }
    }
}

impl<S: StreamSys> FromThread for Remote<S> {
    fn call_from_thread(&self, call: Box<dyn FnOnce() + Send>) {
        drop(self.0.push(Box::new(move |_| call())));
    }
}

impl<S: StreamSys> Clone for Remote<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: StreamSys> fmt::Debug for Remote<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remote")
    }
}
