//! The subcommands, one file each.
//!
//! Invariant: each reports what it has to say and answers with an exit code; none ends the process.

pub(crate) mod check;
pub(crate) mod pipe;
pub(crate) mod relay;
pub(crate) mod serve;
