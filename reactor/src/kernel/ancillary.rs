//! What goes and comes beside the bytes of a UNIX socket: sendmsg(2) and recvmsg(2) with `SCM_RIGHTS`
//! (unix(7), cmsg(3)).
//!
//! Invariant: each descriptor that the kernel made here has one owner, and is closed on exec from its first
//! moment.
#![allow(
    unsafe_code,
    reason = "the messages are laid out in memory, and their descriptors are numbers"
)]

use std::io;
use std::mem;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::ptr;

use socket2::Socket;

use super::raw_calls::transferred;
use crate::sys::{Ancillary, DESCRIPTORS_PER_CALL_MAX, ReadAlone};

/// Room for the most descriptors that one message has, and for credentials or times beside them; in words,
/// as its contents are aligned to them.
const CONTROL_WORDS: usize = 256;

type Control = [usize; CONTROL_WORDS];

/// Sends bytes, and the descriptors with the first of them.
pub(super) fn send(socket: &Socket, data: &[u8], descriptors: &[OwnedFd]) -> io::Result<usize> {
    debug_assert!((1..=DESCRIPTORS_PER_CALL_MAX).contains(&descriptors.len()));
    let mut control: Control = [0; CONTROL_WORDS];
    let bytes = (descriptors.len() * mem::size_of::<libc::c_int>()) as libc::c_uint;
    let mut piece = libc::iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: data.len() };
    let mut message = message(&mut piece, &mut control);
    // SAFETY: the sizes are of the platform's layout; for the most descriptors of one call they are below
    // that of `control`, which is aligned for a header and outlives the pointers into it.
    unsafe {
        message.msg_controllen = libc::CMSG_SPACE(bytes) as _;
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(bytes) as _;
        let mut place = libc::CMSG_DATA(header).cast::<libc::c_int>();
        for descriptor in descriptors {
            place.write_unaligned(descriptor.as_raw_fd());
            place = place.add(1);
        }
    }
    let flags = libc::MSG_NOSIGNAL;
    // SAFETY: the descriptors are open for as long as they are borrowed; the message leads to bytes that
    // outlive the call and are only read.
    transferred(unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, flags) })
}

/// Reads bytes, and what came beside them.
pub(super) fn receive(
    socket: &Socket,
    buffer: &mut [u8],
    ancillary: &mut Ancillary,
) -> io::Result<usize> {
    let mut control: Control = [0; CONTROL_WORDS];
    let mut piece = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut message = message(&mut piece, &mut control);
    let length = receive_message(socket, &mut message)?;
    ancillary.truncated |= message.msg_flags & libc::MSG_CTRUNC != 0;
    // SAFETY: the kernel has filled `control` with as many bytes of headers and contents as the message
    // says, and each descriptor in it is new and has no other owner.
    unsafe { take(&message, ancillary) };
    Ok(length)
}

/// Reads bytes; the kernel closes the descriptors that came beside them.
pub(super) fn receive_alone(socket: &Socket, buffer: &mut [u8]) -> io::Result<ReadAlone> {
    let mut piece = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut message = message(&mut piece, &mut []);
    let length = receive_message(socket, &mut message)?;
    let ended_at_ancillary = message.msg_flags & libc::MSG_CTRUNC != 0;
    Ok(ReadAlone { length, ended_at_ancillary })
}

/// recvmsg(2).
fn receive_message(socket: &Socket, message: &mut libc::msghdr) -> io::Result<usize> {
    let flags = libc::MSG_CMSG_CLOEXEC;
    // SAFETY: the descriptor is open for as long as `socket` is borrowed; the callers' messages lead to
    // memory that outlives the call and may hold anything.
    transferred(unsafe { libc::recvmsg(socket.as_raw_fd(), message, flags) })
}

/// # Safety
///
/// The message was filled by the kernel and is taken once.
unsafe fn take(message: &libc::msghdr, ancillary: &mut Ancillary) {
    // SAFETY: as the caller promises, each header that the macros lead to is whole.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(message);
        while !header.is_null() {
            let libc::cmsghdr { cmsg_level: level, cmsg_type: kind, cmsg_len, .. } = *header;
            if (level, kind) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
                let bytes = cmsg_len.saturating_sub(libc::CMSG_LEN(0) as usize);
                let first = libc::CMSG_DATA(header).cast::<libc::c_int>();
                for index in 0..bytes / mem::size_of::<libc::c_int>() {
                    let number = first.add(index).read_unaligned();
                    ancillary.descriptors.push(OwnedFd::from_raw_fd(number));
                }
            } else {
                ancillary.unsupported.get_or_insert((level, kind));
            }
            header = libc::CMSG_NXTHDR(message, header);
        }
    }
}

fn message(piece: &mut libc::iovec, control: &mut [usize]) -> libc::msghdr {
    // SAFETY: zeros are a valid message without a name, bytes or contents.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_name = ptr::null_mut();
    message.msg_iov = piece;
    message.msg_iovlen = 1;
    message.msg_controllen = mem::size_of_val(control) as _;
    message.msg_control = control.as_mut_ptr().cast();
    message
}
