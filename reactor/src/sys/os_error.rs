//! What a system call answered, as the interfaces carry it.
//!
//! Invariant: an error without a number, which is one of std's own about an argument, is `EINVAL`.

use std::io;

use interfaces::OsError;

/// The number of a system's error.
pub(crate) fn os_error(error: &io::Error) -> OsError {
    OsError::from_raw_os_error(error.raw_os_error().unwrap_or(libc::EINVAL))
}
