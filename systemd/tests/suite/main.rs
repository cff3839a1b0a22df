//! What the crate promises, asked from outside.
//!
//! Invariant: a test that takes inherited descriptors over does so in a child process of its own.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a test may")]

mod support;

mod activate;
mod adopted;
mod environments;
mod inherit;
mod notify;
mod stored;
#[cfg(feature = "endpoints")]
mod strings;
mod take;
mod twisted;
mod watchdog;
