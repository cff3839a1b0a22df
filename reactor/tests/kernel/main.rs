//! The reactor on the real kernel.
//!
//! Invariant: a test that changes or counts what a whole process shares runs in a process of its own, see
//! [`support::child`].
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails and reports by them")]

mod support;

mod adoption;
mod backlog;
mod binding;
mod buffered;
mod by_hand;
mod close;
mod connect;
mod copies;
mod datagram_adoption;
mod datagram_errors;
mod datagram_lifetime;
mod datagram_multicast;
mod datagram_peers;
mod datagram_queues;
mod datagram_unix;
mod datagrams;
mod delivery;
mod descriptors;
mod exhaustion;
mod fd_set;
mod fd_set_lists;
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
mod process_descriptors;
mod process_output;
mod process_peers;
mod process_pipes;
mod process_signals;
mod process_spawning;
mod process_starting;
mod process_stop;
mod process_terminal;
mod processes;
mod react;
mod resets;
mod signals;
mod standard_error;
mod std_sockets;
mod stdio;
mod stdio_kinds;
mod stdio_process;
mod stopping;
mod tasks;
mod thread_pool;
mod threads;
mod unix;
mod unix_names;
mod unix_peers;
mod unix_race;
mod work_at_the_end;
