//! Standard input and output as the two directions of one connection; Twisted's `stdio.StandardIO`.
//!
//! Threads of the reactor's pool read and write them, as they may be files, for which no event loop
//! can wait. Invariant: each has at most one call in progress, so neither runs ahead of the
//! connection by more than one read.

mod input;
mod output;
mod stdio_protocol;
#[cfg(test)]
mod test_threads;

pub(crate) use input::Input;
pub(crate) use output::Output;
pub(crate) use stdio_protocol::StdioProtocol;

/// The bytes of one read at most, and the queued bytes of output above which the transport is paused.
const CHUNK: usize = 64 * 1024;
