//! A life by way of a relay, whose four ends are on one network.
//!
//! Invariant: each life has a server and a relay of its own, so that both ends know which life it is.

use std::net::SocketAddr;
use std::rc::{Rc, Weak};

use deferred::Deferred;
use interfaces::{
    Address, ConnectTcp, ConnectUnix, Deliver, Event, Factory, ListenTcp, ListenUnix,
    ListeningPort, ReactorTcp, ReactorUnix, StreamClientEndpoint, UnixAddress,
};
use protocol::relay::{RelayFactory, RelayOptions};

use crate::ledger::{CLIENT, SERVER};
use crate::rig::{FIRST_UNIX_LIFE, Rig};

/// Above the numbers of all lives, which servers are listed by.
const FIRST_RELAY: u64 = 1 << 40;

/// One end of one of the two connections.
#[derive(Clone)]
enum Place {
    Tcp(SocketAddr),
    Unix(UnixAddress),
}

impl Rig {
    /// The client's half; the relay makes the other one.
    pub(crate) fn begin_relayed(self: &Rc<Self>, number: u64) -> Deferred<()> {
        let (near, far) = (self.place("near", number), self.place("far", number));
        let is_unix = [&near, &far].iter().any(|place| matches!(place, Place::Unix(_)));
        let life = number + if is_unix { FIRST_UNIX_LIFE } else { FIRST_UNIX_LIFE / 2 };
        let port = self.listen_at(&far, self.servers(Some(life)));
        self.ports.borrow_mut().insert(life, port);
        let outgoing = Outgoing { rig: Rc::downgrade(self), life, place: far };
        // A server that breaks its connection at once would get another one.
        let options = RelayOptions::default().with_retry(None);
        let clock = self.reactor.clone();
        let relay = RelayFactory::with_observer(outgoing, clock, options, |_| {}).into_rc();
        let relay = Tapped::around(relay, self, life, CLIENT);
        let port = self.listen_at(&near, relay);
        self.ports.borrow_mut().insert(FIRST_RELAY + life, port);
        self.connect_to(&near, self.clients(Some(life)))
    }

    fn place(&self, side: &str, number: u64) -> Place {
        let port = u16::try_from(number).expect("there are few lives") + 1000;
        let port = if side == "near" { port } else { port + 10_000 };
        match self.dice.below(4) {
            0 | 1 => Place::Tcp(SocketAddr::from(([127, 0, 0, 1], port))),
            2 => Place::Tcp(format!("[::1]:{port}").parse().expect("an address")),
            _ => {
                let name: Rc<[u8]> = format!("/{side}/{number}").into_bytes().into();
                Place::Unix(UnixAddress::Path(name))
            }
        }
    }

    fn listen_at(&self, place: &Place, factory: Rc<dyn Factory>) -> Rc<dyn ListeningPort> {
        let port = match place {
            Place::Tcp(address) => self.reactor.listen_tcp(&ListenTcp::new(*address), factory),
            Place::Unix(address) => {
                self.reactor.listen_unix(&ListenUnix::new(address.clone()), factory)
            }
        };
        port.expect("listens")
    }

    fn connect_to(&self, place: &Place, factory: Rc<dyn Factory>) -> Deferred<()> {
        match place {
            Place::Tcp(address) => self.reactor.connect_tcp(&ConnectTcp::new(*address), factory),
            Place::Unix(address) => {
                self.reactor.connect_unix(&ConnectUnix::new(address.clone()), factory)
            }
        }
    }
}

/// The relay's way to the server of its life.
struct Outgoing {
    rig: Weak<Rig>,
    life: u64,
    place: Place,
}

impl StreamClientEndpoint for Outgoing {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        let rig = self.rig.upgrade().expect("the run is not over");
        rig.connect_to(&self.place, Tapped::around(factory, &rig, self.life, SERVER))
    }
}

/// A factory of the relay's, whose connections note how many bytes they receive.
struct Tapped {
    factory: Rc<dyn Factory>,
    tap: Tap,
}

/// Notes how many bytes a relay received from one end.
#[derive(Clone)]
struct Tap {
    rig: Weak<Rig>,
    life: u64,
    from: usize,
}

struct TappedConnection {
    protocol: Rc<dyn Deliver>,
    tap: Tap,
}

impl Tapped {
    fn around(factory: Rc<dyn Factory>, rig: &Rc<Rig>, life: u64, from: usize) -> Rc<Self> {
        Rc::new(Self { factory, tap: Tap { rig: Rc::downgrade(rig), life, from } })
    }
}

impl Factory for Tapped {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        let protocol = self.factory.build_protocol(peer)?;
        Some(Rc::new(TappedConnection { protocol, tap: self.tap.clone() }))
    }
}

impl Deliver for TappedConnection {
    fn deliver(&self, event: Event<'_>) {
        if let (Event::DataReceived(data), Some(rig)) = (&event, self.tap.rig.upgrade()) {
            rig.ledger.borrow_mut().end(self.tap.life, self.tap.from).relayed += data.len();
        }
        self.protocol.deliver(event);
    }

    fn is_half_closeable(&self) -> bool {
        self.protocol.is_half_closeable()
    }
}
