//! Sockets for another program, as systemd-socket-activate(1) hands them over.
//!
//! ```text
//!  listen ── the first client ──▶ execve(2): the process is PROGRAM now, and has the sockets from 3 on
//!     │
//!     └───── --accept: each client ──▶ a child ──▶ this command again ── execve(2) ──▶ PROGRAM
//! ```
//!
//! A program looks whether `LISTEN_PID` is its own number, which a child knows only when it is there: so the
//! child of a connection is this command again, which sets it and becomes the program.
//!
//! Invariant: no client is accepted before a program is there that takes it.

mod first_client;
mod instance;
mod instances;
mod name;
mod replace;

pub(crate) use first_client::FirstClient;
pub(crate) use instances::{Instances, Launch};
pub(crate) use name::{NamedListen, SocketName};
pub(crate) use replace::{Handed, become_program, check_program};
