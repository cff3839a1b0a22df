//! Silence, and who says how long it may last: a factory for all, or a protocol for itself.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{Deadline, Event, Protocol, Reason, Transport};
use ropewalk_protocol::policies::{ConnectionTimeout, TimeoutFactory, TimeoutHandle, Timeouts};
use ropewalk_protocol::testing::{Clock, Record, StringTransport};
use ropewalk_protocol::{ProtocolRef, factory_fn};

use crate::support::policy::{Made, recording};

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// A connection that may be silent for three seconds.
fn three_seconds(clock: &Clock, record: &Record) -> (TimeoutFactory, Made) {
    let timeouts = Timeouts::default().with_first_byte(None).with_idle(Some(seconds(3.0)));
    let factory = TimeoutFactory::with_timeouts(recording(record), clock.clone(), timeouts);
    let made = Made::by(&factory);
    (factory, made)
}

fn handle(record: &Record) -> TimeoutHandle {
    record.transport().query().expect("there is a limit")
}

#[test]
fn a_factory_of_three_seconds_ends_a_silent_connection_after_three_and_not_before() {
    let (clock, record) = (Clock::new(), Record::new());
    let (_, made) = three_seconds(&clock, &record);
    clock.advance(seconds(2.9));
    assert!(!made.wire.disconnecting());
    clock.advance(seconds(0.2));
    assert!(made.wire.disconnecting());
}

#[test]
fn each_way_of_writing_begins_the_countdown_again() {
    type Write = fn(&dyn Transport);
    let ways: [Write; 2] = [
        |transport| transport.write(b"bytes"),
        |transport| transport.write_sequence(vec![b"bytes"[..].into()]),
    ];
    for write in ways {
        let (clock, record) = (Clock::new(), Record::new());
        let (_, made) = three_seconds(&clock, &record);
        clock.advance(seconds(2.0));
        write(&*record.transport());
        clock.advance(seconds(2.9));
        assert!(!made.wire.disconnecting());
        // It is noticed at most a quarter of the limit late, where Twisted moves its timer each time.
        clock.advance(seconds(0.1 + 0.75));
        assert!(made.wire.disconnecting());
    }
}

#[test]
fn what_is_received_begins_the_countdown_again() {
    let (clock, record) = (Clock::new(), Record::new());
    let (_, made) = three_seconds(&clock, &record);
    clock.advance(seconds(2.0));
    made.receive(b"bytes");
    clock.advance(seconds(2.9));
    assert!(!made.wire.disconnecting());
    clock.advance(seconds(0.1 + 0.75));
    assert!(made.wire.disconnecting());
    assert_eq!(record.received(), b"bytes");
}

#[test]
fn the_countdown_begins_when_the_connection_is_made_and_not_when_its_protocol_is_built() {
    let (clock, record) = (Clock::new(), Record::new());
    let factory = TimeoutFactory::new(recording(&record), clock.clone());
    let running = interfaces::Factory::build_protocol(&factory, &StringTransport::new().peer());
    assert!(running.is_some());
    assert_eq!(clock.pending(), 0, "Twisted has one");
}

#[test]
fn the_default_is_five_minutes_where_twisted_has_half_an_hour_and_none_is_no_limit() {
    assert_eq!(Timeouts::default().idle, Some(Duration::from_secs(300)));
    let (clock, record) = (Clock::new(), Record::new());
    let none = Timeouts::default().with_first_byte(None).with_idle(None);
    let factory = TimeoutFactory::with_timeouts(recording(&record), clock.clone(), none);
    let made = Made::by(&factory);
    clock.advance(Duration::from_secs(1_000_000));
    assert!(!made.wire.disconnecting());
    assert_eq!(clock.pending(), 0);
}

#[test]
fn a_connection_whose_limit_is_cancelled_outlives_it_and_has_no_timer() {
    let (clock, record) = (Clock::new(), Record::new());
    let (_, made) = three_seconds(&clock, &record);
    clock.advance(seconds(1.0));
    handle(&record).cancel_timeout();
    assert_eq!(clock.pending(), 0);
    clock.advance(seconds(3.0));
    assert!(!made.wire.disconnecting());
}

#[test]
fn what_is_read_or_written_after_a_cancelled_limit_brings_none_back() {
    let (clock, record) = (Clock::new(), Record::new());
    let (_, made) = three_seconds(&clock, &record);
    handle(&record).cancel_timeout();
    made.receive(b"bytes");
    record.transport().write(b"bytes");
    record.transport().write_sequence(vec![b"bytes"[..].into()]);
    assert_eq!(clock.pending(), 0);
    clock.advance(seconds(100.0));
    assert!(!made.wire.disconnecting());
}

#[test]
fn a_limit_is_cancelled_without_harm_where_there_is_none_any_more() {
    let (clock, record) = (Clock::new(), Record::new());
    // There is none.
    let none = Timeouts::default().with_first_byte(None).with_idle(None);
    let factory = TimeoutFactory::with_timeouts(recording(&record), clock.clone(), none);
    let unlimited = Made::by(&factory);
    handle(&record).cancel_timeout();
    assert!(!unlimited.wire.disconnecting());
    // It has passed.
    let record = Record::new();
    let (_, made) = three_seconds(&clock, &record);
    clock.advance(seconds(3.0));
    assert!(made.wire.aborting());
    handle(&record).cancel_timeout();
    made.running.deliver(Event::ConnectionLost(&Reason::Aborted));
    assert!(matches!(record.lost(), Some(Reason::TimedOut(Deadline::Idle))));
    // Its timer was cancelled through the clock, and its connection is gone.
    let record = Record::new();
    let (_, made) = three_seconds(&clock, &record);
    for call in clock.delayed_calls() {
        call.cancel().expect("it is pending");
    }
    handle(&record).cancel_timeout();
    let kept = handle(&record);
    made.lose();
    drop(made);
    record.forget();
    kept.cancel_timeout();
    kept.set_timeout(Some(seconds(1.0)));
    assert_eq!(clock.pending(), 0);
}

#[test]
fn a_protocol_may_set_another_limit_for_its_own_connection() {
    let (clock, record) = (Clock::new(), Record::new());
    let (_, made) = three_seconds(&clock, &record);
    let other = Record::new();
    let (_, neighbour) = three_seconds(&clock, &other);
    handle(&record).set_timeout(Some(seconds(10.0)));
    clock.advance(seconds(3.0));
    assert!(neighbour.wire.disconnecting());
    clock.advance(seconds(6.9));
    assert!(!made.wire.disconnecting());
    clock.advance(seconds(0.1));
    assert!(made.wire.disconnecting());
}

#[test]
fn a_server_that_drains_is_not_held_up_by_a_cancelled_limit() {
    let (clock, record) = (Clock::new(), Record::new());
    let (factory, made) = three_seconds(&clock, &record);
    factory.drain_handle().drain(seconds(1.0));
    handle(&record).cancel_timeout();
    clock.advance(seconds(1.0));
    assert!(made.wire.disconnecting());
}

#[test]
fn a_lost_connection_has_no_timer() {
    let (clock, record) = (Clock::new(), Record::new());
    let (_, made) = three_seconds(&clock, &record);
    assert_eq!(clock.pending(), 1);
    made.lose();
    assert_eq!(clock.pending(), 0);
}

/// A protocol with a countdown of its own, which what it receives begins again.
struct Mixed {
    timeout: ConnectionTimeout,
}

impl Protocol for Mixed {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.timeout.set_timeout(transport, Some(seconds(3.0)));
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {
        self.timeout.reset_timeout();
    }
}

fn mixed(timeout: ConnectionTimeout) -> (ProtocolRef<Mixed>, Rc<StringTransport>) {
    let (mixed, wire) = (ProtocolRef::new(Mixed { timeout }), StringTransport::new());
    mixed.as_deliver().deliver(Event::ConnectionMade(&wire.as_transport()));
    (mixed, wire)
}

fn receive(mixed: &ProtocolRef<Mixed>) {
    mixed.as_deliver().deliver(Event::DataReceived(&mut b"x".to_owned()));
}

/// With the protocol's countdown.
fn with<R>(
    mixed: &ProtocolRef<Mixed>,
    call: impl FnOnce(&ConnectionTimeout, &Rc<dyn Transport>) -> R,
) -> R {
    let transport = mixed.transport().expect("it is connected");
    mixed.try_with(|mixed| call(&mixed.timeout, &transport)).expect("it does not run")
}

#[test]
fn a_countdown_is_one_call_of_the_clock_that_it_was_given() {
    let clock = Clock::new();
    let (_mixed, _) = mixed(ConnectionTimeout::new(clock.clone()));
    assert_eq!(clock.pending(), 1);
}

#[test]
fn a_countdown_of_three_seconds_is_not_over_before_and_is_over_after() {
    let clock = Clock::new();
    let (_mixed, wire) = mixed(ConnectionTimeout::new(clock.clone()));
    clock.advance(seconds(2.5));
    assert!(!wire.disconnecting());
    clock.advance(seconds(1.0));
    assert!(wire.disconnecting());
}

#[test]
fn a_countdown_that_is_begun_again_for_each_piece_is_over_when_none_came() {
    let clock = Clock::new();
    let (mixed, wire) = mixed(ConnectionTimeout::new(clock.clone()));
    clock.advance(seconds(2.5));
    receive(&mixed);
    clock.advance(seconds(2.5));
    assert!(!wire.disconnecting());
    clock.advance(seconds(1.0));
    assert!(wire.disconnecting());
}

#[test]
fn a_countdown_set_to_none_is_never_over_and_reads_back_as_none() {
    let clock = Clock::new();
    let (mixed, wire) = mixed(ConnectionTimeout::new(clock.clone()));
    with(&mixed, |timeout, transport| timeout.set_timeout(transport, None));
    clock.advance(seconds(9.0));
    assert!(!wire.disconnecting());
    assert_eq!(with(&mixed, |timeout, _| timeout.timeout()), None);
    assert_eq!(clock.pending(), 0);
}

#[test]
fn setting_a_countdown_answers_the_period_before() {
    let clock = Clock::new();
    let (mixed, _) = mixed(ConnectionTimeout::new(clock.clone()));
    let set = |period: Option<f64>| {
        with(&mixed, |timeout, transport| timeout.set_timeout(transport, period.map(seconds)))
    };
    set(None);
    assert_eq!(set(Some(5.0)), None);
    assert_eq!(set(Some(10.0)), Some(seconds(5.0)));
    assert_eq!(set(None), Some(seconds(10.0)));
    assert_eq!(set(None), None);
}

#[test]
fn setting_none_after_the_timer_was_cancelled_elsewhere_does_no_harm_and_clears_the_period() {
    let clock = Clock::new();
    let (mixed, _) = mixed(ConnectionTimeout::new(clock.clone()));
    clock.delayed_calls()[0].cancel().expect("it is pending");
    with(&mixed, |timeout, transport| timeout.set_timeout(transport, None));
    assert_eq!(with(&mixed, |timeout, _| timeout.timeout()), None);
}

#[test]
fn a_new_period_counts_in_full_from_now() {
    let clock = Clock::new();
    let (mixed, wire) = mixed(ConnectionTimeout::new(clock.clone()));
    clock.advance(seconds(2.0));
    with(&mixed, |timeout, transport| timeout.set_timeout(transport, Some(seconds(5.0))));
    assert_eq!(clock.pending(), 1);
    clock.advance(seconds(4.9));
    assert!(!wire.disconnecting());
    clock.advance(seconds(0.1));
    assert!(wire.disconnecting());
}

#[test]
fn a_countdown_that_does_not_run_is_not_begun_again_by_a_reset_but_by_a_new_period() {
    let (clock, over) = (Clock::new(), Rc::new(Cell::new(0)));
    let count = over.clone();
    let timeout =
        ConnectionTimeout::new(clock.clone()).on_timeout(move |_| count.set(count.get() + 1));
    let (mixed, wire) = mixed(timeout);
    with(&mixed, |timeout, transport| timeout.set_timeout(transport, None));
    receive(&mixed);
    assert_eq!(clock.pending(), 0, "none was set");
    with(&mixed, |timeout, transport| timeout.set_timeout(transport, Some(seconds(3.0))));
    clock.advance(seconds(3.0));
    assert_eq!(over.get(), 1);
    receive(&mixed);
    assert_eq!(clock.pending(), 0, "it is over");
    with(&mixed, |timeout, transport| timeout.set_timeout(transport, Some(seconds(3.0))));
    clock.advance(seconds(3.0));
    assert_eq!(over.get(), 2);
    assert!(!wire.disconnecting(), "what is called at its end is called in place of the close");
}

#[test]
fn a_countdown_that_is_over_closes_the_connection_in_order() {
    let clock = Clock::new();
    let (mixed, wire) = mixed(ConnectionTimeout::new(clock.clone()));
    mixed.transport().expect("it is connected").write(b"last words");
    clock.advance(seconds(3.0));
    assert!(wire.disconnecting() && !wire.aborting() && !wire.losing_with_reset());
    assert_eq!(wire.value(), b"last words");
}

#[test]
fn a_period_of_zero_is_over_at_once_and_does_not_disable() {
    let clock = Clock::new();
    let (mixed, wire) = mixed(ConnectionTimeout::new(clock.clone()));
    with(&mixed, |timeout, transport| timeout.set_timeout(transport, Some(Duration::ZERO)));
    assert!(!wire.disconnecting());
    clock.advance(Duration::ZERO);
    assert!(wire.disconnecting());
}

#[test]
fn a_countdown_ends_with_its_protocol() {
    let clock = Clock::new();
    let (mixed, wire) = mixed(ConnectionTimeout::new(clock.clone()));
    drop(mixed);
    assert_eq!(clock.pending(), 0);
    clock.advance(seconds(9.0));
    assert!(!wire.disconnecting());
}

#[test]
fn a_countdown_of_a_protocol_nests_below_the_limits_of_a_factory() {
    let clock = Clock::new();
    let own = clock.clone();
    let inner = factory_fn(move |_| Mixed { timeout: ConnectionTimeout::new(own.clone()) });
    let timeouts = Timeouts::default().with_first_byte(None).with_idle(Some(seconds(60.0)));
    let factory = TimeoutFactory::with_timeouts(inner, clock.clone(), timeouts);
    let made = Made::by(&factory);
    clock.advance(seconds(3.0));
    assert!(made.wire.disconnecting() && !made.wire.aborting());
    made.lose();
    drop(made);
    assert_eq!(clock.pending(), 0);
}
