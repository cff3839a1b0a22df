//! Port forwarding: with a relay, and as a user would write it.

use std::cell::RefCell;
use std::rc::Rc;

use deferred::Failure;
use interfaces::{
    Factory, HalfCloseableProtocol, Producer, Protocol, Reason, StreamServerEndpoint as _,
    Transport,
};
use ropewalk_protocol::relay::RelayFactory;
use ropewalk_protocol::testing::memory::Network;
use ropewalk_protocol::testing::{Clock, Record, Recorder};
use ropewalk_protocol::{ProtocolRef, connect_protocol, factory_fn};

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        transport.write(data);
    }
}

fn connect(network: &Network, name: &str, client: Recorder) {
    let _connected = connect_protocol(&network.client(name), client);
    network.flush();
}

#[test]
fn a_thousand_bytes_through_a_relay_to_an_echo_come_back_unchanged() {
    let (network, clock, record) = (Network::new(), Clock::new(), Record::new());
    let _echo = network.server("echo").listen(factory_fn(|_| Echo));
    let relay = RelayFactory::new(network.client("echo"), clock).into_rc();
    let _relay = network.server("relay").listen(relay);
    let bytes: Vec<u8> = (0..1000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let sent = bytes.clone();
    connect(&network, "relay", Recorder::new(&record).on_made(move |out| out.write(&sent)));
    assert_eq!(record.received(), bytes);
    record.transport().lose_connection();
    network.flush();
    assert_eq!(network.connections(), 0);
}

#[test]
fn each_client_has_one_connection_of_its_own_behind_the_relay() {
    let (network, clock) = (Network::new(), Clock::new());
    let made = Rc::new(RefCell::new(Vec::new()));
    let backends = made.clone();
    let backend = factory_fn(move |_| {
        let record = Record::new();
        backends.borrow_mut().push(record.clone());
        Recorder::new(&record)
    });
    let _backend = network.server("backend").listen(backend);
    let _elsewhere = network.server("elsewhere").listen(factory_fn(|_| Echo));
    let relay = RelayFactory::new(network.client("backend"), clock).into_rc();
    let _relay = network.server("relay").listen(relay);
    for number in 1..=3_u8 {
        connect(
            &network,
            "relay",
            Recorder::new(&Record::new()).on_made(move |out| {
                out.write(&[number]);
            }),
        );
        assert_eq!(made.borrow().len(), usize::from(number));
    }
    let received: Vec<_> = made.borrow().iter().map(Record::received).collect();
    assert_eq!(received, [[1], [2], [3]]);
}

/// One end of a forwarder that a user has written: it knows the other end, and nothing of producers but that
/// each end is one.
#[derive(Default)]
struct Forward {
    other: Option<Rc<dyn Transport>>,
    /// How many of its two ways have ended.
    ended: u8,
}

impl Forward {
    fn way_ended(&mut self, transport: &Rc<dyn Transport>) {
        self.ended += 1;
        if self.ended == 2 {
            transport.lose_connection();
        }
    }
}

impl Protocol for Forward {
    fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
        if let Some(other) = &self.other {
            other.write(data);
        }
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, _: &Reason) {
        if let Some(other) = self.other.take() {
            other.lose_connection();
        }
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        Some(self)
    }
}

impl HalfCloseableProtocol for Forward {
    fn read_connection_lost(&mut self, transport: &Rc<dyn Transport>) {
        if let Some(half) = self.other.as_ref().and_then(|other| other.as_half_closeable()) {
            half.lose_write_connection();
        }
        self.way_ended(transport);
    }

    fn write_connection_lost(&mut self, transport: &Rc<dyn Transport>) {
        self.way_ended(transport);
    }
}

/// Connects each accepted connection to `backend`.
fn forwarding(network: &Network, backend: &'static str) -> Rc<dyn Factory> {
    let network = network.clone();
    ropewalk_protocol::FactoryFn::dynamic(move |_| {
        let near = ProtocolRef::new(Forward::default());
        let (made, network) = (near.clone(), network.clone());
        let far = connect_protocol(&network.client(backend), Forward::default());
        let _joined = far.add_callback(move |far| {
            let (Some(out), Some(back)) = (far.transport(), made.transport()) else {
                return Ok(());
            };
            out.register_producer(Producer::Push(back.clone())).map_err(Failure::new)?;
            back.register_producer(Producer::Push(out.clone())).map_err(Failure::new)?;
            far.enter(move |far| far.other = Some(back));
            made.enter(move |near| near.other = Some(out));
            Ok(())
        });
        Some(near.as_deliver())
    })
    .into_rc()
}

#[test]
fn a_forwarder_as_anyone_writes_it_carries_a_half_close_and_ends() {
    let (network, backend, client) = (Network::new(), Record::new(), Record::new());
    let served = backend.clone();
    // It answers at the end of the request.
    let server = factory_fn(move |_| {
        Recorder::new(&served).half_closeable().on_read_lost(|transport| {
            transport.write(&[b'y'; 300_000]);
            transport.lose_connection();
        })
    });
    let _server = network.server("backend").listen(server);
    let _forwarder = network.server("front").listen(forwarding(&network, "backend"));
    connect(&network, "front", Recorder::new(&client).half_closeable());
    let transport = client.transport();
    transport.write(&[b'x'; 300_000]);
    transport.as_half_closeable().expect("it is").lose_write_connection();
    network.flush();
    assert_eq!(backend.received().len(), 300_000);
    assert_eq!(client.received().len(), 300_000);
    assert_eq!(client.count("read_connection_lost"), 1);
    transport.lose_connection();
    network.flush();
    assert_eq!(network.connections(), 0, "none hangs");
}
