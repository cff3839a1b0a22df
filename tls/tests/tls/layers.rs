//! TLS as one of several layers: under another one, and in the way of events that it does not know.

use std::cell::Cell;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use interfaces::{
    Address, AlreadyProducing, BufferLimits, Chunk, Event, Factory, PeerCertificates, Producer,
    PushProducer, Query, Reason, SendFileDescriptorError, TlsTransport, Transport, UnixAddress,
    UnixTransport,
};
use protocol::layer::{Layer, LayerTransport, WrappingFactory};
use protocol::policies::TimeoutFactory;
use protocol::testing::{Clock, Record, Recorder, Seen, StringTransport};

use crate::certificates::{Authority, VERSIONS};
use crate::talk::{
    NAME, Talk, build, client_factory, once, over_client, over_server, server_factory,
};

#[test]
fn tls_within_tls_works() {
    for version in VERSIONS {
        let inner = Talk::new(version);
        let outer = Talk::new(version);
        let (clock, network) = (&inner.clock, &inner.network);
        network.run_clock(clock);
        let (client, server) = (Record::new(), Record::new());
        let speaker = Recorder::new(&client).on_made(|transport| {
            transport.write(&[b'x'; 100_000]);
            transport.lose_connection();
        });
        let listener = Recorder::new(&server).on_data(|transport, data| transport.write(data));
        let within = client_factory(&inner.client_config, once(speaker), clock);
        let client_side = build(&client_factory(&outer.client_config, within, clock));
        let within = server_factory(&inner.server_config, once(listener), clock);
        let server_side = build(&server_factory(&outer.server_config, within, clock));
        network.set_read_max(3000);
        network.join(client_side, server_side).flush();
        assert_eq!(server.received().len(), 100_000);
        for record in [&client, &server] {
            assert!(record.lost().unwrap().is_clean(), "{:?}", record.lost());
            assert_eq!(record.count("handshake_completed"), 1);
        }
        assert_eq!(clock.pending(), 0);
    }
}

#[test]
fn the_certificates_are_asked_for_through_layers_above_and_what_is_below_through_tls() {
    struct Number;
    impl Layer for Number {
        fn answer(&self, _: &LayerTransport<Self>, query: &mut Query<'_>) {
            query.answer_with(|| 7_u32);
        }
    }
    let authority = Authority::new();
    let identity = authority.identity(NAME);
    let talk = Talk::between(authority.client(VERSIONS[0]), identity.server());
    let (client, server, clock) = (Record::new(), Record::new(), &talk.clock);
    talk.network.run_clock(clock);
    let above = TimeoutFactory::new(once(Recorder::new(&client)), clock.clone()).into_rc();
    let tls = client_factory(&talk.client_config, above, clock);
    let factory = WrappingFactory::new(tls, |_| Number).into_rc();
    let server_side = server_factory(&talk.server_config, once(Recorder::new(&server)), clock);
    let pair = talk.network.join(build(&factory), build(&server_side));
    pair.pump();
    assert_eq!(client.transport().query::<PeerCertificates>(), None, "not before the handshake");
    pair.flush();
    let transport = client.transport();
    let certificates = transport.query::<PeerCertificates>().expect("a server shows them").0;
    assert_eq!(certificates, [identity.certificate.to_vec()], "the server's own");
    assert_eq!(certificates, transport.as_tls().expect("it is TLS").peer_certificates());
    let facts = transport.query::<Rc<dyn TlsTransport>>().expect("it is TLS, below a layer");
    assert_eq!(facts.version().as_deref(), Some("TLSv1_3"));
    assert_eq!(transport.query::<u32>(), Some(7), "a question goes on below TLS");
    assert_eq!(server.transport().query::<PeerCertificates>(), None, "the client showed none");
    pair.client().abort_connection();
    pair.flush();
}

/// The numbers of the unknown events that a protocol was given.
fn unknown(record: &Record) -> Vec<u32> {
    let number = |seen: &Seen| match seen {
        Seen::UnknownEvent(number) => Some(*number),
        _ => None,
    };
    record.seen().iter().filter_map(number).collect()
}

#[test]
fn an_event_that_tls_does_not_know_reaches_the_protocol_in_every_phase_of_its_life() {
    let talk = Talk::new(VERSIONS[0]);
    let (record, clock) = (Record::new(), &talk.clock);
    talk.network.run_clock(clock);
    let client = over_client(talk.client_config, NAME, Recorder::new(&record), clock);
    let server = over_server(talk.server_config, talk.server, clock);
    let pair = talk.network.join(client.clone(), server);
    pair.pump();
    client.deliver(Event::Unknown(1));
    pair.flush();
    client.deliver(Event::Unknown(2));
    record.transport().pause_producing();
    client.deliver(Event::Unknown(3));
    record.transport().lose_connection();
    client.deliver(Event::Unknown(4));
    assert_eq!(unknown(&record), [1, 2, 3, 4]);
    pair.flush();
    assert!(record.lost().is_some());
    client.deliver(Event::Unknown(5));
    assert_eq!(unknown(&record), [1, 2, 3, 4], "none after connection_lost");
}

#[test]
fn an_event_that_tls_does_not_know_passes_several_layers_and_a_handshake_below_does_not() {
    let (record, clock, wire) = (Record::new(), Clock::new(), StringTransport::new());
    let config = Authority::new().client(VERSIONS[0]);
    let within = client_factory(&config, once(Recorder::new(&record)), &clock);
    let layers = build(&client_factory(&config, within, &clock));
    layers.deliver(Event::ConnectionMade(&wire.as_transport()));
    layers.deliver(Event::Unknown(7));
    layers.deliver(Event::HandshakeCompleted);
    assert_eq!(unknown(&record), [7]);
    assert_eq!(record.count("handshake_completed"), 0);
    layers.deliver(Event::ConnectionLost(&Reason::Done));
    assert_eq!(record.calls().last(), Some(&"connection_lost"));
}

/// A transport over a UNIX socket that keeps what is written.
struct OverUnix {
    wire: Rc<dyn Transport>,
    aborted: Cell<bool>,
}

impl Transport for OverUnix {
    fn write(&self, data: &[u8]) {
        self.wire.write(data);
    }

    fn write_sequence(&self, chunks: Vec<Chunk>) {
        self.wire.write_sequence(chunks);
    }

    fn lose_connection(&self) {
        self.wire.lose_connection();
    }

    fn abort_connection(&self) {
        self.aborted.set(true);
    }

    fn peer(&self) -> Address {
        UnixAddress::Unnamed.into()
    }

    fn host(&self) -> Address {
        UnixAddress::Unnamed.into()
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        self.wire.register_producer(producer)
    }

    fn unregister_producer(&self) {
        self.wire.unregister_producer();
    }

    fn set_buffer_limits(&self, limits: BufferLimits) {
        self.wire.set_buffer_limits(limits);
    }

    fn as_unix(&self) -> Option<&dyn UnixTransport> {
        Some(self)
    }
}

impl PushProducer for OverUnix {
    fn pause_producing(&self) {
        self.wire.pause_producing();
    }

    fn resume_producing(&self) {
        self.wire.resume_producing();
    }

    fn stop_producing(&self) {
        self.wire.stop_producing();
    }
}

impl UnixTransport for OverUnix {
    fn peer_credentials(&self) -> Option<(u32, u32, u32)> {
        Some((1, 2, 3))
    }

    fn send_file_descriptor(&self, _: OwnedFd) {
        panic!("it would go beside the records");
    }
}

#[test]
fn a_descriptor_is_refused_over_a_unix_socket_and_the_connection_is_lost_with_that() {
    for layers in 1..=2 {
        let (record, clock) = (Record::new(), Clock::new());
        let config = Authority::new().client(VERSIONS[0]);
        let mut factory: Rc<dyn Factory> = once(Recorder::new(&record));
        for _ in 0..layers {
            factory = client_factory(&config, factory, &clock);
        }
        let wire = StringTransport::new().as_transport();
        let below = Rc::new(OverUnix { wire, aborted: Cell::new(false) });
        let layer = build(&factory);
        layer.deliver(Event::ConnectionMade(&(below.clone() as Rc<dyn Transport>)));
        let transport = record.transport();
        let unix = transport.as_unix().expect("there is a UNIX socket below");
        assert_eq!(unix.peer_credentials(), Some((1, 2, 3)));
        assert!(!below.aborted.get());
        let (mut reader, writer) = std::io::pipe().unwrap();
        unix.send_file_descriptor(writer.into());
        assert_eq!(reader.read(&mut [0]).unwrap(), 0, "it is closed");
        assert!(below.aborted.get());
        layer.deliver(Event::ConnectionLost(&Reason::Aborted));
        let Some(Reason::Lost(failure)) = record.lost() else { panic!("{:?}", record.lost()) };
        assert_eq!(failure.downcast_ref(), Some(&SendFileDescriptorError::Layered));
        let (mut reader, writer) = std::io::pipe().unwrap();
        unix.send_file_descriptor(writer.into());
        assert_eq!(reader.read(&mut [0]).unwrap(), 0, "also on one that is over");
    }
}

#[test]
fn what_is_no_unix_socket_below_is_none_above() {
    let (record, clock) = (Record::new(), Clock::new());
    let config = Authority::new().client(VERSIONS[0]);
    let layer = build(&client_factory(&config, once(Recorder::new(&record)), &clock));
    layer.deliver(Event::ConnectionMade(&StringTransport::new().as_transport()));
    assert!(record.transport().as_unix().is_none());
    record.transport().abort_connection();
    layer.deliver(Event::ConnectionLost(&Reason::Aborted));
}
