//! The tests of the runner crate: one executable.
//!
//! Invariant: no test changes its own process, and no test waits on the real clock.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod support;

mod draining;
mod drains;
mod exit;
mod log;
mod notify;
mod pid_file;
mod privileges;
mod runner;
mod twist;
