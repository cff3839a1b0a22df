//! [`WithThreadPool`]: a reactor whose work on threads is done by a pool of the program's own.
//!
//! Invariant: every `done` runs on the reactor's thread, from its turn.

use std::fmt;
use std::sync::Arc;

use interfaces::{FromThread, ReactorThreads, ThreadOutcome};

use super::Reactor;
use crate::sys::StreamSys;
use crate::threads::thread_pool::ThreadPool;

/// What [`Reactor::with_thread_pool`] returns. The pool is the program's: the end of a run neither waits for
/// its work nor stops it, and work that it does not take is [`Refused`](ThreadOutcome::Refused).
pub struct WithThreadPool<S: StreamSys> {
    reactor: Reactor<S>,
    pool: ThreadPool,
}

impl<S: StreamSys> WithThreadPool<S> {
    pub(super) fn new(reactor: &Reactor<S>, pool: &ThreadPool) -> Self {
        Self { reactor: reactor.clone(), pool: pool.clone() }
    }
}

impl<S: StreamSys> ReactorThreads for WithThreadPool<S> {
    fn remote(&self) -> Arc<dyn FromThread> {
        self.reactor.shared_remote()
    }

    fn call_in_thread(&self, work: Box<dyn FnOnce() + Send>, done: Box<dyn FnOnce(ThreadOutcome)>) {
        self.reactor.core().call_in_pool(&self.pool, work, done);
    }

    fn suggest_thread_pool_size(&self, threads: usize) {
        // A thread that cannot be started now is asked for again with the next piece of work.
        drop(self.pool.adjust_size(self.pool.min(), threads));
    }
}

impl<S: StreamSys> fmt::Debug for WithThreadPool<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithThreadPool").field("pool", &self.pool).finish_non_exhaustive()
    }
}
