//! Ports that accept connections.
//!
//! Invariant: a port fills one slot until it is closed, and a stopped port is not started again.

pub(crate) mod hand_over;
pub(crate) mod port;
pub(crate) mod port_factory;
mod port_waker;
