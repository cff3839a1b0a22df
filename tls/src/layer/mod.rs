//! [`TlsLayer`]: TLS over any transport; Twisted's `TLSMemoryBIOProtocol`.
//!
//! Below it is a [`Transport`](interfaces::Transport), whose events come in through
//! [`Deliver`](interfaces::Deliver); above it is a protocol, which gets the [`Connection`] as its
//! transport. So layers nest, and TLS runs over all that carries bytes.
//!
//! ```text
//!        protocol ◀── plaintext ── TlsLayer ◀── records ── transport below
//!            └────── writes ─────▶ Connection ── records ──────▲
//! ```
//!
//! The layer owns the protocol, and both share the connection, which does not lead back. The files,
//! by who calls whom:
//!
//! ```text
//!  tls_layer, transport ──▶ producer_below ──▶ connection ──▶ input, output ──▶ link, state
//!                                                       ├───▶ end ────────────────▶ state
//!                                                       └───▶ producer
//!
//!  arrows  tls_layer, transport → producer_below → connection → { input, output, end, producer }
//!          input, output → { link, state };  end → state
//! ```
//!
//! Invariant: no file calls one that is left of it, also not by a method of another file's type; an
//! arrow may skip files between.

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
