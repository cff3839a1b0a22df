//! What threads share with the reactor's, and what they know of each other.
//!
//! ```text
//!   reactor's thread                                    other threads
//!   jobs.rs ── pool.rs ── job_queue.rs ═══ jobs ══════▶ workers
//!                         remote_queue.rs ◀═══ calls ══ Remote, in any thread
//!   thread_pool.rs: a pool of the program's own, on the same queue of jobs
//!   sync.rs: the primitives of the two queues, which loom replaces in a test
//! ```
//!
//! Invariant: a reactor never leaves its thread; only jobs and calls cross. Nothing here knows the
//! core: `core/jobs.rs` and `core/remote_calls.rs` give work away and take answers.

mod job_queue;
pub(crate) mod jobs;
pub(crate) mod pool;
pub(crate) mod remote_queue;
mod sync;
pub(crate) mod thread_pool;
