//! What one connection to an endpoint goes through: look-ups, attempts, the TLS handshake, certificates.
//!
//! ```text
//!  the endpoint ──▶ TracedReactor ──▶ Reactor
//!                       └──▶ Trace ──▶ Findings ──▶ lines or JSON
//! ```
//!
//! Invariant: the connection is made as `pipe` and `relay` make it, and closed when it stands.

mod chain;
mod findings;
mod show;
mod trace;
mod traced_reactor;
mod visit;

pub(crate) use findings::Findings;
pub(crate) use show::{now, text};
pub(crate) use trace::Trace;
pub(crate) use traced_reactor::TracedReactor;
pub(crate) use visit::visit;
