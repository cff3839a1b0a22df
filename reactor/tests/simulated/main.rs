//! The simulated network, and the reactor on it.
//!
//! Invariant: nothing here waits on the real clock but for another thread.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod accepting;
mod children;
mod clients;
mod datagram_batches;
mod datagram_floods;
mod datagram_lives;
mod datagram_unix;
mod datagrams;
mod delivery;
mod descriptors;
mod doubles;
mod drains;
mod edges;
mod gathering;
mod nested_turns;
mod options;
mod outbox;
mod roles;
mod sockets;
mod socks;
mod socks_client;
mod stdio;
mod streams;
mod system;
mod timers_model;
mod total_cap;
mod zones;

/// Whether a reactor holds nothing but ports.
fn only_ports(mut counts: ropewalk_reactor::Counts) -> bool {
    counts.ports = 0;
    counts == ropewalk_reactor::Counts::default()
}
