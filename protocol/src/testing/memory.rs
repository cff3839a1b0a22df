//! Stream transports in memory; Twisted's `loopback`, `iosim` and `MemoryReactor` in one.
//!
//! A [`Pair`] joins two protocols, a [`Network`] has endpoints to listen and connect. Nothing
//! happens by itself: a test calls `pump` for one round, or `flush` until all is quiet. Between the
//! two sides lies a bounded pipe each way, so back-pressure is real.
//!
//! To protocols they behave like sockets: before the end the other side reads all that was sent; an
//! abort resets the other side; writing to a side that is gone fails. A connection that was closed
//! or aborted in one round is lost in a later one.
//!
//! Invariant: protocols run from `pump` only, with nothing borrowed.

mod byte_queue;

mod connection;
mod endpoint;
mod errno;
mod guard;
mod network;
mod pair;
mod pipe;
mod socket;
mod tables;
mod transport;

pub use endpoint::{ClientEndpoint, ServerEndpoint};
pub use network::Network;
pub use pair::Pair;
