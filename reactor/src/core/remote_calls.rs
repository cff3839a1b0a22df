//! Calls that other threads send; Twisted's `callFromThread`.
//!
//! Invariant: calls run in the order in which they were taken into the queue, and what is in the
//! queue when a turn begins runs in that turn.

use std::rc::Rc;

use super::Core;
use crate::sys::StreamSys;

/// A call that another thread sends to the reactor's.
pub(crate) type RemoteCall<S> = Box<dyn FnOnce(&Rc<Core<S>>) + Send>;

impl<S: StreamSys> Core<S> {
    /// Runs the calls that came from threads before this turn.
    #[inline]
    pub(crate) fn run_remote_calls(&self) {
        let calls = self.remote_queue.take();
        if !calls.is_empty() {
            self.run_each(calls);
        }
    }

    #[cold]
    fn run_each(&self, calls: Vec<RemoteCall<S>>) {
        let core = self.rc();
        for call in calls {
            drop(self.call("call from a thread", None, || call(&core)));
        }
    }
}
