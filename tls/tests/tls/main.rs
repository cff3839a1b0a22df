//! What the TLS layer does, over an in-memory pair with a clock that the tests move.
#![cfg(any(feature = "aws-lc-rs", feature = "ring"))]
#![allow(clippy::unwrap_used, reason = "a test may")]

use ropewalk_tls as tls;

mod by_hand;
mod certificates;
#[cfg(feature = "endpoints")]
mod machine;
mod starting;
mod talk;

#[cfg(feature = "endpoints")]
mod bare_ends;
mod bytes;
#[cfg(feature = "endpoints")]
mod client_certificates;
mod closing;
#[cfg(all(feature = "endpoints", feature = "aws-lc-rs", target_os = "linux"))]
mod corpus;
mod creator;
mod cuts;
mod delivery;
#[cfg(feature = "endpoints")]
mod directories;
mod early_data;
mod exporter;
mod failing;
#[cfg(feature = "endpoints")]
mod files;
mod flow;
#[cfg(feature = "endpoints")]
mod given_certificates;
mod handshakes;
mod handshakes_max;
mod late_producers;
mod layers;
mod limits;
mod meddling;
#[cfg(feature = "endpoints")]
mod negotiation;
#[cfg(all(feature = "endpoints", unix))]
mod odd_files;
#[cfg(feature = "endpoints")]
mod proxied;
#[cfg(feature = "endpoints")]
mod refusals;
mod renewal;
#[cfg(feature = "endpoints")]
mod renewal_of_clients;
#[cfg(feature = "endpoints")]
mod renewal_of_trust;
mod resetting;
mod server_names;
mod session;
mod start_tls;
mod start_tls_producers;
#[cfg(feature = "endpoints")]
mod strings;
#[cfg(feature = "endpoints")]
mod suites;
#[cfg(feature = "endpoints")]
mod twisted_clients;
#[cfg(feature = "endpoints")]
mod twisted_servers;
mod wrapping;
mod writes;
