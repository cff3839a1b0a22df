//! Descriptors that are no sockets of the reactor's own: pipes, terminals, files.
//!
//! ```text
//!   pipe.rs     PipeEnd: one watched descriptor, read into the shared buffer and written from a queue
//!   outlet.rs   Outlet: the queue, its limits and its producer
//!   stdio.rs    Stdio: two descriptors as one connection
//!   watched.rs  Watched: a descriptor that something else owns and is called for
//! ```
//!
//! Invariant: a descriptor is deregistered before it is closed, since another process may hold its open
//! file.

pub(crate) mod outlet;
pub(crate) mod pipe;
pub(crate) mod stdio;
pub(crate) mod watched;
