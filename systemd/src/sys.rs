//! The system calls of this crate, each as a safe function.
//!
//! Invariant: a raw descriptor number becomes an [`OwnedFd`] here and nowhere else, and only when it
//! was inherited.
#![allow(unsafe_code)]

use core::ffi::c_int;
use core::mem::{MaybeUninit, size_of};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Whether a descriptor number is open, and where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// No such descriptor.
    Closed,
    /// It was there when the program began: only without close-on-exec can it have come through
    /// `execve`.
    Inherited,
    /// It is close-on-exec, so this process opened it, or has taken it over already.
    Own,
}

/// Looks at a number from outside without taking it.
pub(crate) fn origin(number: RawFd) -> io::Result<Origin> {
    // SAFETY: F_GETFD takes no pointer, and is defined for any number, open or not.
    let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
    if flags == -1 {
        let error = io::Error::last_os_error();
        let closed = error.raw_os_error() == Some(libc::EBADF);
        return if closed { Ok(Origin::Closed) } else { Err(error) };
    }
    Ok(if flags & libc::FD_CLOEXEC == 0 { Origin::Inherited } else { Origin::Own })
}

/// Takes an inherited descriptor over and makes it close-on-exec, so that no second call can have
/// it and no child gets it.
///
/// # Errors
///
/// `EBADF` when it is not open, or not inherited: see [`origin`].
pub(crate) fn take_inherited(number: RawFd) -> io::Result<OwnedFd> {
    if origin(number)? != Origin::Inherited {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: F_SETFD takes an int; the number was open a moment ago, and were it closed since, the
    // call would only fail.
    check(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    // SAFETY: the number is open. Nothing else in this process owns it: it has come through
    // `execve` for whoever reads LISTEN_FDS, all that Rust opens is close-on-exec from its first
    // moment, and the flag just set keeps this function from giving it out a second time.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// The file type bits of fstat(2): `S_IFSOCK`, `S_IFREG`…
pub(crate) fn file_type(descriptor: BorrowedFd<'_>) -> io::Result<libc::mode_t> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the descriptor is open for as long as it is borrowed, and fstat writes one `stat`.
    check(unsafe { libc::fstat(descriptor.as_raw_fd(), stat.as_mut_ptr()) })?;
    // SAFETY: fstat succeeded, so it has filled the whole structure.
    let stat = unsafe { stat.assume_init() };
    Ok(stat.st_mode & libc::S_IFMT)
}

/// The value of a socket option that is an int, of the level `SOL_SOCKET`.
pub(crate) fn socket_option(descriptor: BorrowedFd<'_>, option: c_int) -> io::Result<c_int> {
    let mut value: c_int = 0;
    let mut length = length_of::<c_int>();
    // SAFETY: `value` has room for the `length` bytes that the kernel is told of, and both live
    // until the call returns.
    check(unsafe {
        libc::getsockopt(
            descriptor.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            (&raw mut value).cast(),
            &raw mut length,
        )
    })?;
    Ok(value)
}

/// The address family of a socket: `AF_INET`, `AF_UNIX`…
pub(crate) fn family(descriptor: BorrowedFd<'_>) -> io::Result<c_int> {
    let mut address = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let mut length = length_of::<libc::sockaddr_storage>();
    // SAFETY: `address` has room for the `length` bytes that the kernel is told of, and both live
    // until the call returns.
    check(unsafe {
        libc::getsockname(descriptor.as_raw_fd(), address.as_mut_ptr().cast(), &raw mut length)
    })?;
    // SAFETY: all zero bytes are a valid `sockaddr_storage`, and the kernel wrote into it or not.
    let address = unsafe { address.assume_init() };
    Ok(c_int::from(address.ss_family))
}

/// Sets `O_NONBLOCK`, if it is not set.
pub(crate) fn set_non_blocking(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let number = descriptor.as_raw_fd();
    // SAFETY: F_GETFL takes no pointer.
    let flags = check(unsafe { libc::fcntl(number, libc::F_GETFL) })?;
    if flags & libc::O_NONBLOCK == 0 {
        // SAFETY: F_SETFL takes an int.
        check(unsafe { libc::fcntl(number, libc::F_SETFL, flags | libc::O_NONBLOCK) })?;
    }
    Ok(())
}

fn check(result: c_int) -> io::Result<c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

const fn length_of<T>() -> libc::socklen_t {
    size_of::<T>() as libc::socklen_t
}
