//! The log on standard error, which neither blocks the loop nor grows with what strangers do;
//! Twisted's `twisted.logger`.
//!
//! ```text
//! report ──▶ Limiter ──▶ LineQueue ──▶ a thread ──▶ standard error
//!            per kind    bounded       may block
//! ```
//!
//! Invariant: the thread alone writes to standard error while there is one, so the loop never waits
//! for a reader.

mod kind;
mod limiter;
mod writer;

pub(crate) use kind::Kind;
pub(crate) use limiter::{Limiter, Repetitions};
pub(crate) use writer::{flush, write};
