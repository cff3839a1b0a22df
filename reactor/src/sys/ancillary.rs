//! [`Ancillary`]: what comes beside the bytes of a UNIX socket.
//!
//! Invariant: a descriptor that is not taken out of it is closed with it.

use std::os::fd::OwnedFd;

/// The most descriptors that one call sends (unix(7), `SCM_MAX_FD`).
pub const DESCRIPTORS_PER_CALL_MAX: usize = 253;

/// What came beside the bytes of one read.
#[derive(Debug, Default)]
pub struct Ancillary {
    /// The descriptors, in the order in which they were sent.
    pub descriptors: Vec<OwnedFd>,
    /// Whether some were dropped, as this process has none left for them (`MSG_CTRUNC`).
    pub truncated: bool,
    /// Level and type of the first data of another kind.
    pub unsupported: Option<(i32, i32)>,
}
