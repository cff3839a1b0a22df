//! `SO_PEERCRED` (unix(7)): the one system call that neither std nor socket2 offers.
//!
//! Invariant: this is the crate's only file with `unsafe`.
#![allow(unsafe_code, reason = "getsockopt fills a structure")]

use std::mem;
use std::os::fd::AsRawFd as _;

use socket2::Socket;

/// Process, user and group at the other end of a UNIX socket when it connected.
pub(super) fn of_peer(stream: &Socket) -> Option<(u32, u32, u32)> {
    let mut credentials = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut length = libc::socklen_t::try_from(mem::size_of::<libc::ucred>()).ok()?;
    // SAFETY: the descriptor is open for as long as `stream` is borrowed; the pointers lead to a
    // `ucred` and to its size, both of which outlive the call, and any bytes make a valid `ucred`.
    let answer = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut credentials).cast(),
            &raw mut length,
        )
    };
    // Another kind of socket answers with process 0.
    let pid = u32::try_from(credentials.pid).ok().filter(|pid| answer == 0 && *pid != 0)?;
    Some((pid, credentials.uid, credentials.gid))
}
