//! Descriptors that a supervisor hands over: taken, adopted by a reactor, named by `systemd:` strings.
//!
//! Invariant: what a process inherits is read in a process of its own, as it is given out once.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a test may")]

mod support;

mod activate;
mod adopted;
mod inherit;
mod strings;
mod take;
