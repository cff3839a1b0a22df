//! Connecting to a host name with Happy Eyeballs (RFC 8305); Twisted's `HostnameEndpoint`.
//!
//! `order` says which address is tried when, and `race` makes the attempts. Invariant: neither looks a
//! name up.

mod order;
mod race;

pub(crate) use race::{Race, is_final};
