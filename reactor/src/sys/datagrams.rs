//! [`DatagramSys`]: the system calls for UDP and UNIX datagram sockets, and the batches that they fill
//! and send.
//!
//! Invariant: no call waits for a peer; one that would have to answers
//! [`WouldBlock`](io::ErrorKind::WouldBlock).

use std::io;
use std::net::IpAddr;

use interfaces::{
    Address, ListenError, ListenUdp, ListenUnixDatagram, MulticastInterface, UnixAddress,
};

use super::{StreamSys, Token, Watch};

/// A system with datagram sockets.
///
/// All sockets are non-blocking. Any operation may answer [`Interrupted`](io::ErrorKind::Interrupted) and
/// is then tried again. Readiness is edge-triggered, as [`Sys`](super::Sys) says: a receive that brings
/// fewer datagrams than it was asked for has transferred less.
pub trait DatagramSys: StreamSys {
    /// A bound or connected datagram socket; dropping it removes what it put in the file system, and
    /// closes it.
    type DatagramSocket: 'static;

    /// Opens a UDP socket.
    ///
    /// # Errors
    ///
    /// [`ListenError`]; nothing is left behind.
    fn bind_udp(
        &self,
        options: &ListenUdp,
        sharing: Sharing,
    ) -> Result<Self::DatagramSocket, ListenError>;

    /// Opens a UNIX datagram socket; without a name it is bound to none.
    ///
    /// # Errors
    ///
    /// [`ListenError`]; nothing is left behind.
    fn bind_unix_datagram(
        &self,
        options: &ListenUnixDatagram,
    ) -> Result<Self::DatagramSocket, ListenError>;

    /// Fixes the peer (connect(2)).
    ///
    /// # Errors
    ///
    /// What connect(2) answers.
    fn connect_datagram(&self, socket: &Self::DatagramSocket, peer: &Address) -> io::Result<()>;

    /// The bound address, with the port that the system chose if 0 was asked for (getsockname(2)).
    fn datagram_host(&self, socket: &Self::DatagramSocket) -> Address;

    /// The fixed peer (getpeername(2)).
    fn datagram_peer(&self, socket: &Self::DatagramSocket) -> Option<Address>;

    /// The number of a socket's descriptor, where the system has them.
    fn datagram_descriptor(&self, socket: &Self::DatagramSocket) -> Option<i32> {
        let _ = socket;
        None
    }

    /// Begins to watch a socket for datagrams to receive.
    ///
    /// # Errors
    ///
    /// What epoll_ctl(2) answers.
    fn register_datagrams(&self, socket: &Self::DatagramSocket, token: Token) -> io::Result<()>;

    /// Watches for room to send too, or no longer.
    ///
    /// # Errors
    ///
    /// What epoll_ctl(2) answers.
    fn watch_datagrams(
        &self,
        socket: &Self::DatagramSocket,
        token: Token,
        watch: Watch,
    ) -> io::Result<()>;

    /// Stops watching, before the socket is dropped.
    fn deregister_datagrams(&self, socket: &Self::DatagramSocket) {
        let _ = socket;
    }

    /// Receives up to `packets_max` packets into the batch, which says how many came (recvmmsg(2)).
    ///
    /// # Errors
    ///
    /// What recvmmsg(2) answers: also the pending error of a connected socket, which this takes off it.
    fn receive_datagrams(
        &self,
        socket: &Self::DatagramSocket,
        batch: &mut ReceiveBatch,
        packets_max: usize,
    ) -> io::Result<()>;

    /// Sends the first of these runs in order, as many as one call hands over (sendmmsg(2)), and returns how
    /// many of them were taken, one at least. There is one at least.
    ///
    /// # Errors
    ///
    /// What sendmmsg(2) answers for the first run.
    fn send_datagrams<'a>(
        &self,
        socket: &Self::DatagramSocket,
        runs: impl Iterator<Item = SendRun<'a>>,
    ) -> io::Result<usize>;

    /// Reads `SO_BROADCAST`; `false` when that fails.
    fn broadcast_allowed(&self, socket: &Self::DatagramSocket) -> bool;

    /// Sets `SO_BROADCAST`; a failure is ignored.
    fn allow_broadcast(&self, socket: &Self::DatagramSocket, allowed: bool);

    /// Begins or ends a membership in a group, whose family is the socket's.
    ///
    /// # Errors
    ///
    /// What setsockopt(2) answers; `ENODEV` also when no interface fits.
    fn change_membership(
        &self,
        socket: &Self::DatagramSocket,
        change: Membership,
        group: IpAddr,
        interface: &MulticastInterface,
    ) -> io::Result<()>;

    /// Sets an option of multicast.
    ///
    /// # Errors
    ///
    /// What setsockopt(2) answers; `ENODEV` also when no interface fits.
    fn set_multicast_option(
        &self,
        socket: &Self::DatagramSocket,
        option: &MulticastOption,
    ) -> io::Result<()>;

    /// Whether this machine's members receive what the socket sends; `false` when that fails.
    fn multicast_loop(&self, socket: &Self::DatagramSocket) -> bool;

    /// How many networks its datagrams to groups pass through; 0 when that fails.
    fn multicast_ttl(&self, socket: &Self::DatagramSocket) -> u8;

    /// The interface by which its datagrams to groups leave, as far as the system tells.
    fn multicast_interface(&self, socket: &Self::DatagramSocket) -> MulticastInterface;
}

/// Whether other sockets may have the same address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// None may.
    Alone,
    /// Those may that ask for it too (`SO_REUSEADDR`, `SO_REUSEPORT`).
    Shared,
}

/// What becomes of a membership in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// It begins.
    Join,
    /// It ends.
    Leave,
}

/// An option of multicast, and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MulticastOption {
    /// Whether this machine's members receive what the socket sends.
    Loop(bool),
    /// How many networks datagrams to groups pass through.
    Ttl(u8),
    /// The interface by which they leave.
    Interface(MulticastInterface),
}

/// Datagrams of equal size for one receiver, which one call hands to the system.
#[derive(Clone, Copy, Debug)]
pub struct SendRun<'a> {
    /// The bytes of all, one behind the other.
    pub data: &'a [u8],
    /// The size of each but the last, which may be smaller (`UDP_SEGMENT`); `None` for a run of one.
    pub segment: Option<u16>,
    /// The receiver; `None` for the peer of a connected socket.
    pub receiver: Option<&'a Address>,
}

/// One packet that was received: a datagram, or several of equal size that the system has joined
/// (`UDP_GRO`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// How many of its bytes are in the batch.
    pub kept: usize,
    /// How many bytes it had.
    pub length: usize,
    /// The size of each joined datagram but the last; `None` for a single one.
    pub segment: Option<usize>,
    /// The socket that sent it.
    pub sender: Address,
}

/// The packets of one receive, and the storage that they lie in.
#[derive(Debug, Default)]
pub struct ReceiveBatch {
    storage: Box<[u8]>,
    place_bytes: usize,
    /// One for each place; those that did not come are of earlier receives. They are written where they
    /// stay: of a packet that is moved, the processor would read the address whole before its parts have
    /// reached the cache, and wait.
    packets: Box<[Packet]>,
    /// How many came.
    count: usize,
}

/// The bytes between the beginnings of two places: all that UDP can bring, joined or not, and a little
/// more, so that the beginnings fall into different lines of a processor's cache.
const PLACE_BYTES: usize = 64 * 1024 + 192;

/// How many packets one receive may bring.
const PLACES: usize = 32;

impl ReceiveBatch {
    /// Makes each place hold a packet of `bytes`. The storage is 2 MiB of address space, or one place
    /// if that is more; memory is used where packets were put.
    pub fn fit(&mut self, bytes: usize) {
        if self.place_bytes >= bytes.max(1) {
            return;
        }
        self.place_bytes = PLACE_BYTES.max(bytes);
        let places = (PLACE_BYTES * PLACES / self.place_bytes).max(1);
        self.storage = vec![0; places * self.place_bytes].into();
        let sender = Address::Unix(UnixAddress::Unnamed);
        self.packets = vec![Packet { kept: 0, length: 0, segment: None, sender }; places].into();
        self.count = 0;
    }

    /// How many packets it has places for.
    pub fn places(&self) -> usize {
        self.packets.len()
    }

    /// The places, which the system fills, each with its packet, which says what came.
    #[inline]
    pub fn parts_mut(&mut self) -> impl Iterator<Item = (&mut [u8], &mut Packet)> {
        self.storage.chunks_exact_mut(self.place_bytes.max(1)).zip(&mut self.packets)
    }

    /// Says how many packets came, in order: the first one lies in the first place. At most one for each
    /// place.
    pub fn set_count(&mut self, count: usize) {
        self.count = count.min(self.packets.len());
    }

    /// The packets that came, to be described.
    pub fn packets_mut(&mut self) -> &mut [Packet] {
        &mut self.packets[..self.count]
    }

    /// The packets that came.
    #[inline]
    pub fn packets(&self) -> &[Packet] {
        &self.packets[..self.count]
    }

    /// The packets, each with its bytes.
    #[inline]
    pub fn received(&self) -> impl ExactSizeIterator<Item = (&Packet, &[u8])> {
        let places = self.storage.chunks_exact(self.place_bytes.max(1));
        self.packets().iter().zip(places).map(|(packet, place)| (packet, &place[..packet.kept]))
    }
}
