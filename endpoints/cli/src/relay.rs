//! The joining of two connections; Twisted's `twisted.protocols.portforward`.
//!
//! Invariant: all that both halves share is in their [`Junction`], and it calls transports only.

mod loop_check;
mod relay_end;
mod relay_pair;
mod relay_protocol;

pub(crate) use loop_check::OwnPorts;
pub(crate) use relay_pair::{Junction, Side};
pub(crate) use relay_protocol::Half;
