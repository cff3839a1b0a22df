//! Time limits and caps around any factory.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use deferred::Failure;
use interfaces::{
    Address, Deadline, Deliver, Event, Factory, KeepAliveTimes, Reason, Transport, UnixAddress,
};
use ropewalk_protocol::policies::{
    ConnectionCount, DrainHandle, LimitConnectionsByPeer, LimitTotalConnectionsFactory,
    SpewingFactory, ThrottleLimits, ThrottlingFactory, TimeoutFactory, Timeouts, TrafficLine,
    TrafficLoggingFactory,
};
use ropewalk_protocol::testing::{Clock, Record, Recorder, Seen, StringTransport};
use ropewalk_protocol::{FactoryFn, factory_fn};

use crate::support::dressed::Dressed;
use crate::support::relay_scene::address;

const IDLE: Duration = Duration::from_secs(300);

fn recording(record: &Record) -> Rc<dyn Factory> {
    let record = record.clone();
    factory_fn(move |_| Recorder::new(&record).half_closeable())
}

/// A connection under time limits.
struct Timed {
    clock: Clock,
    record: Record,
    running: Rc<dyn Deliver>,
    transport: Rc<StringTransport>,
    drain: DrainHandle,
}

fn timed(timeouts: Timeouts) -> Timed {
    let (clock, record) = (Clock::new(), Record::new());
    let factory = TimeoutFactory::with_timeouts(recording(&record), clock.clone(), timeouts);
    let transport = StringTransport::new();
    let running = factory.build_protocol(&transport.peer()).expect("no limit on numbers");
    running.deliver(Event::ConnectionMade(&transport.as_transport()));
    let drain = factory.drain_handle();
    Timed { clock, record, running, transport, drain }
}

impl Timed {
    fn receive(&self) {
        self.running.deliver(Event::DataReceived(&mut b"x".to_owned()));
    }

    /// It was ended, and hears why.
    fn assert_passed(&self, deadline: Deadline) {
        assert!(self.transport.aborting());
        self.running.deliver(Event::ConnectionLost(&Reason::Aborted));
        let lost = self.record.lost();
        assert!(matches!(lost, Some(Reason::TimedOut(it)) if it == deadline), "{lost:?}");
        assert_eq!(self.clock.pending(), 0);
    }
}

#[test]
fn a_peer_that_sends_nothing_is_ended_and_one_byte_is_enough() {
    let silent = timed(Timeouts::default());
    silent.record.transport().write(b"welcome");
    silent.clock.advance(Duration::from_millis(29_999));
    assert!(!silent.transport.disconnecting());
    silent.clock.advance(Duration::from_millis(1));
    silent.assert_passed(Deadline::FirstByte);

    let speaking = timed(Timeouts::default());
    speaking.clock.advance(Duration::from_millis(29_999));
    speaking.receive();
    speaking.clock.advance(Duration::from_secs(100));
    assert!(!speaking.transport.disconnecting());
}

#[test]
fn a_server_that_drains_closes_the_silent_connections_in_order_and_no_others() {
    let (clock, record) = (Clock::new(), Record::new());
    let factory = TimeoutFactory::new(recording(&record), clock.clone());
    let made = || {
        let transport = StringTransport::new();
        let running = factory.build_protocol(&transport.peer()).expect("no limit on numbers");
        running.deliver(Event::ConnectionMade(&transport.as_transport()));
        running.deliver(Event::DataReceived(&mut b"x".to_owned()));
        (running, transport)
    };
    let (silent, busy, gone) = (made(), made(), made());
    record.transport().write(b"to the end");
    gone.0.deliver(Event::ConnectionLost(&Reason::Done));
    factory.drain_handle().drain(Duration::from_secs(2));
    let late = made();
    for second in 1..10 {
        clock.advance(Duration::from_secs(1));
        busy.0.deliver(Event::DataReceived(&mut b"x".to_owned()));
        // The late one has spoken since. Both take nothing of their end, and so are aborted.
        for ((_, transport), limit) in [(&silent, 2), (&late, 3)] {
            assert_eq!(transport.disconnecting(), second >= limit, "{second}");
            assert_eq!(transport.aborting(), second >= limit + 2, "{second}");
        }
    }
    assert!(!busy.1.disconnecting() && !gone.1.disconnecting());
    silent.0.deliver(Event::ConnectionLost(&Reason::Done));
    assert!(matches!(record.lost(), Some(Reason::Done)), "{:?}", record.lost());
}

#[test]
fn a_server_that_stops_closes_every_connection_in_order() {
    let busy = timed(Timeouts::default());
    busy.receive();
    busy.drain.stop();
    assert!(busy.transport.disconnecting() && !busy.transport.aborting());
}

#[test]
fn a_connection_without_an_idle_limit_drains_too() {
    let silent = timed(Timeouts::default().with_idle(None).with_first_byte(None));
    silent.clock.advance(Duration::from_secs(10_000));
    assert!(!silent.transport.disconnecting());
    silent.drain.drain(Duration::from_secs(2));
    silent.clock.advance(Duration::from_secs(3));
    assert!(silent.transport.disconnecting() && !silent.transport.aborting());
    drop(silent.running);
    assert_eq!(silent.clock.pending(), 0);
}

#[test]
fn an_idle_connection_is_ended_at_most_a_quarter_late_and_never_early() {
    let timeouts = Timeouts::default().with_first_byte(None);
    let untouched = timed(timeouts);
    untouched.clock.advance(IDLE - Duration::from_millis(1));
    assert!(!untouched.transport.disconnecting());
    untouched.clock.advance(Duration::from_millis(1));
    untouched.assert_passed(Deadline::Idle);

    for writes in [false, true] {
        let used = timed(timeouts);
        for _ in 0..10 {
            used.clock.advance(IDLE - Duration::from_secs(1));
            match writes {
                true => used.record.transport().write(b"x"),
                false => used.receive(),
            }
        }
        used.clock.advance(IDLE - Duration::from_secs(1));
        assert!(!used.transport.disconnecting());
        used.clock.advance(IDLE / 4 + Duration::from_secs(1));
        used.assert_passed(Deadline::Idle);
    }
}

#[test]
fn a_message_moves_no_timer() {
    let timed = timed(Timeouts::default());
    timed.receive();
    let due = timed.clock.delayed_calls()[0].time();
    for _ in 0..1000 {
        timed.receive();
        timed.record.transport().write_sequence(vec![b"x"[..].into()]);
        timed.clock.advance(Duration::from_millis(1));
    }
    let pending = timed.clock.delayed_calls();
    assert_eq!((pending.len(), pending[0].time()), (1, due));
}

#[test]
fn an_end_of_its_own_keeps_its_reason_and_stops_the_timers() {
    let timed = timed(Timeouts::default());
    timed.running.deliver(Event::ConnectionLost(&Reason::Aborted));
    assert!(matches!(timed.record.lost(), Some(Reason::Aborted)));
    assert_eq!(timed.clock.pending(), 0);
}

#[test]
fn without_limits_no_timer_is_set() {
    let timed = timed(Timeouts::default().with_first_byte(None).with_idle(None));
    assert_eq!(timed.clock.pending(), 0);
}

#[test]
fn a_peer_that_vanishes_is_noticed_by_keep_alive() {
    for keep_alive in [None, Some(KeepAliveTimes::default().with_probes(2))] {
        let transport = Dressed::tcp();
        let timeouts = Timeouts::default().with_keep_alive(keep_alive);
        let record = Record::new();
        let factory = TimeoutFactory::with_timeouts(recording(&record), Clock::new(), timeouts);
        let running = factory.build_protocol(&transport.peer()).unwrap();
        running.deliver(Event::ConnectionMade(&transport.as_transport()));
        assert_eq!(transport.keep_alive.get(), keep_alive);
        assert!(record.transport().as_tcp().is_some(), "an ability is lost on the way");
    }
}

/// All policies, each around the next.
fn all_around(factory: Rc<dyn Factory>) -> Rc<dyn Factory> {
    let by_peer = LimitConnectionsByPeer::new(factory, 1).into_rc();
    let total = LimitTotalConnectionsFactory::new(by_peer, 1).into_rc();
    let limits = ThrottleLimits::default().with_reads(Some(1)).with_writes(Some(1));
    let throttled = ThrottlingFactory::new(total, Clock::new(), limits).into_rc();
    let logged = TrafficLoggingFactory::new(throttled, |_| |_: &TrafficLine<'_>| {}).into_rc();
    let told = SpewingFactory::new(logged, |_| {}).into_rc();
    TimeoutFactory::new(told, Clock::new()).into_rc()
}

#[test]
fn every_event_passes_every_policy() {
    let record = Record::new();
    let factory = all_around(recording(&record));
    let transport = StringTransport::new();
    let running = factory.build_protocol(&transport.peer()).unwrap();
    running.deliver(Event::ConnectionMade(&transport.as_transport()));
    assert!(running.is_half_closeable());
    running.deliver(Event::HandshakeCompleted);
    running.deliver(Event::DataReceived(&mut b"data".to_owned()));
    running.deliver(Event::Unknown(7));
    running.deliver(Event::ReadConnectionLost);
    running.deliver(Event::WriteConnectionLost);
    running.deliver(Event::ConnectionLost(&Reason::Done));
    let calls = record.calls();
    let all = [
        "connection_made",
        "handshake_completed",
        "data_received",
        "unknown_event",
        "read_connection_lost",
        "write_connection_lost",
        "connection_lost",
    ];
    assert_eq!(calls, all);
    assert!(matches!(record.seen()[3], Seen::UnknownEvent(7)));
}

#[test]
fn every_call_of_the_transport_passes_the_time_limits() {
    let timed = timed(Timeouts::default());
    let (above, below) = (timed.record.transport(), &timed.transport);
    above.register_producer(interfaces::Producer::Push(above.clone())).unwrap();
    assert!(below.producer().is_some());
    above.unregister_producer();
    assert!(below.producer().is_none());
    above.as_half_closeable().unwrap().lose_write_connection();
    assert!(below.write_closed());
    above.lose_connection_with_reset();
    assert!(below.losing_with_reset());
    above.abort_connection();
    assert!(below.aborting());
    assert_eq!((above.peer(), above.host()), (below.peer(), below.host()));
}

#[test]
fn a_factory_hears_of_its_ports_through_every_policy() {
    let log = Rc::new(RefCell::new(Vec::new()));
    let (started, stopped) = (log.clone(), log.clone());
    let inner = FactoryFn::new(|_| Recorder::new(&Record::new()))
        .on_start(move || started.borrow_mut().push("start"))
        .on_stop(move || {
            stopped.borrow_mut().push("stop");
            Err(Failure::new(std::io::Error::other("refuses to stop")))
        });
    let factory = all_around(inner.into_rc());
    factory.do_start();
    let failure = factory.do_stop().unwrap_err();
    assert_eq!((failure.to_string().as_str(), log.borrow().len()), ("refuses to stop", 2));
}

#[test]
fn connections_beyond_the_total_are_refused_until_one_is_over() {
    let refused = Rc::new(Cell::new(0));
    let told = refused.clone();
    let factory = LimitTotalConnectionsFactory::new(recording(&Record::new()), 2)
        .on_refused(move |_| told.set(told.get() + 1));
    let peer = address("192.0.2.1:1");
    let first = factory.build_protocol(&peer).unwrap();
    let second = factory.build_protocol(&peer).unwrap();
    assert!(factory.build_protocol(&peer).is_none());
    drop(second);
    let third = factory.build_protocol(&peer);
    assert!(third.is_some(), "a protocol that never had a connection gives its place back");
    assert!(factory.build_protocol(&peer).is_none());
    first.deliver(Event::ConnectionMade(&StringTransport::new().as_transport()));
    first.deliver(Event::ConnectionLost(&Reason::Done));
    assert!(factory.build_protocol(&peer).is_some(), "it is over, though its handle lives");
    assert_eq!(refused.get(), 2);
}

#[test]
fn connections_of_one_peer_beyond_its_number_are_refused() {
    let refused = Rc::new(RefCell::new(Vec::new()));
    let told = refused.clone();
    let factory = LimitConnectionsByPeer::new(recording(&Record::new()), 1)
        .on_refused(move |peer| told.borrow_mut().push(peer.to_string()));
    let build = |text: &str| factory.build_protocol(&address(text));
    let held = build("192.0.2.1:1000").unwrap();
    assert!(build("192.0.2.1:1001").is_none(), "another port is the same peer");
    assert!(build("[::ffff:192.0.2.1]:1000").is_none(), "and so is its address in IPv6");
    assert!(build("192.0.2.2:1000").is_some(), "another address is another peer");
    drop(held);
    assert!(build("192.0.2.1:1001").is_some());
    let held = build("[2001:db8::1]:1000").unwrap();
    assert!(build("[2001:db8::2]:1000").is_none(), "a site has 64 bits of addresses");
    assert!(build("[2001:db8:0:1::1]:1000").is_some());
    drop(held);
    let told = ["192.0.2.1:1001", "[::ffff:192.0.2.1]:1000", "[2001:db8::2]:1000"];
    assert_eq!(*refused.borrow(), told);
    assert!(format!("{factory:?}").contains("peers: 0"), "{factory:?}");
}

#[test]
fn a_peer_without_an_address_is_not_limited() {
    let factory = LimitConnectionsByPeer::new(recording(&Record::new()), 1);
    let unix: Address = UnixAddress::Unnamed.into();
    let held: Vec<_> = (0..3).map(|_| factory.build_protocol(&unix)).collect();
    assert!(held.iter().all(Option::is_some));
}

#[test]
fn the_last_connection_lost_is_told_once() {
    let count = ConnectionCount::new();
    let factory = count.counting(recording(&Record::new()));
    let told = Rc::new(Cell::new(0));
    let build = || factory.build_protocol(&address("192.0.2.1:1")).unwrap();
    let [first, second] = [build(), build()];
    let seen = told.clone();
    let _waiting = count.none_left().add_callback(move |()| {
        seen.set(seen.get() + 1);
        Ok(())
    });
    for connection in [&first, &second] {
        connection.deliver(Event::ConnectionMade(&StringTransport::new().as_transport()));
    }
    first.deliver(Event::ConnectionLost(&Reason::Done));
    assert_eq!((count.connections(), told.get()), (1, 0));
    drop(first);
    assert_eq!((count.connections(), told.get()), (1, 0), "it was uncounted before");
    second.deliver(Event::ConnectionLost(&Reason::Aborted));
    assert_eq!((count.connections(), told.get()), (0, 1));
}

#[test]
fn a_protocol_that_never_had_a_connection_is_uncounted_too() {
    let count = ConnectionCount::new();
    let refusing = FactoryFn::optional(|_| None::<Recorder>).into_rc();
    let peer = address("192.0.2.1:1");
    assert!(count.counting(refusing).build_protocol(&peer).is_none());
    drop(count.counting(recording(&Record::new())).build_protocol(&peer));
    assert_eq!(count.connections(), 0);
    assert!(count.none_left().is_fired());
}
