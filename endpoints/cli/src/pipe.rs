//! Standard input and output as the two directions of one connection; Twisted's `stdio.StandardIO`.
//!
//! Both are read and written by threads of the reactor's pool, since they may be files, which no
//! loop can wait for. Invariant: each has one call under way at most, so neither runs ahead of the
//! connection by more than one read.

mod input;
mod output;
mod stdio_protocol;
#[cfg(test)]
mod test_threads;

pub(crate) use input::Input;
pub(crate) use output::Output;
pub(crate) use stdio_protocol::Ends;

/// The most bytes of one read, and how many waiting ones are enough.
const CHUNK: usize = 64 * 1024;
