//! The few error numbers that sockets would answer with (errno(3)), per family of systems.
//!
//! Invariant: the same event has the same number as on this machine's sockets, so that a test of
//! reasons holds for both.

use interfaces::OsError;

/// Linux has numbers of its own for network errors, all others have those of BSD.
const fn either(linux: i32, bsd: i32) -> OsError {
    let linux_numbers = cfg!(any(target_os = "linux", target_os = "android"));
    OsError::from_raw_os_error(if linux_numbers { linux } else { bsd })
}

pub(super) const EPIPE: OsError = either(32, 32);
pub(super) const EADDRINUSE: OsError = either(98, 48);
pub(super) const ECONNRESET: OsError = either(104, 54);
pub(super) const ECONNREFUSED: OsError = either(111, 61);
