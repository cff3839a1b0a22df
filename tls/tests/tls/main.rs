//! What the TLS layer does, over an in-memory pair with a clock that the tests move.
#![allow(clippy::unwrap_used, reason = "a test may")]

use ropewalk_tls as tls;

mod by_hand;
mod certificates;
#[cfg(feature = "endpoints")]
mod machine;
mod starting;
mod talk;

mod bytes;
mod closing;
mod creator;
mod cuts;
mod delivery;
mod early_data;
mod failing;
#[cfg(feature = "endpoints")]
mod files;
mod flow;
mod handshakes;
mod handshakes_max;
mod late_producers;
mod layers;
mod limits;
mod meddling;
#[cfg(all(feature = "endpoints", unix))]
mod odd_files;
#[cfg(feature = "endpoints")]
mod proxied;
mod resetting;
mod session;
mod start_tls;
mod start_tls_producers;
#[cfg(feature = "endpoints")]
mod strings;
#[cfg(feature = "endpoints")]
mod suites;
mod wrapping;
mod writes;
