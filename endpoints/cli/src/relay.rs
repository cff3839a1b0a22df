//! The joining of two connections; Twisted's `twisted.protocols.portforward`.
//!
//! Invariant: all that both halves share is in their [`Junction`], and it calls transports only.

mod end;
mod half;
mod junction;
mod own_ports;

pub(crate) use half::Half;
pub(crate) use junction::{Junction, Side};
pub(crate) use own_ports::OwnPorts;
