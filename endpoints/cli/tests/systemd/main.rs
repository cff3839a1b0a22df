//! The command under a real systemd, which is process 1 of namespaces of its own.
//!
//! Each test has a systemd, a directory and a control group of its own; all of it ends with the test.
//! Where systemd cannot run so, which needs root and namespaces, a test says why and passes; where it is not
//! installed it fails if the environment has `ROPEWALK_PEERS=required`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "these are tests"
)]

mod client;
mod manager;
mod program;

mod activation;
mod examples;
mod life;
mod reload;
mod restarts;
