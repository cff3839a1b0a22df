//! Several services from one file, as `ropewalk run` has them.
//!
//! ```text
//!  file ── read ──▶ specifications ── apply ──▶ ports, each with a switch ──▶ services, in one tree
//!                        ▲                        kept by their strings         kept where nothing changed
//!  SIGHUP ───────────────┘
//! ```
//!
//! A port outlives a change of its service: its switch gives it the factory of the new one, so no client is
//! refused, and the connections of the old one finish within its grace.
//!
//! Invariant: a reload that fails at any point has changed nothing.

mod mistake;
mod running;
mod service;
mod specification;
mod switch;

pub(crate) use running::FileRun;
pub(crate) use specification::read;
