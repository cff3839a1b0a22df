//! The control message that carries descriptors over a UNIX socket (`SCM_RIGHTS`, unix(7), cmsg(3)), in
//! bytes.
//!
//! Invariant: the layout is that of Linux's `cmsghdr`: the length in a word, the level, the type, and the
//! descriptors, filled up to whole words.

use core::ffi::c_int;
use core::mem::size_of;
use std::os::fd::RawFd;

/// The most descriptors that one message carries (`SCM_MAX_FD`, unix(7)).
pub(super) const DESCRIPTORS_MAX: usize = 253;

/// The control message for these descriptors.
pub(super) fn rights(descriptors: &[RawFd]) -> Vec<u8> {
    let length = size_of::<usize>() + (2 + descriptors.len()) * size_of::<c_int>();
    let mut message = Vec::with_capacity(length.next_multiple_of(size_of::<usize>()));
    message.extend(length.to_ne_bytes());
    message.extend(libc::SOL_SOCKET.to_ne_bytes());
    message.extend(libc::SCM_RIGHTS.to_ne_bytes());
    message.extend(descriptors.iter().flat_map(|descriptor| descriptor.to_ne_bytes()));
    message.resize(length.next_multiple_of(size_of::<usize>()), 0);
    message
}
