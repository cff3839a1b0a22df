//! Claims about the recording transport and the recorder.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use crate::support::Source;
use interfaces::{
    Address, AlreadyProducing, BufferLimits, Chunk, Event, Producer, PushProducer, Transport,
};
use ropewalk_protocol::ProtocolRef;
use ropewalk_protocol::testing::{ProducerState, Record, Recorder, Seen, StringTransport};

fn panics(call: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(call)).is_err()
}

#[test]
fn it_keeps_what_is_written_until_it_is_cleared() {
    let transport = StringTransport::new();
    transport.write(b"a");
    transport.write_sequence(vec![Chunk::from(b"b"), Chunk::from(vec![b'c'])]);
    assert_eq!(transport.value(), b"abc");
    assert!(format!("{transport:?}").contains("abc"));
    transport.clear();
    assert!(transport.value().is_empty());
}

#[test]
fn it_is_a_transport_the_producer_of_what_comes_and_the_consumer_of_a_producer() {
    let concrete = StringTransport::new();
    let transport: Rc<dyn Transport> = concrete.as_transport();
    transport.write(b"a transport");
    assert_eq!(concrete.value(), b"a transport");
    let producer: Rc<dyn PushProducer> = transport.clone();
    producer.pause_producing();
    assert_eq!(concrete.producer_state(), ProducerState::Paused);
    let source = Source::silent(&transport);
    assert_eq!(transport.register_producer(Producer::Push(source.clone())), Ok(()));
    assert_eq!(transport.register_producer(Producer::Push(source)), Err(AlreadyProducing));
    transport.unregister_producer();
}

#[test]
fn it_has_ipv4_addresses_or_those_that_are_given() {
    let transport = StringTransport::new();
    assert!(matches!(transport.host(), Address::Ipv4(_)));
    assert!(matches!(transport.peer(), Address::Ipv4(_)));
    let (host, peer) = (Address::Other("here".into()), Address::Other("there".into()));
    let transport = StringTransport::with_addresses(host.clone(), peer.clone());
    assert_eq!((transport.host(), transport.peer()), (host, peer));
}

#[test]
fn closing_only_marks_it_and_later_writes_are_dropped_as_on_a_wire() {
    let transport = StringTransport::new();
    assert!(!transport.disconnecting());
    transport.write(b"kept");
    transport.lose_connection();
    transport.lose_connection();
    transport.write(b" dropped");
    assert!(transport.disconnecting() && !transport.aborting());
    transport.abort_connection();
    assert!(transport.disconnecting() && transport.aborting());
    transport.lose_connection();
    assert!(transport.aborting());
    assert_eq!(transport.value(), b"kept");

    let transport = StringTransport::new();
    transport.lose_connection();
    transport.lose_connection_with_reset();
    transport.write(b"dropped");
    transport.lose_connection();
    assert!(transport.disconnecting() && transport.losing_with_reset());
    transport.abort_connection();
    assert!(transport.aborting() && !transport.losing_with_reset());
    transport.lose_connection_with_reset();
    assert!(transport.aborting() && transport.value().is_empty());

    let transport = StringTransport::new();
    transport.as_half_closeable().unwrap().lose_write_connection();
    transport.write(b"dropped");
    assert!(transport.write_closed() && !transport.disconnecting());
    assert!(transport.value().is_empty());
}

#[test]
fn it_takes_one_producer_at_a_time() {
    let string = StringTransport::new();
    let transport = string.as_transport();
    assert!(panics(|| transport.unregister_producer()));
    let [first, second] = [(); 2].map(|()| Source::silent(&transport));
    transport.register_producer(Producer::Push(first.clone())).unwrap();
    let refused = transport.register_producer(Producer::Push(second.clone()));
    assert_eq!(refused, Err(AlreadyProducing));
    let Some(Producer::Push(registered)) = string.producer() else { panic!("it is a push one") };
    registered.pause_producing();
    assert_eq!((first.history(), second.history()), (vec!["pause"], vec![]));
    string.lose_connection();
    string.write(b"the producer may finish");
    assert!(!string.value().is_empty());
    transport.unregister_producer();
    transport.register_producer(Producer::Pull(second.clone())).unwrap();
    assert_eq!(second.history(), ["resume"]);
    transport.abort_connection();
    assert_eq!(second.history(), ["resume", "stop"]);
    transport.register_producer(Producer::Push(first.clone())).unwrap();
    assert_eq!(first.history(), ["pause", "stop"]);
}

#[test]
fn it_shows_what_it_was_told_as_a_producer() {
    let transport = StringTransport::new();
    assert_eq!(transport.producer_state(), ProducerState::Producing);
    transport.pause_producing();
    assert_eq!(transport.producer_state(), ProducerState::Paused);
    transport.resume_producing();
    assert_eq!(transport.producer_state(), ProducerState::Producing);
    transport.stop_producing();
    assert_eq!(transport.producer_state(), ProducerState::Stopped);
    assert!(transport.disconnecting());
    let limits = BufferLimits::default().with_high_water(1).with_cap(2);
    transport.set_buffer_limits(limits);
    assert_eq!(transport.buffer_limits(), limits);
}

#[test]
fn pausing_or_resuming_one_that_is_closing_is_a_mistake_that_panics() {
    let closes: [fn(&StringTransport); 3] = [
        |transport| transport.stop_producing(),
        |transport| transport.lose_connection(),
        |transport| transport.abort_connection(),
    ];
    for close in closes {
        let transport = StringTransport::new();
        close(&transport);
        assert!(panics(|| transport.pause_producing()));
        assert!(panics(|| transport.resume_producing()));
    }
}

#[test]
fn a_recorder_records_and_its_record_can_be_read_and_forgotten() {
    let record = Record::new();
    let string = StringTransport::new();
    let recorder = Recorder::new(&record);
    assert!(format!("{recorder:?}").contains("half_closeable: false"));
    let protocol = ProtocolRef::new(recorder).as_deliver();
    assert!(panics(|| drop(record.transport())));
    protocol.deliver(Event::ConnectionMade(&string.as_transport()));
    protocol.deliver(Event::DataReceived(&mut [1]));
    protocol.deliver(Event::DataReceived(&mut [2]));
    assert_eq!(record.calls(), ["connection_made", "data_received"]);
    assert_eq!(record.count("data_received"), 2);
    assert_eq!(record.received(), [1, 2]);
    assert!(
        matches!(&record.seen()[..], [Seen::ConnectionMade, Seen::DataReceived(one), _] if one == &[1])
    );
    assert!(record.lost().is_none());
    let transport: Rc<dyn Transport> = string.clone();
    assert!(Rc::ptr_eq(&record.transport(), &transport));
    record.forget();
    assert!(record.seen().is_empty());
}
