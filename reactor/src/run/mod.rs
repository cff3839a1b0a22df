//! The loop: its turns, and its life from start to stop.
//!
//! Invariant: the functions here are called by the reactor's handle alone; no tenant calls them.

pub(crate) mod lifetime;
pub(crate) mod turn;
