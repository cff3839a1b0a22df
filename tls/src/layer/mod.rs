//! [`TlsLayer`]: TLS over any transport; Twisted's `TLSMemoryBIOProtocol`.
//!
//! The transport below gives its events to the layer through [`Deliver`](interfaces::Deliver), and the
//! protocol above gets a `Connection` as its [`Transport`](interfaces::Transport). So layers nest, and
//! TLS runs over any transport.
//!
//! ```text
//!        protocol ◀── plaintext ── TlsLayer ◀── records ── transport below
//!            └────── writes ─────▶ Connection ── records ──────▲
//! ```
//!
//! The layer owns the protocol, and both own the connection, which owns neither, but for a connection
//! that ended below while input waits: that one keeps its layer until it is delivered.
//!
//! # Map
//!
//! ```text
//!  tls_layer        events in, events out
//!  transport        the calls of the protocol
//!  producer_below   the protocol's producer, as the transport below knows it
//!  connection       the steps that need several of the parts below: send, flush, close, fail
//!  input            plaintext and ends that wait to be delivered
//!  output           plaintext and records that wait to be sent
//!  end              reason and deadline
//!  producer         the registered producer and why it waits
//!  link             the session and the transport below
//!  state            the state machine: phase, sending, signals, actions
//!
//! ```
//!
//! ```text
//! tls_layer, transport → producer_below → connection → { input, output, end, producer }
//! input, output → { link, state };  end → state
//! ```
//!
//! Invariant: a file uses only files that its arrows lead to, directly or by way of others.

mod tls_layer;
mod transport;

mod producer_below;

mod connection;

mod end;
mod input;
mod output;
mod producer;

mod link;
mod state;

pub(crate) use tls_layer::TlsLayer;
