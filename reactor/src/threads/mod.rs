//! What crosses threads: the pool for blocking work, the resolver on it, and the way in from other threads.
//!
//! Twisted's `ThreadPool`, `GAIResolver` and `callFromThread`. Invariant: only [`Remote`] and the pool's
//! jobs are `Send`; a reactor never leaves its thread.

pub(crate) mod pool;
pub(crate) mod remote;
mod resolver;

pub use remote::Remote;
