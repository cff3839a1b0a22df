//! Discard (RFC 863): drops received bytes; Twisted's `wire.Discard`.
//!
//! Invariant: nothing is ever written.

use alloc::rc::Rc;

use interfaces::{Protocol, Transport};

/// Drops received bytes. The peer's end of file ends the connection.
#[derive(Debug, Default)]
pub struct Discard;

impl Protocol for Discard {
    fn data_received(&mut self, _transport: &Rc<dyn Transport>, _data: &[u8]) {}
}
