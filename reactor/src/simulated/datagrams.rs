//! [`DatagramSys`] for [`Simulated`]: each call forwards to the file of its concept.
//!
//! Invariant: each call borrows the network for its own duration alone.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use interfaces::{Address, ListenError, ListenUdp, ListenUnixDatagram, MulticastInterface};

use super::datagram_socket::DatagramOptions;
use super::ids::{DatagramId, Source};
use super::network::Simulated;
use super::trace::SystemCall;
use super::world::{World, errno};
use crate::sys::{
    DatagramSys, Membership, MulticastOption, ReceiveBatch, SendRun, Sharing, Token, Watch,
};

/// A simulated datagram socket; dropping it closes it.
pub struct SimulatedDatagramSocket {
    world: Rc<RefCell<World>>,
    id: DatagramId,
}

impl Drop for SimulatedDatagramSocket {
    fn drop(&mut self) {
        self.world.borrow_mut().close_datagram_socket(self.id);
    }
}

impl fmt::Debug for SimulatedDatagramSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimulatedDatagramSocket").field(&self.id).finish()
    }
}

impl Simulated {
    fn datagram_socket(&self, id: DatagramId) -> SimulatedDatagramSocket {
        SimulatedDatagramSocket { world: self.world.clone(), id }
    }

    /// Reads or changes the options of a socket, and notes the call.
    fn with_options<R>(
        &self,
        call: SystemCall,
        socket: &SimulatedDatagramSocket,
        work: impl FnOnce(&mut DatagramOptions) -> R,
    ) -> R {
        let world = &mut *self.world.borrow_mut();
        world.trace.note(world.clock.now(), call, socket.id.number(), 0);
        work(&mut world.datagrams.held(socket.id).options)
    }
}

impl DatagramSys for Simulated {
    type DatagramSocket = SimulatedDatagramSocket;

    fn bind_udp(
        &self,
        options: &ListenUdp,
        sharing: Sharing,
    ) -> Result<SimulatedDatagramSocket, ListenError> {
        let id = self.world.borrow_mut().bind_udp(options, sharing)?;
        Ok(self.datagram_socket(id))
    }

    fn bind_unix_datagram(
        &self,
        options: &ListenUnixDatagram,
    ) -> Result<SimulatedDatagramSocket, ListenError> {
        let id = self.world.borrow_mut().bind_unix_datagram(options)?;
        Ok(self.datagram_socket(id))
    }

    fn connect_datagram(&self, socket: &SimulatedDatagramSocket, peer: &Address) -> io::Result<()> {
        self.world.borrow_mut().connect_datagram(socket.id, peer)
    }

    fn datagram_host(&self, socket: &SimulatedDatagramSocket) -> Address {
        self.world.borrow_mut().datagrams.held(socket.id).host.clone()
    }

    fn datagram_peer(&self, socket: &SimulatedDatagramSocket) -> Option<Address> {
        self.world.borrow_mut().datagrams.held(socket.id).peer.clone()
    }

    fn register_datagrams(&self, socket: &SimulatedDatagramSocket, token: Token) -> io::Result<()> {
        self.world.borrow_mut().begin_watch(Source::Datagram(socket.id), token, Watch::Both);
        Ok(())
    }

    /// Both directions are reported from the beginning; a change reports what is ready anew.
    fn watch_datagrams(
        &self,
        socket: &SimulatedDatagramSocket,
        _: Token,
        watch: Watch,
    ) -> io::Result<()> {
        if watch == Watch::Both {
            self.world.borrow_mut().rearm(Source::Datagram(socket.id));
        }
        Ok(())
    }

    fn deregister_datagrams(&self, socket: &SimulatedDatagramSocket) {
        self.world.borrow_mut().end_watch(Source::Datagram(socket.id));
    }

    fn receive_datagrams(
        &self,
        socket: &SimulatedDatagramSocket,
        batch: &mut ReceiveBatch,
        packets_max: usize,
    ) -> io::Result<()> {
        self.world.borrow_mut().receive_datagrams(socket.id, batch, packets_max)
    }

    fn send_datagrams<'a>(
        &self,
        socket: &SimulatedDatagramSocket,
        runs: impl Iterator<Item = SendRun<'a>>,
    ) -> io::Result<usize> {
        let runs: Vec<SendRun<'_>> = runs.collect();
        self.world.borrow_mut().send_datagrams(socket.id, &runs)
    }

    fn broadcast_allowed(&self, socket: &SimulatedDatagramSocket) -> bool {
        self.with_options(SystemCall::Getsockopt, socket, |options| options.broadcast)
    }

    fn allow_broadcast(&self, socket: &SimulatedDatagramSocket, allowed: bool) {
        self.with_options(SystemCall::Setsockopt, socket, |options| options.broadcast = allowed);
    }

    fn change_membership(
        &self,
        socket: &SimulatedDatagramSocket,
        change: Membership,
        group: IpAddr,
        interface: &MulticastInterface,
    ) -> io::Result<()> {
        check_interface(interface)?;
        self.with_options(SystemCall::Setsockopt, socket, |options| {
            let member = options.groups.iter().position(|member| *member == group);
            match (change, member) {
                (Membership::Join, None) => options.groups.push(group),
                (Membership::Join, Some(_)) => return Err(errno(libc::EADDRINUSE)),
                (Membership::Leave, Some(place)) => drop(options.groups.remove(place)),
                (Membership::Leave, None) => return Err(errno(libc::EADDRNOTAVAIL)),
            }
            Ok(())
        })
    }

    fn set_multicast_option(
        &self,
        socket: &SimulatedDatagramSocket,
        option: &MulticastOption,
    ) -> io::Result<()> {
        if let MulticastOption::Interface(interface) = option {
            check_interface(interface)?;
        }
        self.with_options(SystemCall::Setsockopt, socket, |options| match option {
            MulticastOption::Loop(on) => options.multicast_loop = *on,
            MulticastOption::Ttl(ttl) => options.multicast_ttl = *ttl,
            MulticastOption::Interface(interface) => {
                options.multicast_interface = interface.clone();
            }
        });
        Ok(())
    }

    fn multicast_loop(&self, socket: &SimulatedDatagramSocket) -> bool {
        self.with_options(SystemCall::Getsockopt, socket, |options| options.multicast_loop)
    }

    fn multicast_ttl(&self, socket: &SimulatedDatagramSocket) -> u8 {
        self.with_options(SystemCall::Getsockopt, socket, |options| options.multicast_ttl)
    }

    fn multicast_interface(&self, socket: &SimulatedDatagramSocket) -> MulticastInterface {
        self.with_options(SystemCall::Getsockopt, socket, |options| {
            options.multicast_interface.clone()
        })
    }
}

/// The machine has one interface, `lo`, which has the number 1 and the addresses of the loopback.
fn check_interface(interface: &MulticastInterface) -> io::Result<()> {
    let is_there = match interface {
        MulticastInterface::Any | MulticastInterface::Index(1) => true,
        MulticastInterface::Name(name) => name == "lo",
        MulticastInterface::Address(address) => {
            *address == Ipv4Addr::LOCALHOST || *address == Ipv6Addr::LOCALHOST
        }
        _ => false,
    };
    if is_there { Ok(()) } else { Err(errno(libc::ENODEV)) }
}
