//! Child processes; Twisted's `process.Process` and `PTYProcess`.
//!
//! ```text
//!   child.rs         Child: the process itself, its transport, and its life
//!   child_pipe.rs    ChildPipe: one of its pipes, or its terminal
//!   notifier.rs      Notifier: its protocol, called one event at a time
//!   signal_names.rs  the signals by their names
//! ```
//!
//! The process and each of its pipes are tenants of their own; a pipe points up weakly.
//!
//! ```text
//!              connection_made                 exit seen: process_exited
//!   Spawned ───────────────────▶ Running ─────────────────────────────────▶ Exited
//!                                   │ the reactor stops                        │ every pipe closed
//!                                   └──── every pipe closed: process_ended ────┴──▶ Ended
//! ```
//!
//! Invariant: `process_ended` is called once, after every `child_connection_lost`, and the slots of the
//! process and its pipes are empty then.

pub(crate) mod child;
mod child_pipe;
mod notifier;
mod signal_names;
