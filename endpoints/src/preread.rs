//! Connections whose first bytes are read before they have a protocol: a PROXY header, a ClientHello.
//!
//! ```text
//!  accept ──▶ PrereadFactory ──▶ PrereadLayer ── pushes bytes to a Preread until it has enough
//!                                     │
//!                                     └── LateProtocol: asks the wrapped factory then
//! ```
//!
//! Invariant: the protocol gets every byte that the reader does not keep to itself, once and in order.

mod context;
mod factory;
mod held;
mod late_protocol;
mod layer;

pub(crate) use context::{PrereadContext, RefusalObserver};
pub(crate) use factory::PrereadFactory;

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use interfaces::{Address, Query, Transport};

/// Reads the first bytes of one connection. Each connection has its own.
pub(crate) trait Preread: Sized + 'static {
    /// What the connections of one port share.
    type Options: Clone + fmt::Debug + 'static;
    /// Why a connection is closed before it has a protocol.
    type Refusal: 'static;
    /// Its name in logs.
    const NAME: &'static str;

    fn new(options: &Self::Options) -> Self;

    /// How long after the accept the bytes have to suffice.
    fn time_limit(options: &Self::Options) -> Duration;

    /// Whether this peer may send any.
    fn admit(options: &Self::Options, peer: &Address) -> Result<(), Self::Refusal>;

    /// Takes the next bytes.
    fn push(&self, below: &dyn Transport, data: &[u8]) -> Result<Step, Self::Refusal>;

    /// Whether bytes were taken.
    fn has_begun(&self) -> bool;

    /// The bytes that were taken and that the protocol gets nevertheless. Called once, before it is built.
    fn replay(&self) -> Vec<u8> {
        Vec::new()
    }

    /// The refusal when the time is over.
    fn timed_out() -> Self::Refusal;

    /// The refusal when the peer has ended the connection in the middle.
    fn ended() -> Self::Refusal;

    /// The peer, as the protocol is to see it.
    fn peer(&self, below: &dyn Transport) -> Address {
        below.peer()
    }

    /// The local address, as the protocol is to see it.
    fn host(&self, below: &dyn Transport) -> Address {
        below.host()
    }

    /// Answers a question about the bytes that were read.
    fn answer(&self, query: &mut Query<'_>);
}

/// The consequence of the bytes so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// More have to come.
    Wait,
    /// They suffice; the bytes from this one on are the protocol's.
    Open(usize),
    /// They suffice, and none came behind them. A protocol is built when bytes come, or after a while.
    OpenLater,
}
