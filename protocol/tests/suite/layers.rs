//! Layers pass on what they do not change, and answer questions by type.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use deferred::Failure;
use interfaces::{BufferLimits, Deliver, Event, Factory, Producer, Query, Reason, Transport};
use ropewalk_protocol::layer::{Layer, LayerTransport, WrappingFactory};
use ropewalk_protocol::testing::{ProducerState, Record, Recorder, Seen, StringTransport};
use ropewalk_protocol::{FactoryFn, factory_fn};

use crate::support::Source;
use crate::support::dressed::Dressed;

/// Changes nothing.
struct Nothing;
impl Layer for Nothing {}

/// Changes nothing, and is not in the way of what is written.
struct Looker;
impl Layer for Looker {
    const WRAPS_TRANSPORT: bool = false;
}

fn recording(record: &Record) -> Rc<dyn Factory> {
    let record = record.clone();
    factory_fn(move |_| Recorder::new(&record).half_closeable())
}

/// Three layers around a recorder, one of which only looks.
fn layered(record: &Record) -> Rc<dyn Factory> {
    let one = WrappingFactory::new(recording(record), |_| Nothing).into_rc();
    let two = WrappingFactory::new(one, |_| Looker).into_rc();
    WrappingFactory::new(two, |_| Nothing).into_rc()
}

fn run(factory: &dyn Factory, transport: &Rc<dyn Transport>) -> Rc<dyn Deliver> {
    let running = factory.build_protocol(&transport.peer()).expect("it refuses none");
    running.deliver(Event::ConnectionMade(transport));
    running
}

#[test]
fn an_empty_layer_passes_on_every_event() {
    let (record, wire) = (Record::new(), StringTransport::new());
    let running = run(&*layered(&record), &wire.as_transport());
    assert!(running.is_half_closeable());
    assert!(running.log_prefix().contains("Recorder"), "{}", running.log_prefix());
    running.deliver(Event::HandshakeCompleted);
    running.deliver(Event::DataReceived(&mut b"data".to_owned()));
    running.deliver(Event::Unknown(7));
    running.deliver(Event::ReadConnectionLost);
    running.deliver(Event::WriteConnectionLost);
    running.deliver(Event::ConnectionLost(&Reason::Done));
    let all = [
        "connection_made",
        "handshake_completed",
        "data_received",
        "unknown_event",
        "read_connection_lost",
        "write_connection_lost",
        "connection_lost",
    ];
    assert_eq!(record.calls(), all);
    assert!(matches!(record.seen()[3], Seen::UnknownEvent(7)));
}

#[test]
fn an_empty_layer_passes_on_every_call() {
    let (record, wire) = (Record::new(), StringTransport::new());
    let _running = run(&*layered(&record), &wire.as_transport());
    let above = record.transport();
    above.write(b"one");
    above.write_sequence(vec![b" two"[..].into(), b" three"[..].into()]);
    assert_eq!(wire.value(), b"one two three");
    above.pause_producing();
    assert_eq!(wire.producer_state(), ProducerState::Paused);
    above.resume_producing();
    assert_eq!(wire.producer_state(), ProducerState::Producing);
    let limits = BufferLimits::default().with_cap(7);
    above.set_buffer_limits(limits);
    assert_eq!(wire.buffer_limits(), limits);
    assert_eq!(format!("{above:?}"), format!("{:?}", wire.as_transport()));
    above.as_half_closeable().expect("the wire is").lose_write_connection();
    assert!(wire.write_closed());
    above.lose_connection();
    assert!(wire.disconnecting() && !wire.losing_with_reset() && !wire.aborting());
    above.lose_connection_with_reset();
    assert!(wire.losing_with_reset());
    above.abort_connection();
    assert!(wire.aborting());
}

#[test]
fn both_addresses_are_those_of_the_real_transport() {
    let (record, wire) = (Record::new(), StringTransport::new());
    let _running = run(&*layered(&record), &wire.as_transport());
    let above = record.transport();
    assert_eq!((above.peer(), above.host()), (wire.peer(), wire.host()));
    assert_ne!(above.peer(), above.host());
}

#[test]
fn a_producer_is_registered_with_the_real_transport_and_unregistered_there() {
    let (record, wire) = (Record::new(), StringTransport::new());
    let _running = run(&*layered(&record), &wire.as_transport());
    let above = record.transport();
    above.register_producer(Producer::Push(Source::silent(&above))).unwrap();
    assert!(matches!(wire.producer(), Some(Producer::Push(_))), "and it is a streaming one");
    above.unregister_producer();
    assert!(wire.producer().is_none());
    above.register_producer(Producer::Pull(Source::silent(&above))).unwrap();
    assert!(matches!(wire.producer(), Some(Producer::Pull(_))));
    assert!(above.register_producer(Producer::Pull(Source::silent(&above))).is_err());
}

/// Counts the stops that reach it.
struct Stops(Rc<Cell<u32>>);
impl Layer for Stops {
    fn stop_producing(&self, below: &dyn Transport) {
        self.0.set(self.0.get() + 1);
        below.stop_producing();
    }
}

#[test]
fn stop_producing_is_passed_on_once() {
    let (record, stops, wire) = (Record::new(), Rc::new(Cell::new(0)), StringTransport::new());
    let counter = stops.clone();
    let counted = WrappingFactory::new(recording(&record), |_| Nothing).into_rc();
    let counted = WrappingFactory::new(counted, move |_| Stops(counter.clone()));
    let _running = run(&counted, &wire.as_transport());
    record.transport().stop_producing();
    assert_eq!((stops.get(), wire.producer_state()), (1, ProducerState::Stopped));
}

#[test]
fn the_transport_above_a_layer_has_the_abilities_of_the_one_below_and_no_others() {
    for (tcp, tls) in [(true, true), (true, false), (false, false)] {
        let record = Record::new();
        let wire: Rc<dyn Transport> = match (tcp, tls) {
            (_, true) => Dressed::tls().as_transport(),
            (true, _) => Dressed::tcp().as_transport(),
            _ => StringTransport::new().as_transport(),
        };
        let _running = run(&*layered(&record), &wire);
        let above = record.transport();
        assert_eq!(above.as_tcp().is_some(), tcp);
        assert_eq!(above.as_tls().is_some(), tls);
        assert_eq!(above.as_half_closeable().is_some(), wire.as_half_closeable().is_some());
        assert!(above.as_unix().is_none());
    }
}

#[test]
fn a_close_through_a_layer_closes_the_real_transport_behind_what_was_written() {
    let (record, wire) = (Record::new(), StringTransport::new());
    let _running = run(&*layered(&record), &wire.as_transport());
    record.transport().write(b"last words");
    record.transport().lose_connection();
    assert!(wire.disconnecting() && !wire.aborting());
    record.transport().write(b"too late");
    assert_eq!(wire.value(), b"last words");
}

/// Notes when it is asked, and by what.
struct Ordered(Rc<RefCell<Vec<String>>>, Rc<dyn Fn() -> usize>);
impl Layer for Ordered {
    fn deliver(&self, _: &LayerTransport<Self>, above: &dyn Deliver, event: Event<'_>) {
        let text = format!("{event:?}");
        let name = text.split('(').next().unwrap_or_default().to_owned();
        self.0.borrow_mut().push(format!("{name}: {}", (self.1)()));
        above.deliver(event);
    }
}

#[test]
fn a_layer_is_listed_just_before_its_protocol_is_connected_and_unlisted_just_before_it_hears_of_the_end()
 {
    let log = Rc::new(RefCell::new(Vec::new()));
    let factory = Rc::new_cyclic(|me: &std::rc::Weak<WrappingFactory<Ordered>>| {
        let (log, me) = (log.clone(), me.clone());
        let listed = Rc::new(move || me.upgrade().map_or(0, |factory| factory.connections().len()));
        WrappingFactory::new(recording(&Record::new()), move |_| {
            Ordered(log.clone(), listed.clone())
        })
    });
    let wire = StringTransport::new();
    let running = factory.build_protocol(&wire.peer()).unwrap();
    assert_eq!(factory.connections().len(), 0, "it is built, and not connected");
    running.deliver(Event::ConnectionMade(&wire.as_transport()));
    assert_eq!(factory.connections().len(), 1);
    running.deliver(Event::ConnectionLost(&Reason::Done));
    assert_eq!(*log.borrow(), ["ConnectionMade: 1", "ConnectionLost: 0"]);
    assert_eq!(factory.connections().len(), 0);
}

#[test]
fn a_connection_that_is_dropped_without_an_end_is_unlisted_and_its_layer_told() {
    struct Released(Rc<Cell<u32>>);
    impl Layer for Released {
        fn released(&self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let (record, released, wire) = (Record::new(), Rc::new(Cell::new(0)), StringTransport::new());
    let told = released.clone();
    let factory = WrappingFactory::new(recording(&record), move |_| Released(told.clone()));
    let running = run(&factory, &wire.as_transport());
    drop(running);
    assert_eq!((factory.connections().len(), released.get()), (0, 1));
    drop(record);
    assert_eq!(released.get(), 1, "once, though the transport was kept");
}

#[test]
fn the_layer_and_the_protocol_are_dropped_with_their_connection() {
    let alive = Rc::new(());
    struct Holds(#[expect(dead_code, reason = "it is only to be dropped")] Rc<()>);
    impl Layer for Holds {}
    let (held, layer) = (alive.clone(), alive.clone());
    let wire = StringTransport::new();
    let inner = factory_fn(move |_| {
        // The protocol keeps its transport by the record, and that must not keep the protocol.
        let (held, record) = (held.clone(), Record::new());
        let kept = record.clone();
        Recorder::new(&record).on_lost(move |_| drop((held.clone(), kept.clone())))
    });
    let factory = WrappingFactory::new(inner, move |_| Holds(layer.clone()));
    let before = Rc::strong_count(&alive);
    let running = run(&factory, &wire.as_transport());
    assert_eq!(Rc::strong_count(&alive), before + 2);
    running.deliver(Event::ConnectionLost(&Reason::Done));
    drop(running);
    assert_eq!(Rc::strong_count(&alive), before);
}

#[test]
fn a_factory_is_named_by_the_wrapped_one_with_the_layer_in_parentheses() {
    struct Server;
    impl interfaces::Protocol for Server {
        fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
    }
    let factory = WrappingFactory::new(factory_fn(|_| Server), |_| Nothing);
    assert_eq!(factory.log_prefix(), "Server (Nothing)");
    let unnamed = FactoryFn::dynamic(|_| None).into_rc();
    assert_eq!(WrappingFactory::new(unnamed, |_| Nothing).log_prefix(), "FactoryFn (Nothing)");
    // A protocol's own name is a `&'static str`, and stays as it is.
    let running = factory.build_protocol(&StringTransport::new().peer()).unwrap();
    assert_eq!(running.log_prefix(), "Server");
}

#[test]
fn the_wrapped_factory_starts_once_and_stops_once_for_any_number_of_ports() {
    let log = Rc::new(RefCell::new(Vec::new()));
    let (started, stopped) = (log.clone(), log.clone());
    let inner = FactoryFn::new(|_| Recorder::new(&Record::new()))
        .on_start(move || started.borrow_mut().push("start"))
        .on_stop(move || {
            stopped.borrow_mut().push("stop");
            Err(Failure::new(std::io::Error::other("refuses to stop")))
        });
    let factory = WrappingFactory::new(inner.into_rc(), |_| Nothing);
    factory.do_start();
    factory.do_start();
    assert!(factory.do_stop().is_ok());
    assert_eq!(*log.borrow(), ["start"]);
    let failure = factory.do_stop().unwrap_err();
    assert_eq!(failure.to_string(), "refuses to stop");
    assert_eq!(*log.borrow(), ["start", "stop"]);
}

#[test]
fn a_peer_that_the_wrapped_factory_refuses_is_refused_and_no_layer_is_made() {
    let made = Rc::new(Cell::new(0));
    let count = made.clone();
    let factory =
        WrappingFactory::new(FactoryFn::optional(|_| None::<Recorder>).into_rc(), move |_| {
            count.set(count.get() + 1);
            Nothing
        });
    assert!(factory.build_protocol(&StringTransport::new().peer()).is_none());
    assert_eq!(made.get(), 0);
}

/// Answers with a number.
struct Knows(u32);
impl Layer for Knows {
    fn answer(&self, _: &LayerTransport<Self>, query: &mut Query<'_>) {
        query.answer_with(|| self.0).answer_with(|| self.0.to_string());
    }
}

#[test]
fn a_question_reaches_through_all_layers_and_the_outermost_answer_counts() {
    let (record, wire) = (Record::new(), StringTransport::new());
    let inner = WrappingFactory::new(recording(&record), |_| Nothing).into_rc();
    let inner = WrappingFactory::new(inner, |_| Knows(1)).into_rc();
    let factory = WrappingFactory::new(inner, |_| Knows(2)).into_rc();
    let _running = run(&*WrappingFactory::new(factory, |_| Looker).into_rc(), &wire.as_transport());
    let above = record.transport();
    assert_eq!(above.query::<u32>(), Some(1));
    assert_eq!(above.query::<String>().as_deref(), Some("1"));
    assert_eq!(above.query::<u64>(), None, "none of them knows one");
}

#[test]
fn bytes_that_a_protocol_reads_into_its_own_buffer_are_shown_to_the_layer() {
    struct Sees(Rc<RefCell<Vec<u8>>>);
    impl Layer for Sees {
        fn received(&self, data: &[u8]) {
            self.0.borrow_mut().extend_from_slice(data);
        }
    }
    struct Buffered([u8; 8]);
    impl interfaces::Protocol for Buffered {
        fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
        fn as_buffered(&mut self) -> Option<&mut dyn interfaces::BufferedProtocol> {
            Some(self)
        }
    }
    impl interfaces::BufferedProtocol for Buffered {
        fn get_buffer(&mut self) -> &mut [u8] {
            &mut self.0
        }
        fn buffer_updated(&mut self, transport: &Rc<dyn Transport>, length: usize) {
            transport.write(&self.0[..length]);
        }
    }
    let (seen, wire) = (Rc::new(RefCell::new(Vec::new())), StringTransport::new());
    let sees = seen.clone();
    let factory =
        WrappingFactory::new(factory_fn(|_| Buffered([0; 8])), move |_| Sees(sees.clone()));
    let running = run(&factory, &wire.as_transport());
    assert!(running.reading_roles().buffered);
    running.deliver(Event::DataWaits(&mut |buffer| {
        buffer[..3].copy_from_slice(b"abc");
        3
    }));
    running.deliver(Event::DataReceived(&mut b"def".to_owned()));
    assert_eq!((wire.value().as_slice(), seen.borrow().as_slice()), (&b"abc"[..], &b"abcdef"[..]));
}
