//! [`Remote`]: the handle of a reactor for other threads; Twisted's `callFromThread`.
//!
//! Invariant: it reaches the reactor through the queue of remote calls alone, and keeps no reactor
//! alive.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use interfaces::FromThread;

use super::Reactor;
use crate::core::remote_calls::RemoteCall;
use crate::sys::StreamSys;
use crate::threads::remote_queue::RemoteQueue;

/// A reactor as other threads see it: the only part of one that is `Send`. Cheap to clone.
pub struct Remote<S: StreamSys>(Arc<RemoteQueue<RemoteCall<S>>>);

impl<S: StreamSys> Remote<S> {
    pub(crate) fn new(queue: &Arc<RemoteQueue<RemoteCall<S>>>) -> Self {
        Self(Arc::clone(queue))
    }

    /// Runs `call` on the reactor's thread, in its next turn, and wakes it. Safe from any thread,
    /// the reactor's own included. Once the reactor is gone, `call` is dropped unrun.
    #[doc(alias = "callFromThread")]
    pub fn call_from_thread(&self, call: impl FnOnce(&Reactor<S>) + Send + 'static) {
        drop(self.0.push(Box::new(move |core| call(&Reactor::from_core(Rc::clone(core))))));
    }
}

impl<S: StreamSys> FromThread for Remote<S> {
    fn call_from_thread(&self, call: Box<dyn FnOnce() + Send>) {
        drop(self.0.push(Box::new(move |_| call())));
    }

    fn call_awaited_from_thread(&self, call: Box<dyn FnOnce() + Send>) {
        drop(self.0.push_awaited(Box::new(move |_| call())));
    }

    fn is_in_reactor_thread(&self) -> bool {
        self.0.is_at_home()
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
