//! Groups: the options of ip(7) and ipv6(7), and the interfaces that they name.
//!
//! Invariant: an interface that this machine does not have is `ENODEV`.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use interfaces::MulticastInterface;
use socket2::{Domain, InterfaceIndexOrAddress, Socket};

use super::datagram_calls;
use super::datagram_socket::KernelDatagramSocket;
use crate::sys::{Membership, MulticastOption};

/// Takes what other sockets of this machine have joined off a socket (`IP_MULTICAST_ALL`,
/// `IPV6_MULTICAST_ALL`). A system that is too old for the second, before Linux 4.20, is left as it is.
pub(super) fn hear_own_groups(socket: &Socket, domain: Domain) {
    // One of IPv6 may receive over IPv4 too.
    drop(socket.set_multicast_all_v4(false));
    if domain == Domain::IPV6 {
        drop(socket.set_multicast_all_v6(false));
    }
}

pub(super) fn change_membership(
    socket: &Socket,
    change: Membership,
    group: IpAddr,
    interface: &MulticastInterface,
) -> io::Result<()> {
    match group {
        IpAddr::V4(group) => {
            let interface = interface_v4(interface)?;
            match change {
                Membership::Join => socket.join_multicast_v4_n(&group, &interface),
                Membership::Leave => socket.leave_multicast_v4_n(&group, &interface),
            }
        }
        IpAddr::V6(group) => {
            let index = index(interface)?;
            match change {
                Membership::Join => socket.join_multicast_v6(&group, index),
                Membership::Leave => socket.leave_multicast_v6(&group, index),
            }
        }
    }
}

pub(super) fn set_option(
    socket: &KernelDatagramSocket,
    option: &MulticastOption,
) -> io::Result<()> {
    let (socket, is_v6) = (socket.socket(), is_v6(socket));
    match option {
        MulticastOption::Loop(on) if is_v6 => socket.set_multicast_loop_v6(*on),
        MulticastOption::Loop(on) => socket.set_multicast_loop_v4(*on),
        MulticastOption::Ttl(ttl) if is_v6 => socket.set_multicast_hops_v6(u32::from(*ttl)),
        MulticastOption::Ttl(ttl) => socket.set_multicast_ttl_v4(u32::from(*ttl)),
        MulticastOption::Interface(interface) if is_v6 => {
            socket.set_multicast_if_v6(index(interface)?)
        }
        MulticastOption::Interface(interface) => match interface_v4(interface)? {
            InterfaceIndexOrAddress::Address(address) => socket.set_multicast_if_v4(&address),
            InterfaceIndexOrAddress::Index(index) => {
                datagram_calls::set_multicast_index_v4(socket, index)
            }
        },
    }
}

pub(super) fn is_looped(socket: &KernelDatagramSocket) -> bool {
    let answer = match is_v6(socket) {
        true => socket.socket().multicast_loop_v6(),
        false => socket.socket().multicast_loop_v4(),
    };
    answer.unwrap_or(false)
}

pub(super) fn ttl(socket: &KernelDatagramSocket) -> u8 {
    let answer = match is_v6(socket) {
        true => socket.socket().multicast_hops_v6(),
        false => socket.socket().multicast_ttl_v4(),
    };
    answer.ok().and_then(|ttl| u8::try_from(ttl).ok()).unwrap_or(0)
}

/// Over IPv4 an interface that was set by index reads as [`MulticastInterface::Any`], as the kernel does
/// not tell.
pub(super) fn interface(socket: &KernelDatagramSocket) -> MulticastInterface {
    if is_v6(socket) {
        match socket.socket().multicast_if_v6() {
            Ok(0) | Err(_) => MulticastInterface::Any,
            Ok(index) => MulticastInterface::Index(index),
        }
    } else {
        match socket.socket().multicast_if_v4() {
            Ok(Ipv4Addr::UNSPECIFIED) | Err(_) => MulticastInterface::Any,
            Ok(address) => MulticastInterface::Address(IpAddr::V4(address)),
        }
    }
}

fn is_v6(socket: &KernelDatagramSocket) -> bool {
    socket.domain() == Domain::IPV6
}

fn interface_v4(interface: &MulticastInterface) -> io::Result<InterfaceIndexOrAddress> {
    Ok(match interface {
        MulticastInterface::Any => InterfaceIndexOrAddress::Address(Ipv4Addr::UNSPECIFIED),
        MulticastInterface::Address(IpAddr::V4(address)) => {
            InterfaceIndexOrAddress::Address(*address)
        }
        MulticastInterface::Index(0) => return Err(no_interface()),
        other => InterfaceIndexOrAddress::Index(index(other)?),
    })
}

/// The number of an interface; 0 leaves it to the routes.
fn index(interface: &MulticastInterface) -> io::Result<u32> {
    match interface {
        MulticastInterface::Any => Ok(0),
        MulticastInterface::Index(0) => Err(no_interface()),
        MulticastInterface::Index(index) => Ok(*index),
        MulticastInterface::Name(name) => datagram_calls::interface_index(name),
        MulticastInterface::Address(IpAddr::V6(address)) => index_of(*address),
        _ => Err(no_interface()),
    }
}

/// The number of the interface that has this address. Each line of the list is the address, the
/// number, and more, all in hexadecimal (proc(5)). It is that of this thread's network, which need not be
/// the process's (network_namespaces(7)).
fn index_of(address: Ipv6Addr) -> io::Result<u32> {
    let list = fs::read_to_string("/proc/thread-self/net/if_inet6")?;
    let of_line = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let bits = u128::from_str_radix(fields.next()?, 16).ok()?;
        let index = u32::from_str_radix(fields.next()?, 16).ok()?;
        (Ipv6Addr::from_bits(bits) == address).then_some(index)
    };
    list.lines().find_map(of_line).ok_or_else(no_interface)
}

fn no_interface() -> io::Error {
    io::Error::from_raw_os_error(libc::ENODEV)
}
