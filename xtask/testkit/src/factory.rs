//! A factory for a test that makes a single connection.
//!
//! Invariant: it builds one protocol.

use std::cell::Cell;
use std::rc::Rc;

use interfaces::{Factory, Protocol};
use protocol::FactoryFn;

/// A factory that gives this protocol to its first connection, and refuses all others.
pub fn once(protocol: impl Protocol) -> Rc<dyn Factory> {
    let protocol = Cell::new(Some(protocol));
    FactoryFn::optional(move |_| protocol.take()).into_rc()
}
