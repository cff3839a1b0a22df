//! Calls from other threads, and work on them; Twisted's `IReactorFromThreads`,
//! `IReactorInThreads`.
//!
//! Invariant: of a reactor, another thread can hold a [`FromThread`] only.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use core::fmt;
use std::sync::Arc;

/// The handle that other threads hold.
pub trait FromThread: Send + Sync {
    /// Runs `call` on the reactor's thread, in a later turn, in the order of the calls of this
    /// thread. Wakes the reactor. Once the reactor is gone, `call` is dropped unrun. Safe from any
    /// thread, the reactor's own included.
    #[doc(alias = "callFromThread")]
    fn call_from_thread(&self, call: Box<dyn FnOnce() + Send>);

    /// As [`call_from_thread`](Self::call_from_thread), for a call that the calling thread waits for. From
    /// the end of a run until the next one begins it is dropped unrun, and so is one that still waits when
    /// a run ends: the drop tells the thread that no answer comes.
    fn call_awaited_from_thread(&self, call: Box<dyn FnOnce() + Send>) {
        self.call_from_thread(call);
    }

    /// Whether the calling thread is the reactor's own, as far as the handle can tell. Twisted's
    /// `isInIOThread`.
    #[doc(alias = "isInIOThread")]
    fn is_in_reactor_thread(&self) -> bool {
        false
    }
}

/// How a piece of work on another thread ended.
///
/// `Display` says it as a sentence without its subject: "returned", "panicked: …".
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThreadOutcome {
    /// It returned.
    Done,
    /// It panicked, with this message.
    Panicked(String),
    /// It never ran, for this reason: no thread could be started, and the pool had none.
    Refused(String),
}

impl fmt::Display for ThreadOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("returned"),
            Self::Panicked(message) => write!(f, "panicked: {message}"),
            Self::Refused(reason) => write!(f, "was not run: {reason}"),
        }
    }
}

/// The ability to work with other threads.
#[doc(alias = "IReactorThreads")]
pub trait ReactorThreads {
    /// A handle for other threads.
    fn remote(&self) -> Arc<dyn FromThread>;

    /// Runs `work` on a thread of the reactor's pool, then `done` on the reactor's thread. The pool
    /// is bounded: work beyond it waits its turn. Work starts only once the reactor runs. Where no thread
    /// can be started, it waits for one that is there, or is [`Refused`](ThreadOutcome::Refused).
    ///
    /// A reactor that stops waits a bounded time for work that has begun, and for what waits behind it.
    /// Work that is still not done is cut off when the program ends, and its `done` is dropped.
    #[doc(alias = "callInThread")]
    fn call_in_thread(&self, work: Box<dyn FnOnce() + Send>, done: Box<dyn FnOnce(ThreadOutcome)>);

    /// Sets the most threads that the pool may have, at least one. Default 10, as in Twisted.
    #[doc(alias = "suggestThreadPoolSize")]
    fn suggest_thread_pool_size(&self, threads: usize);
}

impl<R: ReactorThreads + ?Sized> ReactorThreads for Rc<R> {
    fn remote(&self) -> Arc<dyn FromThread> {
        (**self).remote()
    }

    fn call_in_thread(&self, work: Box<dyn FnOnce() + Send>, done: Box<dyn FnOnce(ThreadOutcome)>) {
        (**self).call_in_thread(work, done);
    }

    fn suggest_thread_pool_size(&self, threads: usize) {
        (**self).suggest_thread_pool_size(threads);
    }
}
