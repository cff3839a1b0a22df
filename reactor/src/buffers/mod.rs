//! Bytes on their way out, before the socket takes them.
//!
//! Invariant: nothing here makes a system call or runs foreign code.

pub(crate) mod datagrams;
pub(crate) mod offer;
pub(crate) mod shared;
pub(crate) mod write_buffer;
