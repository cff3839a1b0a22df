//! What a server allows its peers; Twisted's `twisted.protocols.policies`.
//!
//! | Twisted | here |
//! |---|---|
//! | `TimeoutFactory`, `TimeoutProtocol` | [`TimeoutFactory`] with its [`Timeouts`], [`TimeoutHandle`] |
//! | `TimeoutMixin` | [`ConnectionTimeout`] |
//! | `ThrottlingFactory` | [`ThrottlingFactory`] with its [`ThrottleLimits`] |
//! | | [`RateLimitFactory`] |
//! | `LimitTotalConnectionsFactory` | [`LimitTotalConnectionsFactory`] |
//! | `LimitConnectionsByPeer` | [`LimitConnectionsByPeer`] |
//! | `TrafficLoggingFactory` | [`TrafficLoggingFactory`], [`HexDump`] |
//! | | [`ObservedFactory`] |
//! | `SpewingFactory` | [`SpewingFactory`] |
//! | `WrappingFactory`, `ProtocolWrapper` | [`WrappingFactory`](crate::layer::WrappingFactory), [`Layer`](crate::layer::Layer) |
//! | `WrappingFactory.protocols` | [`ConnectionCount`], [`DrainHandle`], [`ServerPort`] |
//!
//! Each is a factory around a factory. A policy takes the events of a connection on their way and passes
//! on all of them, those of every role and those added later included, so each fits around any protocol
//! and around another policy.
//!
//! ```
//! # use ropewalk_protocol as protocol;
//! # use std::rc::Rc;
//! # use interfaces::{Factory, Protocol, Transport};
//! use protocol::policies::{LimitConnectionsByPeer, TimeoutFactory};
//! use protocol::testing::Clock;
//! # struct Echo;
//! # impl Protocol for Echo {
//! #     fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
//! #         transport.write(data);
//! #     }
//! # }
//!
//! let clock = Clock::new(); // a server's is its reactor
//! let echo = protocol::factory_fn(|_peer| Echo);
//! let limited = LimitConnectionsByPeer::new(echo, 100).into_rc();
//! let factory: Rc<dyn Factory> = TimeoutFactory::new(limited, clock).into_rc();
//! # drop(factory);
//! ```
//!
//! Invariant: what a connection occupies is given back when its protocol has heard of its end, or is
//! dropped without one.

mod bandwidth;
mod connection_count;
mod connection_timeout;
mod guarded;
mod hex_dump;
mod limit_by_peer;
mod limit_total;
mod observed_factory;
mod orderly_close;
mod rate_limit;
mod rate_limit_factory;
mod server_port;
mod shutdown;
mod silence;
mod spewing_factory;
mod throttle;
mod throttled_producer;
mod throttling_factory;
mod time_limits;
mod timeout_factory;
#[cfg(feature = "std")]
mod traffic_file;
mod traffic_line;
mod traffic_logging_factory;

pub use connection_count::{ConnectionCount, ConnectionTotal, CountedConnection, WaitingPorts};
pub use connection_timeout::ConnectionTimeout;
pub use hex_dump::HexDump;
pub use limit_by_peer::{LimitConnectionsByPeer, PeerPlaces, PeerTable};
pub use limit_total::LimitTotalConnectionsFactory;
pub use observed_factory::ObservedFactory;
pub use rate_limit_factory::RateLimitFactory;
pub use server_port::{DrainOutcome, Draining, ServerPort};
pub use shutdown::ServerShutdown;
pub use spewing_factory::SpewingFactory;
pub use throttling_factory::{ThrottleLimits, ThrottlingFactory};
pub use time_limits::TimeoutHandle;
pub use timeout_factory::{DrainHandle, TimeoutFactory, Timeouts};
pub use traffic_line::{Traffic, TrafficLine};
pub use traffic_logging_factory::{TrafficLog, TrafficLoggingFactory};

pub(crate) use guarded::{Guarded, SocketGuard};
pub(crate) use orderly_close::is_handshaking;
pub(crate) use silence::Silence;
