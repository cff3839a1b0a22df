//! Bytes on their way out, before the socket takes them.

pub(crate) mod send_queue;
pub(crate) mod shared;
pub(crate) mod write_buffer;
