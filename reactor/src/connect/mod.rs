//! Connections that are being made.

pub(crate) mod attempt;
