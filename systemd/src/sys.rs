//! Descriptor numbers that came from outside, how one becomes an [`OwnedFd`], and the clock that systemd
//! counts by.
//!
//! Invariant: a number becomes an [`OwnedFd`] here and nowhere else, and only when it was
//! inherited.
#![allow(unsafe_code)]

use core::ffi::c_int;
use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};

/// Whether a descriptor number is open, and where the descriptor came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// No such descriptor.
    Closed,
    /// Open without close-on-exec, as only a descriptor is that came through `execve`.
    Inherited,
    /// Close-on-exec: this process opened it, or has taken it over before.
    Own,
}

/// Looks at a number without taking the descriptor.
pub(crate) fn origin(number: RawFd) -> io::Result<Origin> {
    match fcntl(number, libc::F_GETFD, 0) {
        Ok(flags) if flags & libc::FD_CLOEXEC == 0 => Ok(Origin::Inherited),
        Ok(_) => Ok(Origin::Own),
        Err(error) if error.raw_os_error() == Some(libc::EBADF) => Ok(Origin::Closed),
        Err(error) => Err(error),
    }
}

/// Takes an inherited descriptor over and makes it close-on-exec, so that no second call gets it
/// and no child inherits it.
///
/// # Errors
///
/// `EBADF` when it is not open, or not inherited: see [`origin`].
pub(crate) fn take_inherited(number: RawFd) -> io::Result<OwnedFd> {
    if origin(number)? != Origin::Inherited {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC)?;
    // SAFETY: the number is open. Nothing else in this process owns it: it came through `execve`
    // for the reader of LISTEN_FDS, all that Rust opens is close-on-exec from its first moment, and
    // the flag just set keeps this function from giving it out a second time.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Calls fcntl(2) with `F_GETFD` or `F_SETFD`.
fn fcntl(number: RawFd, command: c_int, flags: c_int) -> io::Result<c_int> {
    // SAFETY: both commands take an int or nothing, and are defined for any number, open or not.
    let answer = unsafe { libc::fcntl(number, command, flags) };
    if answer == -1 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

/// The time now in microseconds on `CLOCK_MONOTONIC` (clock_gettime(2)), which [`Instant`](std::time::Instant)
/// does not show.
pub(crate) fn monotonic_micros() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one `timespec`, which lives here. It cannot fail for this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    let (seconds, nanos) = (time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs());
    seconds.saturating_mul(1_000_000).saturating_add(nanos / 1000)
}
