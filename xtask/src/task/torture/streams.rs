//! Scenarios of streams: a client talks to a server that sends everything back, over TCP, a UNIX socket, TLS,
//! or a relay.
//!
//! Invariant: what an end receives is the beginning of what the other sent, and all of it where it ended cleanly.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use deferred::Deferred;
use interfaces::{
    Address, Chunk, ConnectTcp, ConnectUnix, Factory, HalfCloseableProtocol, ListenTcp, ListenUnix,
    ListeningPort, Protocol, ReactorTcp as _, ReactorUnix as _, Reason, StreamClientEndpoint,
    Transport, UnixAddress,
};
use protocol::factory_fn;
use protocol::relay::{RelayFactory, RelayOptions};
use reactor::Reactor;
use testkit::pattern;

use super::failing::Failing;
use super::scene::{Ongoing, Scenario, Scene};
use super::secured::Secured;

/// What a client sends: more than a socket of the simulation takes at once.
const BYTES: usize = 30_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreamWire {
    Tcp,
    Unix,
}

/// How the client ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientEnding {
    /// It closes when it has everything back.
    Lose,
    /// It half-closes when all is written, and the server closes behind the last byte.
    HalfClose,
}

/// One scenario.
pub(super) struct Streams {
    pub(super) name: &'static str,
    pub(super) wire: StreamWire,
    pub(super) ending: ClientEnding,
    pub(super) is_relayed: bool,
    pub(super) secured: Option<Secured>,
}

/// What one end saw.
#[derive(Default)]
struct EndRecord {
    made: Cell<usize>,
    lost: Cell<usize>,
    is_clean: Cell<bool>,
    received: RefCell<Vec<u8>>,
}

/// The client, and the servers that were built for it.
struct Conversation {
    way: Rc<Way>,
    client: Rc<EndRecord>,
    has_failed: Rc<Cell<bool>>,
    ports: Rc<RefCell<Vec<Rc<dyn ListeningPort>>>>,
    servers: Rc<RefCell<Vec<Rc<EndRecord>>>>,
}

/// Where the client connects to, and how.
struct Way {
    to: EndpointPlace,
    ending: ClientEnding,
    secured: Option<Secured>,
}

#[derive(Clone)]
struct EndpointPlace {
    reactor: Reactor<Failing>,
    address: Address,
}

impl StreamClientEndpoint for EndpointPlace {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        match &self.address {
            Address::Unix(name) => {
                self.reactor.connect_unix(&ConnectUnix::new(name.clone()), factory)
            }
            other => {
                let address = other.as_socket_addr().expect("the address of a TCP port");
                self.reactor.connect_tcp(&ConnectTcp::new(address), factory)
            }
        }
    }
}

impl Scenario for Streams {
    fn name(&self) -> &'static str {
        self.name
    }

    fn begin(&self, scene: &Scene) -> Result<Box<dyn Ongoing>, String> {
        let servers: Rc<RefCell<Vec<Rc<EndRecord>>>> = Rc::default();
        let made = servers.clone();
        let factory = factory_fn(move |_: &Address| {
            let end = Rc::new(EndRecord::default());
            made.borrow_mut().push(end.clone());
            EchoServer { end }
        });
        let factory = match &self.secured {
            Some(secured) => secured.server(factory, scene),
            None => factory,
        };
        let mut ports = vec![self.listen(scene, "server", factory)?];
        if self.is_relayed {
            let to = self.place(scene, &ports[0]);
            let options = RelayOptions::default().with_retry(None);
            let observe = |_: &protocol::relay::RelayEvent<'_>| {};
            let relay = RelayFactory::with_observer(to, scene.reactor.clone(), options, observe);
            match self.listen(scene, "relay", relay.into_rc()) {
                Ok(port) => ports.push(port),
                Err(error) => {
                    drop(ports[0].stop_listening());
                    return Err(error);
                }
            }
        }
        let to = self.place(scene, &ports[ports.len() - 1]);
        let way = Rc::new(Way { to, ending: self.ending, secured: self.secured.clone() });
        Ok(Conversation::begin(scene, way, Rc::new(RefCell::new(ports)), servers))
    }
}

impl Streams {
    fn listen(
        &self,
        scene: &Scene,
        name: &str,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, String> {
        let port = match self.wire {
            StreamWire::Tcp => {
                let options = ListenTcp::new(([127, 0, 0, 1], 0));
                scene.reactor.listen_tcp(&options, factory)
            }
            StreamWire::Unix => {
                let path = UnixAddress::Path(format!("/{name}").into_bytes().into());
                scene.reactor.listen_unix(&ListenUnix::new(path), factory)
            }
        };
        port.map_err(|error| error.to_string())
    }

    fn place(&self, scene: &Scene, port: &Rc<dyn ListeningPort>) -> EndpointPlace {
        EndpointPlace { reactor: scene.reactor.clone(), address: port.host() }
    }
}

impl Conversation {
    fn begin(
        scene: &Scene,
        way: Rc<Way>,
        ports: Rc<RefCell<Vec<Rc<dyn ListeningPort>>>>,
        servers: Rc<RefCell<Vec<Rc<EndRecord>>>>,
    ) -> Box<dyn Ongoing> {
        let (client, has_failed) = (Rc::new(EndRecord::default()), Rc::new(Cell::new(false)));
        let (end, ending) = (client.clone(), way.ending);
        let factory = factory_fn(move |_: &Address| Client { end: end.clone(), ending });
        let factory = match &way.secured {
            Some(secured) => secured.client(factory, scene),
            None => factory,
        };
        let failed = has_failed.clone();
        drop(way.to.connect(factory).add_errback(move |_| {
            failed.set(true);
            Ok(())
        }));
        Box::new(Self { way, client, has_failed, ports, servers })
    }
}

impl Ongoing for Conversation {
    fn is_over(&self) -> bool {
        let client_is_over = self.has_failed.get() || self.client.lost.get() > 0;
        client_is_over && self.servers.borrow().iter().all(|end| end.lost.get() == end.made.get())
    }

    fn verdict(&self) -> Result<(), String> {
        let sent = pattern(1, BYTES);
        let servers = self.servers.borrow().clone();
        for end in servers.iter().chain([&self.client]) {
            if end.made.get() > 1 || end.lost.get() != end.made.get() {
                let (made, lost) = (end.made.get(), end.lost.get());
                return Err(format!("connection_made {made} times, connection_lost {lost} times"));
            }
            if !sent.starts_with(&end.received.borrow()) {
                return Err("a wrong byte".into());
            }
        }
        let received = self.client.received.borrow().len();
        if self.client.is_clean.get() && received < BYTES && !is_unix(&self.way.to.address) {
            return Err(format!("a clean end behind {received} of {BYTES} bytes"));
        }
        Ok(())
    }

    fn again(&self, scene: &Scene) -> Result<Option<Box<dyn Ongoing>>, String> {
        self.servers.borrow_mut().clear();
        let (way, ports, servers) = (self.way.clone(), self.ports.clone(), self.servers.clone());
        Ok(Some(Self::begin(scene, way, ports, servers)))
    }

    fn is_whole(&self) -> bool {
        self.client.is_clean.get() && self.client.received.borrow().len() == BYTES
    }

    fn close(&self) {
        self.ports.take().iter().for_each(|port| drop(port.stop_listening()));
    }
}

/// A UNIX socket has no reset, so that every end looks clean.
fn is_unix(address: &Address) -> bool {
    matches!(address, Address::Unix(_))
}

struct Client {
    end: Rc<EndRecord>,
    ending: ClientEnding,
}

struct EchoServer {
    end: Rc<EndRecord>,
}

impl EndRecord {
    fn made(&self) {
        self.made.set(self.made.get() + 1);
    }

    fn lost(&self, reason: &Reason) {
        self.lost.set(self.lost.get() + 1);
        self.is_clean.set(reason.is_clean());
    }
}

impl Protocol for Client {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.end.made();
        let data = pattern(1, BYTES);
        let (small, rest) = data.split_at(100);
        let (large, chunk) = rest.split_at(BYTES / 2);
        transport.write(small);
        transport.write(large);
        transport.write_sequence(vec![Chunk::from(chunk.to_vec())]);
        match (self.ending, transport.as_half_closeable()) {
            (ClientEnding::HalfClose, Some(half)) => half.lose_write_connection(),
            (ClientEnding::HalfClose | ClientEnding::Lose, _) => {}
        }
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        self.end.received.borrow_mut().extend_from_slice(data);
        if self.ending == ClientEnding::Lose && self.end.received.borrow().len() == BYTES {
            transport.lose_connection();
        }
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.end.lost(reason);
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        if self.ending == ClientEnding::HalfClose { Some(self) } else { None }
    }
}

impl HalfCloseableProtocol for Client {
    fn read_connection_lost(&mut self, transport: &Rc<dyn Transport>) {
        transport.lose_connection();
    }
}

impl Protocol for EchoServer {
    fn connection_made(&mut self, _: &Rc<dyn Transport>) {
        self.end.made();
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        self.end.received.borrow_mut().extend_from_slice(data);
        transport.write(data);
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.end.lost(reason);
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        Some(self)
    }
}

impl HalfCloseableProtocol for EchoServer {
    fn read_connection_lost(&mut self, transport: &Rc<dyn Transport>) {
        transport.lose_connection();
    }
}
