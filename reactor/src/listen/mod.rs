//! Ports that accept connections.

pub(crate) mod port;
