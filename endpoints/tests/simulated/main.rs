//! Client endpoints on the simulated network: real attempts, with exact times and no socket.
//!
//! Invariant: a run follows from its table or its seed; no test waits on a clock.
#![allow(clippy::unwrap_used)]

mod name_server;
mod world;

mod config;
mod config_formats;
mod contract;
mod happy_eyeballs;
mod http_connect;
mod process;
mod services;
mod socks;
