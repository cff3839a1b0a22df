//! The small protocols that `serve` offers; Twisted's `twisted.protocols.wire`.
//!
//! Invariant: none of them holds more bytes for a peer than its transport's high-water mark and
//! one read.

mod chargen;
mod daytime;
mod discard;
mod echo;

pub(crate) use chargen::Chargen;
pub(crate) use daytime::Daytime;
pub(crate) use discard::Discard;
pub(crate) use echo::Echo;
