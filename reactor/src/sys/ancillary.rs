//! [`Ancillary`]: what comes beside the bytes of a UNIX socket.
//!
//! Invariant: a descriptor that is not taken out of it is closed with it.

use std::os::fd::OwnedFd;

/// The most descriptors that one call sends (unix(7), `SCM_MAX_FD`).
pub const DESCRIPTORS_PER_CALL_MAX: usize = 253;

/// The bytes of one read from a UNIX socket whose descriptors nothing takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadAlone {
    /// How many bytes came; 0 is the end of file.
    pub length: usize,
    /// Whether the read ended at something beside the bytes, so that a short one does not tell that all is
    /// read (`MSG_CTRUNC`).
    pub ended_at_ancillary: bool,
}

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
