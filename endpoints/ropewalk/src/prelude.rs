//! The names that most programs use: `use ropewalk::prelude::*;`.
//!
//! Invariant: a name here is never that of another thing in std's prelude.

pub use deferred::{Context, Deferred, Failure, Promise};
pub use endpoints::{ClientString, Registry, ServerString};
pub use interfaces::{
    Address, DatagramProtocol, DatagramTransport, Factory, HalfCloseableProtocol,
    HandshakeListener, ListenUdp, ListeningPort, ProcessProtocol, ProcessTransport, Protocol,
    ReactorCore, ReactorProcess, ReactorStdio, ReactorTcp, ReactorThreads, ReactorTime, ReactorUdp,
    ReactorUnix, Reason, StreamClientEndpoint, StreamServerEndpoint, Transport,
};
pub use protocol::{
    DatagramProtocolRef, ProtocolRef, TransportGroup, WeakProtocolRef, connect_protocol,
    connect_protocol_within, datagram_protocol, factory_cyclic, factory_fn,
};
pub use reactor::{Reactor, react};
