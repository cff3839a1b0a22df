//! Running protocols: references with a mailbox, factories, and doubles for tests.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod mailbox;
mod running;

mod connect;
mod factory_fn;
mod protocol_ref;

pub use connect::{connect_protocol, connect_ref};
pub use factory_fn::{FactoryFn, factory_fn};
pub use protocol_ref::{ProtocolRef, WeakProtocolRef};
