//! Clients that connect, and connect again; Twisted's `ClientFactory`, `ReconnectingClientFactory` and
//! `ClientCreator` of `twisted.internet.protocol`, and `ClientService` of `twisted.application.internet`.
//!
//! | You want | take |
//! |---|---|
//! | one connection, and to know how it ends | [`connect_protocol`](crate::connect_protocol) |
//! | a connection that is always there | [`ClientService`] |
//! | hooks at each step, and attempts by hand | [`ClientFactory`] and [`Connector`] |
//! | those, and attempts after a growing delay | [`ReconnectingClientFactory`] |
//! | Twisted's one-shot helper | [`ClientCreator`] |
//!
//! All of them go over endpoints ([`StreamClientEndpoint`](interfaces::StreamClientEndpoint)), so over
//! every kind of connection.
//!
//! Invariant: none of them has two connections, or two attempts, at a time.

mod backoff_policy;
mod client_creator;
mod client_factory;
mod client_service;
mod connector;
mod random;
mod reactor_endpoints;
mod reconnect_policy;
mod reconnecting_client_factory;
mod watched;

pub use backoff_policy::BackoffPolicy;
pub use client_creator::ClientCreator;
pub use client_factory::ClientFactory;
pub use client_service::{ClientService, ClientServiceBuilder};
pub use connector::{Connector, ConnectorState, NotConnecting, NotDisconnected};
pub use reconnect_policy::ReconnectPolicy;
pub use reconnecting_client_factory::{ReconnectingClientFactory, WeakReconnectingClientFactory};
