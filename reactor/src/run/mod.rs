//! The loop: its turns, and its life from start to stop.

pub(crate) mod lifetime;
pub(crate) mod triggers;
pub(crate) mod turn;
