//! Flow control: producers above, pausing below, and nothing delivered that was not asked for.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use interfaces::{
    AlreadyProducing, BufferLimits, Event, Producer, PullProducer, PushProducer, Reason, Transport,
};
use protocol::testing::{Clock, ProducerState, Record, Recorder, StringTransport};

use crate::certificates::{Authority, VERSIONS};
use crate::talk::{NAME, Talk, over_client};

/// A push producer that remembers what it was told.
#[derive(Default)]
struct Told(RefCell<Vec<&'static str>>);

impl Told {
    fn new() -> Rc<Self> {
        Rc::default()
    }

    fn all(&self) -> Vec<&'static str> {
        self.0.borrow().clone()
    }
}

impl PushProducer for Told {
    fn pause_producing(&self) {
        self.0.borrow_mut().push("pause");
    }

    fn resume_producing(&self) {
        self.0.borrow_mut().push("resume");
    }

    fn stop_producing(&self) {
        self.0.borrow_mut().push("stop");
    }
}

/// A pull producer of `left` pieces, which then unregisters itself.
struct Pieces {
    transport: Rc<dyn Transport>,
    piece: Vec<u8>,
    left: Cell<u32>,
    asked: Cell<u32>,
    stopped: Cell<bool>,
}

impl Pieces {
    fn new(transport: &Rc<dyn Transport>, left: u32, size: usize) -> Rc<Self> {
        Rc::new(Self {
            transport: transport.clone(),
            piece: vec![b'p'; size],
            left: Cell::new(left),
            asked: Cell::new(0),
            stopped: Cell::new(false),
        })
    }
}

impl PullProducer for Pieces {
    fn resume_producing(&self) {
        self.asked.set(self.asked.get() + 1);
        if self.left.get() == 0 {
            return self.transport.unregister_producer();
        }
        self.left.set(self.left.get() - 1);
        self.transport.write(&self.piece);
    }

    fn stop_producing(&self) {
        self.stopped.set(true);
    }
}

#[test]
fn a_push_producer_is_paused_and_resumed_once_for_the_whole_handshake() {
    for version in VERSIONS {
        let talking = Talk::new(version).begin();
        talking.pair.pump();
        let (producer, handle) = (Told::new(), talking.client_handle());
        handle.set_buffer_limits(BufferLimits::default().with_high_water(1000).with_cap(16 << 20));
        handle.register_producer(Producer::Push(producer.clone())).unwrap();
        handle.write(&[b'x'; 1000]);
        assert!(producer.all().is_empty());
        handle.write(b"y");
        handle.write(&[b'z'; 3_500_000]);
        assert_eq!(producer.all(), ["pause"]);
        talking.flush();
        assert_eq!(producer.all(), ["pause", "resume"]);
        assert_eq!(talking.server.received().len(), 3_501_001);
        assert!(talking.client.lost().is_none());
    }
}

#[test]
fn a_push_producer_that_comes_when_too_much_is_held_already_waits_at_once() {
    for version in VERSIONS {
        let talking = Talk::new(version).begin();
        talking.pair.pump();
        let (producer, handle) = (Told::new(), talking.client_handle());
        handle.set_buffer_limits(BufferLimits::default().with_high_water(1000).with_cap(16 << 20));
        handle.write(&[b'x'; 1001]);
        handle.register_producer(Producer::Push(producer.clone())).unwrap();
        assert_eq!(producer.all(), ["pause"]);
        talking.flush();
        assert_eq!(producer.all(), ["pause", "resume"]);
    }
}

#[test]
fn the_transport_below_pauses_the_producer_above() {
    for version in VERSIONS {
        let talking = Talk::new(version).run();
        let (producer, handle) = (Told::new(), talking.client_handle());
        handle.register_producer(Producer::Push(producer.clone())).unwrap();
        talking.server_handle().pause_producing();
        handle.write(&[b'x'; 300_000]);
        talking.flush();
        assert_eq!(producer.all(), ["pause"]);
        talking.server_handle().resume_producing();
        talking.flush();
        assert_eq!(producer.all(), ["pause", "resume"]);
        handle.unregister_producer();
        talking.server_handle().pause_producing();
        handle.write(&[b'x'; 300_000]);
        talking.flush();
        assert_eq!(producer.all(), ["pause", "resume"], "it is forgotten");
        handle.unregister_producer();
    }
}

#[test]
fn a_pull_producer_is_asked_from_the_first_piece_to_the_last_across_the_handshake() {
    for version in VERSIONS {
        for (early, size) in [(true, 10_000), (true, 100_000), (false, 10_000), (false, 100_000)] {
            let talking = Talk::new(version).begin();
            talking.pair.pump();
            if !early {
                talking.flush();
            }
            let handle = talking.client_handle();
            let producer = Pieces::new(&handle, 50, size);
            handle.register_producer(Producer::Pull(producer.clone())).unwrap();
            assert_eq!(producer.asked.get(), 1, "the first piece is asked for inside the call");
            handle.lose_connection();
            talking.flush();
            assert_eq!(talking.server.received().len(), 50 * size);
            assert_eq!(producer.asked.get(), 51);
            assert!(!producer.stopped.get());
            assert!(talking.client.lost().unwrap().is_clean());
        }
    }
}

#[test]
fn a_pull_producer_is_not_asked_for_more_while_the_peer_does_not_read() {
    let talking = Talk::new(VERSIONS[0]).run();
    talking.server_handle().pause_producing();
    let producer = Pieces::new(&talking.client_handle(), 1000, 10_000);
    talking.client_handle().register_producer(Producer::Pull(producer.clone())).unwrap();
    talking.flush();
    assert!(producer.asked.get() < 20, "{}", producer.asked.get());
    talking.server_handle().resume_producing();
    talking.flush();
    assert_eq!(talking.server.received().len(), 10_000_000);
}

#[test]
fn lose_connection_waits_for_the_producer_which_still_may_write() {
    for version in VERSIONS {
        for early in [true, false] {
            let talking = Talk::new(version).begin();
            talking.pair.pump();
            if !early {
                talking.flush();
            }
            let (producer, handle) = (Told::new(), talking.client_handle());
            handle.register_producer(Producer::Push(producer.clone())).unwrap();
            handle.write(b"x ");
            handle.lose_connection();
            talking.flush();
            assert!(talking.client.lost().is_none() && producer.all().is_empty());
            handle.write(b"hello");
            handle.write(b" world");
            handle.unregister_producer();
            handle.write(b"dropped");
            talking.flush();
            assert_eq!(talking.server.received(), b"x hello world");
            assert!(talking.client.lost().unwrap().is_clean());
            assert!(producer.all().is_empty());
        }
    }
}

#[test]
fn there_is_one_producer_at_a_time() {
    let talking = Talk::new(VERSIONS[0]).run();
    let (first, second) = (Told::new(), Told::new());
    let handle = talking.client_handle();
    handle.register_producer(Producer::Push(first.clone())).unwrap();
    let refused = handle.register_producer(Producer::Push(second.clone()));
    assert_eq!(refused, Err(AlreadyProducing));
    talking.server_handle().abort_connection();
    talking.flush();
    assert_eq!(first.all(), ["stop"]);
    assert!(second.all().is_empty());
}

#[test]
fn a_producer_that_comes_too_late_is_stopped_at_once() {
    let talking = Talk::new(VERSIONS[0]).run();
    let handle = talking.client_handle();
    handle.abort_connection();
    talking.flush();
    let (push, pull) = (Told::new(), Pieces::new(&handle, 3, 10));
    handle.register_producer(Producer::Push(push.clone())).unwrap();
    handle.register_producer(Producer::Pull(pull.clone())).unwrap();
    assert_eq!(push.all(), ["stop"]);
    assert!(pull.stopped.get() && pull.asked.get() == 0);
}

#[test]
fn a_producer_is_stopped_before_connection_lost_whatever_ends_the_connection() {
    let talking = Talk::new(VERSIONS[0]).begin();
    talking.pair.pump();
    let producer = Told::new();
    talking.client_handle().register_producer(Producer::Push(producer.clone())).unwrap();
    talking.advance(0.0);
    talking.server_handle().lose_connection();
    talking.flush();
    assert_eq!(producer.all(), ["stop"]);
    assert!(talking.client.lost().unwrap().is_clean());
}

/// A producer whose pause calls the transport back.
struct Meddler {
    transport: RefCell<Weak<dyn Transport>>,
}

impl PushProducer for Meddler {
    fn pause_producing(&self) {
        if let Some(transport) = self.transport.borrow().upgrade() {
            transport.write(b"from inside");
            transport.unregister_producer();
            transport.lose_connection();
        }
    }

    fn resume_producing(&self) {}

    fn stop_producing(&self) {}
}

#[test]
fn what_a_producer_does_inside_a_write_comes_after_that_write() {
    for version in VERSIONS {
        let talking = Talk::new(version).run();
        let handle = talking.client_handle();
        let meddler = Rc::new(Meddler { transport: RefCell::new(Rc::downgrade(&handle)) });
        handle.register_producer(Producer::Push(meddler)).unwrap();
        handle.write(&[b'x'; 400_000]);
        talking.flush();
        assert_eq!(talking.server.received().len(), 400_011);
        assert!(talking.server.received().ends_with(b"xfrom inside"));
        assert!(talking.client.lost().unwrap().is_clean());
    }
}

#[test]
fn a_paused_protocol_gets_neither_data_nor_the_end_until_it_resumes() {
    for version in VERSIONS {
        let talking = Talk::new(version)
            .client(|client| {
                client.on_made(|transport| {
                    transport.write(&[b'x'; 200_000]);
                    transport.lose_connection();
                })
            })
            .server(|server| {
                server.half_closeable().on_made(|transport| transport.pause_producing())
            })
            .run();
        assert_eq!(talking.server.calls(), ["connection_made", "handshake_completed"]);
        talking.server_handle().resume_producing();
        assert_eq!(talking.server.count("data_received"), 0, "nothing comes inside the call");
        talking.flush();
        assert_eq!(talking.server.received().len(), 200_000);
        assert_eq!(talking.server.calls().last(), Some(&"read_connection_lost"));
    }
}

#[test]
fn a_protocol_may_pause_at_every_piece() {
    for version in VERSIONS {
        let talk = Talk::new(version)
            .server(|server| server.on_data(|transport, _| transport.pause_producing()));
        talk.network.set_read_max(5000);
        let talking = talk.run();
        talking.client_handle().write(&[b'x'; 100_000]);
        let mut rounds = 0;
        while talking.server.received().len() < 100_000 {
            talking.flush();
            talking.server_handle().resume_producing();
            rounds += 1;
            assert!(rounds < 200);
        }
        assert!(rounds > 5);
    }
}

#[test]
fn pausing_is_passed_on_below_but_not_before_the_handshake_is_done() {
    let (record, clock, wire) = (Record::new(), Clock::new(), StringTransport::new());
    let client = over_client(
        Authority::new().client(VERSIONS[0]),
        NAME,
        Recorder::new(&record).on_made(|transport| transport.pause_producing()),
        &clock,
    );
    client.deliver(Event::ConnectionMade(&wire.as_transport()));
    assert_eq!(wire.producer_state(), ProducerState::Producing);
    client.deliver(Event::ConnectionLost(&Reason::Done));

    let talking = Talk::new(VERSIONS[0]).run();
    talking.server_handle().pause_producing();
    talking.client_handle().write(b"waits");
    talking.flush();
    assert!(talking.server.received().is_empty());
    talking.server_handle().resume_producing();
    talking.flush();
    assert_eq!(talking.server.received(), b"waits");
}

#[test]
fn a_small_cap_leaves_room_for_the_handshake_and_is_the_one_that_is_told() {
    for version in VERSIONS {
        let talking = Talk::new(version)
            .server(|server| {
                server.on_made(|transport| {
                    transport.set_buffer_limits(
                        BufferLimits::default().with_high_water(10).with_cap(100),
                    );
                    transport.write(&[b'x'; 100]);
                })
            })
            .run();
        assert_eq!(talking.client.received(), [b'x'; 100]);
        talking.server_handle().write(&[b'x'; 200_000]);
        talking.flush();
        let reason = talking.server.lost();
        assert!(matches!(reason, Some(Reason::WriteBufferExceeded { cap: 100 })), "{reason:?}");
    }
}

/// As `what_a_producer_does_inside_a_write_comes_after_that_write`, for a write inside a delivery.
/// A transport below that has limits of its own before TLS comes.
#[test]
fn the_limits_of_the_transport_below_hold_from_the_start() {
    let limits = BufferLimits::default().with_high_water(500).with_cap(1000);
    let (wire, record, producer) = (StringTransport::new(), Record::new(), Told::new());
    wire.set_buffer_limits(limits);
    let (registered, clock) = (producer.clone(), Clock::new());
    let client = Recorder::new(&record).on_made(move |transport| {
        transport.register_producer(Producer::Push(registered.clone())).unwrap();
    });
    let config = Authority::new().client(VERSIONS[0]);
    let layer = over_client(config, NAME, client, &clock);
    layer.deliver(Event::ConnectionMade(&wire.as_transport()));
    let transport = record.transport();
    assert_eq!(transport.buffer_limits(), limits);
    transport.write(&[0; 501]);
    assert_eq!(producer.all(), ["pause"]);
    transport.write(&[0; 500]);
    layer.deliver(Event::ConnectionLost(&Reason::Aborted));
    assert!(matches!(record.lost(), Some(Reason::WriteBufferExceeded { cap: 1000 })));
    let room = wire.buffer_limits().cap;
    assert!(room > 64 * 1024, "records of the handshake are no bytes of the protocol: {room}");
}

#[test]
fn what_a_producer_does_inside_a_write_in_a_callback_comes_after_that_write() {
    for version in VERSIONS {
        let talking = Talk::new(version)
            .client(|client| client.on_data(|transport, _| transport.write(&[b'x'; 400_000])))
            .run();
        let handle = talking.client_handle();
        let meddler = Rc::new(Meddler { transport: RefCell::new(Rc::downgrade(&handle)) });
        handle.register_producer(Producer::Push(meddler)).unwrap();
        talking.server_handle().write(b"go");
        talking.flush();
        assert_eq!(talking.server.received().len(), 400_011);
        assert!(talking.server.received().ends_with(b"xfrom inside"));
    }
}
