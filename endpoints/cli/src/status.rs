//! `--status`: whether the command works and what it has done, over HTTP, and in a line at SIGUSR1.
//!
//! ```text
//!  connections, handshakes, dials, accepts ──▶ Metrics ──┐
//!  ports, signals, back end ─────────────▶ Readiness ──┤ Board, one for all workers
//!                                                       └──▶ /live /ready /metrics /agent
//! ```
//!
//! Invariant: what a request is answered is read from the [`Board`], and waits for nothing.

mod answer;
mod back_end_check;
mod board;
mod connection_meter;
mod dials;
mod metrics;
mod readiness;
mod status_port;

pub(crate) use back_end_check::BackEndCheck;
pub(crate) use board::Board;
pub(crate) use connection_meter::{Metering, metered};
pub(crate) use status_port::factory;
