//! Standard input and output, joined to a connection.
//!
//! ```text
//!   standard input  ──▶ StdioSide ──▶ Joint ──▶ NetworkSide ──▶ the peer
//!   standard output ◀── StdioSide ◀── Joint ◀── NetworkSide ◀── the peer
//! ```
//!
//! Invariant: each transport is the producer of the other, so neither side is read ahead of the other's
//! writes by more than a high-water mark.

mod feed;
mod joint;
mod sides;

pub(crate) use joint::{Directions, Joint, Outcome, PipeOptions, Trouble};
pub(crate) use sides::NetworkSide;
