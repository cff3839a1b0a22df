//! The errors that a client service tells its observer of.
//!
//! Invariant: none is returned to a caller.

use core::fmt;

/// An attempt succeeded without a connection.
#[derive(Debug)]
pub(super) struct NoConnection;

impl fmt::Display for NoConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the endpoint has told of a connection that it has not made: it is broken")
    }
}

impl core::error::Error for NoConnection {}

/// A client service was started that runs.
#[derive(Debug)]
pub(super) struct AlreadyRunning;

impl fmt::Display for AlreadyRunning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it runs already, and goes on")
    }
}

impl core::error::Error for AlreadyRunning {}
