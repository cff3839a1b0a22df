//! [`DatagramPort`]: opening, its place in the loop, closing; Twisted's `udp.Port`.
//!
//! Invariant: the socket is there exactly while the port is open, and the protocol until it was told of
//! the end.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::{Rc, Weak};
use std::time::Duration;

use deferred::{Deferred, Failure, Promise};
use interfaces::{
    Address, DatagramEvent, DatagramTransport, DeliverDatagram, ListenError, ListenUdp,
    ListenUnixDatagram, MulticastInterface, ReactorEvent, Reason, UnixAddress,
};

use super::receive::Receiver;
use super::send::Sender;
use crate::core::Core;
use crate::core::tenant::{Kind, Tenant};
use crate::sys::os_error::os_error;
use crate::sys::{DatagramSys, Ready, Token};

/// A datagram port of a reactor.
pub(crate) struct DatagramPort<S: DatagramSys> {
    pub(super) me: Weak<Self>,
    pub(super) core: Weak<Core<S>>,
    pub(super) token: Token,
    /// The address that the system told last.
    host: RefCell<Address>,
    pub(super) family: PortFamily,
    /// The fixed peer, if there is one.
    pub(super) peer: RefCell<Option<Address>>,
    socket: RefCell<Option<S::DatagramSocket>>,
    protocol: RefCell<Option<Rc<dyn DeliverDatagram>>>,
    /// What logs call the protocol.
    log_prefix: &'static str,
    /// The Deferreds of `stop_listening` that have not fired.
    stopping: RefCell<Vec<Promise<()>>>,
    pub(super) receiver: Receiver,
    pub(super) sender: Sender,
    /// The interface that was set for datagrams to groups.
    pub(super) multicast_interface: RefCell<Option<MulticastInterface>>,
    /// It is open and has no fixed peer, as each datagram asks.
    pub(super) serves_all: Cell<bool>,
    /// It was on the list of those that are still ready, and its call for that comes.
    called_from_list: Cell<bool>,
}

/// What the datagrams of a port travel over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PortFamily {
    UdpV4,
    UdpV6,
    Unix,
}

impl PortFamily {
    fn of(host: &Address) -> Self {
        match host {
            Address::Ipv4(_) => Self::UdpV4,
            Address::Ipv6(_) => Self::UdpV6,
            _ => Self::Unix,
        }
    }
}

/// The options of a port that are the reactor's business.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PortLimits {
    pub(super) packet_bytes_max: usize,
    pub(super) send_queue_bytes_max: usize,
}

impl PortLimits {
    pub(crate) fn udp(options: &ListenUdp) -> Self {
        let ListenUdp { packet_bytes_max, send_queue_bytes_max, .. } = *options;
        Self { packet_bytes_max, send_queue_bytes_max }
    }

    pub(crate) fn unix(options: &ListenUnixDatagram) -> Self {
        let ListenUnixDatagram { packet_bytes_max, send_queue_bytes_max, .. } = *options;
        Self { packet_bytes_max, send_queue_bytes_max }
    }

    /// An adopted port has the default of its queue.
    pub(crate) fn adopted(packet_bytes_max: usize) -> Self {
        let defaults = ListenUdp::new(([0; 4], 0));
        Self { packet_bytes_max, send_queue_bytes_max: defaults.send_queue_bytes_max }
    }
}

impl<S: DatagramSys> DatagramPort<S> {
    /// Opens a port on a socket, and starts the protocol. `address` is what was asked for.
    ///
    /// # Errors
    ///
    /// When the system cannot watch the socket.
    pub(crate) fn open(
        core: &Core<S>,
        address: impl FnOnce() -> Address,
        socket: S::DatagramSocket,
        limits: PortLimits,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, ListenError> {
        let port = Self::settle(core, socket, limits, protocol).map_err(|error| {
            let source = os_error(&error);
            ListenError::Refused {
                address: address(),
                source,
                hint: "the reactor cannot watch it".into(),
            }
        })?;
        let (address, factory) = (&port.host(), port.log_prefix);
        core.observe(&ReactorEvent::ListeningStarted { address, factory });
        let outer = port.sender.enter(port.token);
        port.deliver(core, None, DatagramEvent::Started);
        port.sender.leave(outer);
        port.flush(core);
        Ok(port)
    }

    fn settle(
        core: &Core<S>,
        socket: S::DatagramSocket,
        limits: PortLimits,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> io::Result<Rc<Self>> {
        let log_prefix = core.call("datagram protocol", None, || protocol.log_prefix());
        let log_prefix = log_prefix.unwrap_or_default();
        let (host, peer) = (core.sys.datagram_host(&socket), core.sys.datagram_peer(&socket));
        let port = core.settle(|token| {
            Rc::new_cyclic(|me| Self {
                me: me.clone(),
                core: core.me.clone(),
                token,
                receiver: Receiver::new(limits.packet_bytes_max),
                sender: Sender::new(core, &host, limits.send_queue_bytes_max),
                family: PortFamily::of(&host),
                host: RefCell::new(host),
                serves_all: Cell::new(peer.is_none()),
                peer: RefCell::new(peer),
                socket: RefCell::new(Some(socket)),
                protocol: RefCell::new(Some(protocol)),
                log_prefix,
                stopping: RefCell::default(),
                multicast_interface: RefCell::default(),
                called_from_list: Cell::new(false),
            })
        });
        let registered = port.with_socket(|socket| core.sys.register_datagrams(socket, port.token));
        match registered {
            None | Some(Ok(())) => Ok(port),
            Some(Err(error)) => {
                drop(core.remove(port.token));
                Err(error)
            }
        }
    }

    pub(super) fn with_socket<R>(&self, ask: impl FnOnce(&S::DatagramSocket) -> R) -> Option<R> {
        self.socket.borrow().as_ref().map(ask)
    }

    pub(super) fn is_open(&self) -> bool {
        self.socket.borrow().is_some()
    }

    /// The port's address. A socket that was adopted unbound is bound by the system when it sends or is
    /// connected, so one without a number or name is asked again.
    pub(super) fn host(&self) -> Address {
        let host = self.host.borrow().clone();
        let is_bound = match &host {
            Address::Unix(name) => *name != UnixAddress::Unnamed,
            host => host.port() != Some(0),
        };
        if is_bound {
            return host;
        }
        self.ask_host();
        self.host.borrow().clone()
    }

    /// Asks the system for the address, which a connect narrows and binds.
    pub(super) fn ask_host(&self) {
        let Some(core) = self.core.upgrade() else { return };
        if let Some(host) = self.with_socket(|socket| core.sys.datagram_host(socket)) {
            self.host.replace(host);
        }
    }

    /// Runs the protocol with an event. A panic closes the port.
    pub(super) fn deliver(
        self: &Rc<Self>,
        core: &Core<S>,
        peer: Option<&Address>,
        event: DatagramEvent<'_>,
    ) {
        let Some(protocol) = self.protocol.borrow().clone() else { return };
        let transport = Rc::clone(self) as Rc<dyn DatagramTransport>;
        self.deliver_to(core, &protocol, &transport, peer, event);
        core.drop_guarded("datagram protocol", (protocol, transport));
    }

    /// As [`deliver`](Self::deliver), for a caller that has both at hand.
    #[inline]
    pub(super) fn deliver_to(
        self: &Rc<Self>,
        core: &Core<S>,
        protocol: &Rc<dyn DeliverDatagram>,
        transport: &Rc<dyn DatagramTransport>,
        peer: Option<&Address>,
        event: DatagramEvent<'_>,
    ) {
        let call = || protocol.deliver_datagram(transport, event);
        if core.call("datagram protocol", peer, call).is_err() {
            self.close(core);
        }
    }

    pub(super) fn protocol(&self) -> Option<Rc<dyn DeliverDatagram>> {
        self.protocol.borrow().clone()
    }

    /// Closes the socket now; the protocol is told on a later turn.
    pub(super) fn close(self: &Rc<Self>, core: &Core<S>) {
        if !self.close_socket(core) {
            return;
        }
        let (me, port) = (core.me.clone(), Rc::clone(self));
        let finish = move || {
            if let Some(core) = me.upgrade() {
                port.finish(&core);
            }
        };
        core.call_later(Duration::ZERO, Box::new(finish));
    }

    /// Sends what the socket takes, and closes it; whether it was open.
    fn close_socket(self: &Rc<Self>, core: &Core<S>) -> bool {
        self.send_last(core);
        let address = &self.host();
        let Some(socket) = self.socket.take() else { return false };
        self.serves_all.set(false);
        core.sys.deregister_datagrams(&socket);
        drop(socket);
        let factory = self.log_prefix;
        core.observe(&ReactorEvent::ListeningStopped { address, factory });
        true
    }

    /// Tells the protocol of the end, and then those who wait for it. Once.
    fn finish(self: &Rc<Self>, core: &Core<S>) {
        let Some(protocol) = self.protocol.take() else { return };
        let slot = core.remove(self.token);
        let transport = Rc::clone(self) as Rc<dyn DatagramTransport>;
        let stopped = core.call("datagram protocol", None, || {
            protocol.deliver_datagram(&transport, DatagramEvent::Stopped);
            drop((protocol, slot));
        });
        for promise in self.stopping.take() {
            let outcome = stopped.clone().map_err(|it| Failure::new(Reason::Panicked(it)));
            drop(core.call("deferred", None, move || promise.fire(outcome)));
        }
    }

    /// Stops, and fires when the protocol was told.
    pub(super) fn stop_listening(self: &Rc<Self>) -> Deferred<()> {
        let Some(core) = self.core.upgrade() else { return Deferred::succeed(()) };
        if self.protocol.borrow().is_none() {
            return Deferred::succeed(());
        }
        let (deferred, promise) = Deferred::new();
        self.stopping.borrow_mut().push(promise);
        self.close(&core);
        deferred
    }
}

impl<S: DatagramSys> Tenant<S> for DatagramPort<S> {
    fn ready(self: Rc<Self>, core: &Core<S>, ready: Ready, _: &mut [u8]) {
        if !self.called_from_list.take() {
            self.receiver.reported(ready.readable);
            self.sender.reported(ready.writable);
        }
        self.sender.refill(core.limits.datagrams_per_turn);
        let outer = self.sender.enter(self.token);
        self.receive(core);
        self.sender.leave(outer);
        self.flush(core);
    }

    fn stop(self: Rc<Self>, core: &Core<S>) {
        self.close_socket(core);
        self.finish(core);
    }

    fn abandon(&self, _: &S) {
        self.serves_all.set(false);
        drop(self.socket.take());
        drop(self.protocol.take());
        drop(self.stopping.take());
    }

    fn unlist(&self) {
        self.called_from_list.set(true);
        self.sender.unlist();
    }

    fn kind(&self) -> Kind {
        Kind::DatagramPort
    }
}
