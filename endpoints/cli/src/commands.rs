//! The subcommands, one file each.
//!
//! Invariant: each subcommand reports its errors and returns an exit code; none ends the process.

pub(crate) mod activate;
pub(crate) mod check;
pub(crate) mod complete_endpoint;
pub(crate) mod endpoints;
pub(crate) mod manual;
pub(crate) mod pipe;
pub(crate) mod probe;
pub(crate) mod relay;
pub(crate) mod run_file;
pub(crate) mod serve;
