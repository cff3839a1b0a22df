//! `ReactorThreads`; Twisted's `IReactorFromThreads` and `IReactorInThreads`.
//!
//! Invariant: what another thread holds is a [`Remote`](crate::Remote) alone.

use std::sync::Arc;

use interfaces::{FromThread, ReactorThreads, ThreadOutcome};

use crate::reactor::Reactor;
use crate::sys::StreamSys;
use crate::threads::jobs::AtTheEnd;

impl<S: StreamSys> ReactorThreads for Reactor<S> {
    fn remote(&self) -> Arc<dyn FromThread> {
        self.shared_remote()
    }

    fn call_in_thread(&self, work: Box<dyn FnOnce() + Send>, done: Box<dyn FnOnce(ThreadOutcome)>) {
        let _ = self.core().call_in_thread(work, done, AtTheEnd::Awaited);
    }

    fn suggest_thread_pool_size(&self, threads: usize) {
        self.core().jobs.set_threads_max(threads);
    }
}
