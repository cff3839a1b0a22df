//! The reactor on the real kernel.
//!
//! Invariant: a test that changes or counts what a whole process shares runs in a process of its own, see
//! [`support::child`].
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails and reports by them")]

mod support;

mod backlog;
mod buffered;
mod close;
mod connect;
mod copies;
mod delivery;
mod descriptors;
mod exhaustion;
mod freeing;
mod group;
mod group_life;
mod keep_alive;
mod lifetime;
mod limits;
mod options;
mod panics;
mod passing;
mod paths;
mod react;
mod resets;
mod signals;
mod standard_error;
mod std_sockets;
mod stopping;
mod tasks;
mod threads;
mod unix;
mod unix_names;
mod unix_peers;
mod unix_race;
mod work_at_the_end;
