//! TLS as one of several layers: under another one, and in the way of events that it does not know.

use interfaces::{Event, Reason};
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
