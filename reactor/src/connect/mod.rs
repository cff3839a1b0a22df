//! Connections that are being made.
//!
//! Invariant: an attempt fills one slot from its first moment, and the slot becomes the stream's.

pub(crate) mod attempt;
