//! Errors of calls at the wrong time of a [`LoopingCall`](super::LoopingCall); Twisted asserts
//! there.
//!
//! Invariant: a call that returns one of these has changed nothing.

use core::error::Error;
use core::fmt;

/// A looping call was started, and was running already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadyLooping;

impl fmt::Display for AlreadyLooping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot start the looping call: it runs, or its last run is not over")
    }
}

impl Error for AlreadyLooping {}

/// A looping call was to be stopped or changed, and was not running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotLooping;

impl fmt::Display for NotLooping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot stop or change the looping call: it was not started, or is stopped")
    }
}

impl Error for NotLooping {}
