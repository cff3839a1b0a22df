//! [`DatagramSys`] for [`Kernel`]: each call forwards to the file of its concept.
//!
//! Invariant: no call here keeps state but the poll's registrations.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd as _, OwnedFd};

use interfaces::{Address, ListenError, ListenUdp, ListenUnixDatagram, MulticastInterface};
use mio::Interest;
use mio::unix::SourceFd;

use super::datagram_socket::KernelDatagramSocket;
use super::{Kernel, datagram_calls, multicast, ready, sockaddr};
use crate::sys::{
    DatagramSys, Membership, MulticastOption, ReceiveBatch, SendRun, Sharing, Token, Watch,
};

impl DatagramSys for Kernel {
    type DatagramSocket = KernelDatagramSocket;

    fn bind_udp(
        &self,
        options: &ListenUdp,
        sharing: Sharing,
    ) -> Result<KernelDatagramSocket, ListenError> {
        KernelDatagramSocket::udp(options, sharing)
    }

    fn bind_unix_datagram(
        &self,
        options: &ListenUnixDatagram,
    ) -> Result<KernelDatagramSocket, ListenError> {
        KernelDatagramSocket::unix(options)
    }

    fn connect_datagram(&self, socket: &KernelDatagramSocket, peer: &Address) -> io::Result<()> {
        socket.socket().connect(&sockaddr::from_address(peer)?)
    }

    fn datagram_host(&self, socket: &KernelDatagramSocket) -> Address {
        sockaddr::or_unnamed(socket.socket().local_addr())
    }

    fn datagram_peer(&self, socket: &KernelDatagramSocket) -> Option<Address> {
        socket.socket().peer_addr().ok().map(|peer| sockaddr::to_address(&peer))
    }

    fn datagram_descriptor(&self, socket: &KernelDatagramSocket) -> Option<i32> {
        Some(socket.as_raw_fd())
    }

    fn register_datagrams(&self, socket: &KernelDatagramSocket, token: Token) -> io::Result<()> {
        self.register_source(socket, token, Interest::READABLE)
    }

    fn watch_datagrams(
        &self,
        socket: &KernelDatagramSocket,
        token: Token,
        watch: Watch,
    ) -> io::Result<()> {
        self.poll.borrow().registry().reregister(
            &mut SourceFd(&socket.as_raw_fd()),
            mio::Token(token.0),
            ready::interest(watch),
        )
    }

    fn deregister_datagrams(&self, socket: &KernelDatagramSocket) {
        self.deregister_source(socket);
    }

    fn receive_datagrams(
        &self,
        socket: &KernelDatagramSocket,
        batch: &mut ReceiveBatch,
        packets_max: usize,
    ) -> io::Result<()> {
        datagram_calls::receive(socket.socket(), batch, packets_max)
    }

    fn send_datagrams<'a>(
        &self,
        socket: &KernelDatagramSocket,
        runs: impl Iterator<Item = SendRun<'a>>,
    ) -> io::Result<usize> {
        datagram_calls::send(socket.socket(), runs)
    }

    fn broadcast_allowed(&self, socket: &KernelDatagramSocket) -> bool {
        socket.socket().broadcast().unwrap_or(false)
    }

    fn allow_broadcast(&self, socket: &KernelDatagramSocket, allowed: bool) {
        drop(socket.socket().set_broadcast(allowed));
    }

    fn change_membership(
        &self,
        socket: &KernelDatagramSocket,
        change: Membership,
        group: IpAddr,
        interface: &MulticastInterface,
    ) -> io::Result<()> {
        multicast::change_membership(socket.socket(), change, group, interface)
    }

    fn set_multicast_option(
        &self,
        socket: &KernelDatagramSocket,
        option: &MulticastOption,
    ) -> io::Result<()> {
        multicast::set_option(socket, option)
    }

    fn multicast_loop(&self, socket: &KernelDatagramSocket) -> bool {
        multicast::is_looped(socket)
    }

    fn multicast_ttl(&self, socket: &KernelDatagramSocket) -> u8 {
        multicast::ttl(socket)
    }

    fn multicast_interface(&self, socket: &KernelDatagramSocket) -> MulticastInterface {
        multicast::interface(socket)
    }
}

impl Kernel {
    /// Adopts a datagram socket.
    pub(crate) fn adopt_datagrams(
        &self,
        descriptor: OwnedFd,
    ) -> Result<KernelDatagramSocket, ListenError> {
        KernelDatagramSocket::adopt(descriptor)
    }
}
