//! The PROXY protocol: its parser, its encoder, the layers of servers and clients, and their strings.
//!
//! Invariant: no test needs a socket, a file or a clock.
#![allow(clippy::unwrap_used)]

mod scene;

mod client;
mod encoding;
mod other_parser;
mod random;
mod server;
mod strings;
mod timing;
mod trust;
mod v1;
mod v2;
mod wrapper;
