//! Threads: the pool for blocking work, the resolver on it, and the way in from other threads.
//!
//! ```text
//!   reactor's thread                                    other threads
//!   jobs.rs ── pool.rs ── job_queue.rs ═══ jobs ══════▶ workers
//!   remote.rs ◀══ calls ══ remote_queue.rs ◀─────────── Remote, in any thread
//!   resolver.rs: a job that looks a name up
//!   sync.rs: the primitives of the two queues, which loom replaces in a test
//! ```
//!
//! Invariant: a reactor never leaves its thread; only jobs, calls and [`Remote`] cross.

mod job_queue;
pub(crate) mod jobs;
pub(crate) mod pool;
pub(crate) mod remote;
pub(crate) mod remote_queue;
mod resolver;
mod sync;
#[cfg(test)]
mod tests;

pub use remote::Remote;
