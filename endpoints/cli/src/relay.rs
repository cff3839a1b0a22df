//! A relay joins two connections; Twisted's `twisted.protocols.portforward`.
//!
//! Invariant: the two protocols share their [`RelayPair`] and nothing else, and it calls transports
//! only.

mod loop_check;
mod relay_end;
mod relay_pair;
mod relay_protocol;

pub(crate) use loop_check::LoopCheck;
pub(crate) use relay_pair::{RelayPair, Side};
pub(crate) use relay_protocol::RelayProtocol;
