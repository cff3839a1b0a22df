//! The reactor as the capabilities that other crates ask for: one file for each trait.
//!
//! Invariant: every method is a few lines that lead to the file of its concept.

mod core;
mod fd_set;
mod multicast;
mod process;
mod resolver;
mod run;
mod socket;
mod stdio;
mod tcp;
mod threads;
mod time;
mod udp;
mod unix;
mod unix_datagram;
