//! The error of a system call, in a form that `no_std` code can carry and compare.
//!
//! Invariant: the number is the platform's `errno`, positive.

use core::fmt;

/// An error number of the operating system (errno(3)).
///
/// With `std`, `Display` shows the system's text ("Connection refused (os error 111)"); without,
/// the number alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OsError(i32);

impl OsError {
    /// The error with this `errno`.
    pub const fn from_raw_os_error(errno: i32) -> Self {
        Self(errno)
    }

    /// The `errno`.
    pub const fn raw_os_error(self) -> i32 {
        self.0
    }
}

#[cfg(feature = "std")]
impl From<OsError> for std::io::Error {
    fn from(error: OsError) -> Self {
        std::io::Error::from_raw_os_error(error.0)
    }
}

impl fmt::Display for OsError {
    #[cfg(feature = "std")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::io::Error::from(*self).fmt(f)
    }

    #[cfg(not(feature = "std"))]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "os error {}", self.0)
    }
}

impl core::error::Error for OsError {}
