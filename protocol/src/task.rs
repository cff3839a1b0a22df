//! Doing things later, again and again, or a little at a time; Twisted's `twisted.internet.task`,
//! and its `Deferred.addTimeout`.
//!
//! | Twisted | here |
//! |---|---|
//! | `deferLater(clock, delay, f)` | [`defer_later`] |
//! | `deferLater(clock, delay)` | [`sleep`] |
//! | `LoopingCall(f)`, `LoopingCall.withCount(f)` | [`LoopingCall`] |
//! | `Cooperator()`, `cooperate(iterator)` | [`Cooperator`], [`CooperativeTask`] |
//! | `deferred.addTimeout(…)` | [`DeferredExt::add_timeout`] and [`DeferredExt::add_timeout_with`] |
//! | `defer.DeferredFilesystemLock` | [`DeferredFilesystemLock`] |
//!
//! All of it asks for a clock, a [`ReactorTime`](interfaces::ReactorTime), and for nothing else of a
//! reactor. It lives in this crate because this is the lowest one that runs things over the
//! interfaces: `deferred` knows no clock, and `interfaces` runs nothing. Time is what the clock says
//! it is, so a test moves a `testing::Clock` and never sleeps.
//!
//! Invariant: nothing of ours is borrowed while a function, an iterator, a callback or the drop of
//! one runs, so each may do anything with what runs it.

mod add_timeout;
mod cooperative_task;
mod cooperator;
mod defer_later;
mod deferred_filesystem_lock;
#[cfg(feature = "std")]
mod filesystem_lock;
mod looping;
mod looping_call;
mod looping_error;
mod looping_schedule;
mod scheduler;
mod scheduler_task;
mod task_finished;
mod termination;
mod timed_out;

pub use add_timeout::DeferredExt;
pub use cooperative_task::CooperativeTask;
pub use cooperator::Cooperator;
pub use defer_later::{defer_later, sleep};
pub use deferred_filesystem_lock::{DeferredFilesystemLock, LockTimedOut, TryLock};
#[cfg(feature = "std")]
pub use filesystem_lock::{FilesystemLock, FilesystemLockError, HeldFilesystemLock};
pub use looping_call::LoopingCall;
pub use looping_error::{AlreadyLooping, NotLooping};
pub use task_finished::{NotPaused, TaskFinished};
pub use timed_out::{TimedOut, TimeoutFault};
