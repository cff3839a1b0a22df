//! The system calls of datagrams that std and socket2 do not offer: recvmmsg(2), sendmmsg(2), with the
//! control messages `UDP_SEGMENT` and `UDP_GRO` (udp(7)), if_nametoindex(3), and `IP_MULTICAST_IF` by
//! index (ip(7)).
//!
//! Invariant: a structure that leads the kernel to memory is made in the function that makes the call,
//! from borrows that outlive it.
#![allow(unsafe_code, reason = "these calls take pointers")]

use std::ffi::CString;
use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd as _;

use interfaces::Address;
use socket2::{SockAddr, SockAddrStorage, Socket};

use super::sockaddr;
use crate::sys::{ReceiveBatch, SendRun};

/// How many packets one call moves.
const PACKETS_MAX: usize = 32;

/// Room for one control message with an `int`, aligned as the kernel's header is.
#[repr(C)]
#[derive(Clone, Copy)]
struct DatagramControl {
    header: libc::cmsghdr,
    value: [u8; 8],
}

const CONTROL_BYTES: usize = mem::size_of::<DatagramControl>();

/// Asks for datagrams of equal size to be delivered joined; a system that cannot is left as it is.
pub(super) fn receive_joined(socket: &Socket) {
    drop(set_option(socket, libc::SOL_UDP, libc::UDP_GRO, &(1 as libc::c_int)));
}

/// Sends datagrams to groups by the interface with this number; 0 leaves it to the routes.
pub(super) fn set_multicast_index_v4(socket: &Socket, index: u32) -> io::Result<()> {
    let nothing = libc::in_addr { s_addr: 0 };
    let imr_ifindex =
        libc::c_int::try_from(index).map_err(|_| io::Error::from_raw_os_error(libc::ENODEV))?;
    let request = libc::ip_mreqn { imr_multiaddr: nothing, imr_address: nothing, imr_ifindex };
    set_option(socket, libc::IPPROTO_IP, libc::IP_MULTICAST_IF, &request)
}

/// The number of the interface of this name.
pub(super) fn interface_index(name: &str) -> io::Result<u32> {
    let name = CString::new(name).map_err(|_| io::Error::from_raw_os_error(libc::ENODEV))?;
    // SAFETY: the pointer leads to a string that ends with a NUL byte and outlives the call.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(io::Error::from_raw_os_error(libc::ENODEV)),
        index => Ok(index),
    }
}

/// `T` is the plain structure or number that the option takes.
fn set_option<T: Copy>(
    socket: &Socket,
    level: libc::c_int,
    option: libc::c_int,
    value: &T,
) -> io::Result<()> {
    let length = mem::size_of::<T>() as libc::socklen_t;
    // SAFETY: the descriptor is open for as long as `socket` is borrowed; the pointer leads to as many
    // bytes as the call is told of, which outlive it and are only read.
    let answer = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const *value).cast(), length)
    };
    if answer == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// recvmmsg(2) into the places of the batch; the lengths are those that the packets had (`MSG_TRUNC`).
pub(super) fn receive(
    socket: &Socket,
    batch: &mut ReceiveBatch,
    packets_max: usize,
) -> io::Result<()> {
    batch.set_count(0);
    let mut pieces = [const { MaybeUninit::<libc::iovec>::uninit() }; PACKETS_MAX];
    let mut senders = [const { MaybeUninit::<SockAddrStorage>::uninit() }; PACKETS_MAX];
    let mut controls = [const { MaybeUninit::<DatagramControl>::uninit() }; PACKETS_MAX];
    let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; PACKETS_MAX];
    let (mut asked, mut place_bytes) = (0, 0);
    for (place, _) in batch.parts_mut().take(packets_max.min(PACKETS_MAX)) {
        place_bytes = place.len();
        let (iov_base, iov_len) = (place.as_mut_ptr().cast(), place.len());
        let piece = pieces[asked].write(libc::iovec { iov_base, iov_len });
        let header = libc::msghdr {
            msg_name: senders[asked].as_mut_ptr().cast(),
            msg_namelen: mem::size_of::<SockAddrStorage>() as libc::socklen_t,
            msg_iov: piece,
            msg_iovlen: 1,
            msg_control: controls[asked].as_mut_ptr().cast(),
            msg_controllen: CONTROL_BYTES as _,
            msg_flags: 0,
        };
        headers[asked].write(libc::mmsghdr { msg_hdr: header, msg_len: 0 });
        asked += 1;
    }
    let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
    // SAFETY: the descriptor is open for as long as `socket` is borrowed; the first `asked` headers are
    // written, and lead to places, names and control messages that outlive the call, each with its size.
    let count = unsafe {
        libc::recvmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr().cast(),
            asked as libc::c_uint,
            flags as _,
            std::ptr::null_mut(),
        )
    };
    let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
    batch.set_count(count);
    for (number, packet) in batch.packets_mut().iter_mut().enumerate() {
        // SAFETY: the first `asked` headers are written, and the kernel received `count` of them.
        let header = unsafe { headers[number].assume_init_ref() };
        let length = header.msg_len as usize;
        let has_control = header.msg_hdr.msg_controllen >= mem::size_of::<libc::cmsghdr>();
        // SAFETY: the kernel has written a control message, as its length says.
        let segment = if has_control { unsafe { joined_size(&controls[number]) } } else { None };
        (packet.kept, packet.length, packet.segment) = (length.min(place_bytes), length, segment);
        // SAFETY: the kernel has written as many bytes of the name as its length says.
        let ipv4 = unsafe { ipv4_sender(&senders[number], header.msg_hdr.msg_namelen) };
        match (&mut packet.sender, ipv4) {
            (Address::Ipv4(place), Some(sender)) => *place = sender,
            // SAFETY: as above.
            (place, _) => unsafe {
                read_sender(place, &senders[number], header.msg_hdr.msg_namelen)
            },
        }
    }
    Ok(())
}

/// The family of a name.
///
/// # Safety
///
/// The first `length` bytes of the name are written, or as many as it has room for.
#[inline]
unsafe fn family(name: &MaybeUninit<SockAddrStorage>, length: libc::socklen_t) -> libc::c_int {
    if (length as usize) < mem::size_of::<libc::sa_family_t>() {
        return libc::AF_UNSPEC;
    }
    // SAFETY: the caller's promise; the family is at the beginning of each kind of name.
    libc::c_int::from(unsafe { *name.as_ptr().cast::<libc::sa_family_t>() })
}

/// The name, if it is one of IPv4.
///
/// # Safety
///
/// The first `length` bytes of the name are written, or as many as it has room for.
#[inline]
unsafe fn ipv4_sender(
    name: &MaybeUninit<SockAddrStorage>,
    length: libc::socklen_t,
) -> Option<SocketAddrV4> {
    // SAFETY: the caller's promise.
    if unsafe { family(name, length) } != libc::AF_INET {
        return None;
    }
    // SAFETY: the kernel writes names of this family whole, and any bytes make a valid one.
    let name = unsafe { &*name.as_ptr().cast::<libc::sockaddr_in>() };
    let ip = name.sin_addr.s_addr.to_ne_bytes().into();
    Some(SocketAddrV4::new(ip, u16::from_be(name.sin_port)))
}

/// Replaces a sender where not both are of IPv4.
///
/// # Safety
///
/// The first `length` bytes of the name are written, or as many as it has room for.
#[inline(never)]
unsafe fn read_sender(
    place: &mut Address,
    name: &MaybeUninit<SockAddrStorage>,
    length: libc::socklen_t,
) {
    // SAFETY: the caller's promise.
    *place = unsafe { sender(name, length) };
}

/// # Safety
///
/// The first `length` bytes of the name are written, or as many as it has room for.
unsafe fn sender(name: &MaybeUninit<SockAddrStorage>, length: libc::socklen_t) -> Address {
    // SAFETY: the caller's promise.
    if let Some(address) = unsafe { ipv4_sender(name, length) } {
        return Address::Ipv4(address);
    }
    // SAFETY: the caller's promise.
    match unsafe { family(name, length) } {
        libc::AF_INET6 => {
            // SAFETY: the kernel writes names of this family whole, and any bytes make a valid one.
            let name = unsafe { *name.as_ptr().cast::<libc::sockaddr_in6>() };
            let (ip, port) = (name.sin6_addr.s6_addr.into(), u16::from_be(name.sin6_port));
            let (flow, zone) = (name.sin6_flowinfo, name.sin6_scope_id);
            Address::Ipv6(SocketAddrV6::new(ip, port, flow, zone))
        }
        libc::AF_UNIX => {
            let mut storage = SockAddrStorage::zeroed();
            let room = mem::size_of::<SockAddrStorage>();
            let written = (length as usize).min(room);
            // SAFETY: both have room for `written` bytes, which are written in the first, and they do not
            // overlap.
            unsafe {
                let to = (&raw mut storage).cast::<u8>();
                std::ptr::copy_nonoverlapping(name.as_ptr().cast::<u8>(), to, written);
            }
            // SAFETY: the storage is zeroed beyond the name, and the length is the name's.
            sockaddr::to_address(&unsafe { SockAddr::new(storage, written as libc::socklen_t) })
        }
        _ => Address::Unix(interfaces::UnixAddress::Unnamed),
    }
}

/// The size of the datagrams that were joined, if the control message says so.
///
/// # Safety
///
/// The control message is written as far as its own length says.
unsafe fn joined_size(control: &MaybeUninit<DatagramControl>) -> Option<usize> {
    // SAFETY: the caller's promise.
    let header = unsafe { &(*control.as_ptr()).header };
    let whole = mem::offset_of!(DatagramControl, value) + mem::size_of::<libc::c_int>();
    let is_size = (header.cmsg_level, header.cmsg_type) == (libc::SOL_UDP, libc::UDP_GRO);
    if !is_size || header.cmsg_len < whole {
        return None;
    }
    // SAFETY: the value is an `int`, and was written.
    let size =
        unsafe { (&raw const (*control.as_ptr()).value).cast::<libc::c_int>().read_unaligned() };
    usize::try_from(size).ok().filter(|size| *size > 0)
}

/// sendmmsg(2); returns how many of the runs were taken.
pub(super) fn send<'a>(
    socket: &Socket,
    runs: impl Iterator<Item = SendRun<'a>>,
) -> io::Result<usize> {
    let mut pieces = [const { MaybeUninit::<libc::iovec>::uninit() }; PACKETS_MAX];
    let mut receivers = [const { MaybeUninit::<SockAddrStorage>::uninit() }; PACKETS_MAX];
    let mut controls = [const { MaybeUninit::<DatagramControl>::uninit() }; PACKETS_MAX];
    let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; PACKETS_MAX];
    let mut asked = 0;
    for (number, run) in runs.take(PACKETS_MAX).enumerate() {
        // The kernel only reads what this pointer leads to.
        let iov_base = run.data.as_ptr().cast_mut().cast();
        let piece = pieces[number].write(libc::iovec { iov_base, iov_len: run.data.len() });
        let (msg_name, msg_namelen) = match run.receiver {
            None => (std::ptr::null_mut(), 0),
            Some(receiver) => match write_name(&mut receivers[number], receiver) {
                Ok(length) => (receivers[number].as_mut_ptr().cast(), length),
                Err(error) if number == 0 => return Err(error),
                Err(_) => break,
            },
        };
        let (msg_control, msg_controllen) = match run.segment {
            None => (std::ptr::null_mut(), 0),
            Some(segment) => {
                let control = controls[number].write(segment_control(segment));
                ((&raw mut *control).cast(), control.header.cmsg_len)
            }
        };
        let header = libc::msghdr {
            msg_name,
            msg_namelen,
            msg_iov: piece,
            msg_iovlen: 1,
            msg_control,
            msg_controllen: msg_controllen as _,
            msg_flags: 0,
        };
        headers[number].write(libc::mmsghdr { msg_hdr: header, msg_len: 0 });
        asked += 1;
    }
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the descriptor is open for as long as `socket` is borrowed; the first `asked` headers
    // are written, and lead to bytes, names and control messages that outlive the call, each with its
    // size.
    let count = unsafe {
        libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr().cast(), asked, flags as _)
    };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

/// Writes an address as a name of the system; returns the name's length.
#[inline]
fn write_name(
    name: &mut MaybeUninit<SockAddrStorage>,
    address: &Address,
) -> io::Result<libc::socklen_t> {
    let Address::Ipv4(address) = address else { return write_other_name(name, address) };
    // SAFETY: any bytes make a valid `sockaddr_in`; on some targets it has a length.
    let mut ipv4: libc::sockaddr_in = unsafe { mem::zeroed() };
    ipv4.sin_family = libc::AF_INET as libc::sa_family_t;
    ipv4.sin_port = address.port().to_be();
    ipv4.sin_addr.s_addr = u32::from_ne_bytes(address.ip().octets());
    // SAFETY: a name has room for each kind of address, and is aligned for each.
    unsafe { name.as_mut_ptr().cast::<libc::sockaddr_in>().write(ipv4) };
    Ok(mem::size_of::<libc::sockaddr_in>() as libc::socklen_t)
}

/// The same for other addresses than those of IPv4.
#[cold]
fn write_other_name(
    name: &mut MaybeUninit<SockAddrStorage>,
    address: &Address,
) -> io::Result<libc::socklen_t> {
    let address = sockaddr::from_address(address)?;
    let length = address.len();
    *name = MaybeUninit::new(address.as_storage());
    Ok(length)
}

/// The control message that has the kernel cut a run into datagrams of this size.
fn segment_control(segment: u16) -> DatagramControl {
    let length = mem::offset_of!(DatagramControl, value) + mem::size_of::<u16>();
    // SAFETY: any bytes make a valid `cmsghdr`; on some targets it has padding fields.
    let mut header: libc::cmsghdr = unsafe { mem::zeroed() };
    header.cmsg_len = length as _;
    header.cmsg_level = libc::SOL_UDP;
    header.cmsg_type = libc::UDP_SEGMENT;
    let mut value = [0; 8];
    value[..2].copy_from_slice(&segment.to_ne_bytes());
    DatagramControl { header, value }
}
