//! Claims about `ProtocolRef`: the mailbox, its order, its end, and what a panic leaves behind.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use deferred::{Deferred, Promise};
use interfaces::{Deliver, Event, Protocol, Reason, Transport};
use ropewalk_protocol::testing::{Record, Recorder, StringTransport};
use ropewalk_protocol::{ProtocolRef, WeakProtocolRef};

/// What a [`Probe`] does with data; it finds itself by the reference in the log.
type Script = Box<dyn FnMut(&mut Probe, &Rc<dyn Transport>, &[u8])>;

/// A protocol that runs a script and keeps a log.
struct Probe {
    me: WeakProtocolRef<Probe>,
    log: Rc<RefCell<Vec<String>>>,
    script: Option<Script>,
}

impl Probe {
    fn connected(
        script: impl FnMut(&mut Probe, &Rc<dyn Transport>, &[u8]) + 'static,
    ) -> (ProtocolRef<Probe>, Rc<RefCell<Vec<String>>>) {
        let log = Rc::<RefCell<Vec<String>>>::default();
        let probe = ProtocolRef::new_cyclic(|me| Probe {
            me: me.clone(),
            log: log.clone(),
            script: Some(Box::new(script)),
        });
        let transport = StringTransport::new().as_transport();
        probe.as_deliver().deliver(Event::ConnectionMade(&transport));
        (probe, log)
    }

    fn say(&self, line: &str) {
        self.log.borrow_mut().push(line.to_owned());
    }
}

impl Protocol for Probe {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        let mut script = self.script.take().expect("a script does not run inside itself");
        self.say(&format!("data {} {{", data.escape_ascii()));
        script(self, transport, data);
        self.say("}");
        self.script = Some(script);
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.say(&format!("lost: {reason}"));
    }
}

fn receive(protocol: &Rc<dyn Deliver>, data: &[u8]) {
    protocol.deliver(Event::DataReceived(&mut data.to_vec()));
}

fn lose(protocol: &Rc<dyn Deliver>) {
    protocol.deliver(Event::ConnectionLost(&Reason::Done));
}

#[test]
fn a_free_protocol_is_called_at_once() {
    let (probe, log) = Probe::connected(|_, _, _| {});
    probe.enter(|probe| probe.say("called"));
    assert_eq!(*log.borrow(), ["called"]);
}

#[test]
fn a_deferred_fired_inside_a_call_may_call_the_same_protocol() {
    let promise = Cell::new(None::<Promise<u32>>);
    let (deferred, waiting) = Deferred::<u32>::new();
    promise.set(Some(waiting));
    let (probe, log) = Probe::connected(move |probe, _, _| {
        if let Some(promise) = promise.take() {
            promise.callback(7);
        }
        probe.say("fired");
    });
    let caller = probe.clone();
    let result = deferred.add_callback(move |number| {
        caller.enter(move |probe| probe.say(&format!("result {number}")));
        Ok(())
    });
    receive(&probe.as_deliver(), b"x");
    assert_eq!(*log.borrow(), ["data x {", "fired", "}", "result 7"]);
    assert!(matches!(result.try_into_result(), Ok(Ok(()))));
}

#[test]
fn calls_and_events_that_come_while_it_runs_keep_their_order() {
    let (probe, log) = Probe::connected(|probe, _, data| {
        if data != b"first" {
            return;
        }
        let me = probe.me.upgrade().expect("it runs");
        me.enter(|probe| {
            probe.say("call 1");
            probe.me.enter(|probe| probe.say("call of call 1"));
        });
        receive(&me.as_deliver(), b"second");
        me.enter_with(|probe, transport| probe.say(&format!("call 2 at {}", transport.host())));
    });
    receive(&probe.as_deliver(), b"first");
    let expected = [
        "data first {",
        "}",
        "call 1",
        "data second {",
        "}",
        "call 2 at 192.0.2.1:1234",
        "call of call 1",
    ];
    assert_eq!(*log.borrow(), expected);
}

#[test]
fn a_call_that_always_asks_for_the_next_one_needs_no_stack() {
    struct Countdown(u32, WeakProtocolRef<Countdown>);
    impl Protocol for Countdown {
        fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
    }
    fn step(countdown: &mut Countdown) {
        countdown.0 -= 1;
        if countdown.0 > 0 {
            countdown.1.enter(step);
        }
    }
    let countdown = ProtocolRef::new_cyclic(|me| Countdown(1_000_000, me.clone()));
    countdown.enter(step);
    assert_eq!(countdown.try_with(|countdown| countdown.0), Some(0));
}

#[test]
fn a_protocol_stays_in_its_place_when_it_runs() {
    struct Places([u8; 2048], Rc<RefCell<Vec<*const u8>>>);
    impl Places {
        fn note(&self) {
            self.1.borrow_mut().push(self.0.as_ptr());
        }
    }
    impl Protocol for Places {
        fn connection_made(&mut self, _: &Rc<dyn Transport>) {
            self.note();
        }
        fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {
            self.note();
        }
        fn connection_lost(&mut self, _: &Rc<dyn Transport>, _: &Reason) {
            self.note();
        }
    }
    let places = Rc::<RefCell<Vec<*const u8>>>::default();
    let protocol = ProtocolRef::new(Places([0; 2048], places.clone()));
    let deliver = protocol.as_deliver();
    protocol.try_with(Places::note);
    deliver.deliver(Event::ConnectionMade(&StringTransport::new().as_transport()));
    receive(&deliver, b"x");
    protocol.enter(|protocol| protocol.note());
    lose(&deliver);
    let places = places.borrow();
    assert_eq!(places.len(), 5);
    assert!(places.iter().all(|place| *place == places[0]), "{places:?}");
}

#[test]
fn a_look_is_refused_only_while_the_protocol_runs() {
    let (probe, log) = Probe::connected(|probe, _, _| {
        let me = probe.me.upgrade().expect("it runs");
        probe.say(&format!("{:?}", me.try_with(|_| ())));
    });
    receive(&probe.as_deliver(), b"x");
    assert_eq!(*log.borrow(), ["data x {", "None", "}"]);
    assert_eq!(probe.try_with(|probe| probe.log.borrow().len()), Some(3));
    lose(&probe.as_deliver());
    assert_eq!(probe.try_with(|_| "still there"), Some("still there"));
}

#[test]
fn what_happens_during_a_look_is_read_right_after_it() {
    let (probe, log) = Probe::connected(|_, _, _| {});
    let seen = probe.try_with(|inside| {
        inside.me.enter(|probe| probe.say("called"));
        inside.log.borrow().len()
    });
    assert_eq!((seen, log.borrow().len()), (Some(0), 1));
}

#[test]
fn the_connection_is_lost_once_and_nothing_comes_after_it() {
    let record = Record::new();
    let protocol = ProtocolRef::new(Recorder::new(&record));
    let deliver = protocol.as_deliver();
    deliver.deliver(Event::ConnectionMade(&StringTransport::new().as_transport()));
    lose(&deliver);
    lose(&deliver);
    receive(&deliver, b"late");
    deliver.deliver(Event::HandshakeCompleted);
    deliver.deliver(Event::ConnectionMade(&StringTransport::new().as_transport()));
    assert_eq!(record.calls(), ["connection_made", "connection_lost"]);
}

#[test]
fn calls_after_the_end_are_dropped_and_find_the_protocol_free() {
    struct Asks(ProtocolRef<Probe>, Rc<Cell<Option<usize>>>);
    impl Drop for Asks {
        fn drop(&mut self) {
            self.1.set(self.0.try_with(|probe| probe.log.borrow().len()));
        }
    }
    let (probe, log) = Probe::connected(|probe, _, _| {
        let me = probe.me.upgrade().expect("it runs");
        lose(&me.as_deliver());
        receive(&me.as_deliver(), b"never seen");
    });
    let (inside, after) = (Rc::new(Cell::new(None)), Rc::new(Cell::new(None)));
    let asks = Asks(probe.clone(), inside.clone());
    let me = probe.clone();
    probe.enter(move |_| {
        receive(&me.as_deliver(), b"x");
        lose(&me.as_deliver());
        me.enter(move |probe| {
            let _asks = asks;
            probe.say("never called");
        });
    });
    assert_eq!(*log.borrow(), ["data x {", "}", "lost: connection closed cleanly"]);
    assert_eq!(inside.get(), Some(3), "the call was dropped when the protocol was free");

    let asks = Asks(probe.clone(), after.clone());
    probe.enter(move |_| drop(asks));
    assert_eq!(after.get(), Some(3));
}

#[test]
fn after_a_panic_the_protocol_is_in_its_place_and_what_waited_comes_first() {
    let ways: [fn(&ProtocolRef<Probe>); 3] = [
        |probe| receive(&probe.as_deliver(), b"next"),
        |probe| probe.enter(|probe| probe.say("next")),
        |probe| probe.enter_with(|probe, _| probe.say("next")),
    ];
    for way in ways {
        let (probe, log) = Probe::connected(|probe, _, _| {
            probe.me.enter(|probe| {
                probe.script = Some(Box::new(|_, _, _| {}));
                probe.say("waited");
            });
            panic!("as planned");
        });
        let deliver = probe.as_deliver();
        assert!(catch_unwind(AssertUnwindSafe(|| receive(&deliver, b"bad"))).is_err());
        way(&probe);
        lose(&deliver);
        let log = log.borrow();
        assert_eq!(log[..2], ["data bad {", "waited"]);
        assert!(log[2].contains("next"));
        assert_eq!(log.last().map(String::as_str), Some("lost: connection closed cleanly"));
    }
}

#[test]
fn a_panic_in_connection_lost_still_ends_it() {
    let string = StringTransport::new();
    let record = Record::new();
    let recorder = Recorder::new(&record).on_lost(|_| panic!("as planned"));
    let protocol = ProtocolRef::new(recorder);
    let deliver = protocol.as_deliver();
    deliver.deliver(Event::ConnectionMade(&string.as_transport()));
    assert!(catch_unwind(AssertUnwindSafe(|| lose(&deliver))).is_err());
    lose(&deliver);
    record.forget();
    assert!(protocol.transport().is_none());
    assert_eq!(Rc::strong_count(&string), 1);
}

#[test]
fn events_queue_with_copies_of_what_they_bring() {
    let record = Record::new();
    let protocol = ProtocolRef::new(Recorder::new(&record).half_closeable());
    let deliver = protocol.as_deliver();
    let string = StringTransport::new();
    let (inside, transport) = (deliver.clone(), string.as_transport());
    protocol.enter(move |_| {
        inside.deliver(Event::ConnectionMade(&transport));
        let mut data = *b"abc";
        inside.deliver(Event::DataReceived(&mut data));
        data = *b"xyz";
        inside.deliver(Event::ReadConnectionLost);
        inside.deliver(Event::WriteConnectionLost);
        inside.deliver(Event::HandshakeCompleted);
        inside.deliver(Event::ConnectionLost(&Reason::Aborted));
        assert_eq!(&data, b"xyz");
    });
    assert_eq!(record.received(), b"abc");
    let expected = [
        "connection_made",
        "data_received",
        "read_connection_lost",
        "write_connection_lost",
        "handshake_completed",
        "connection_lost",
    ];
    assert_eq!(record.calls(), expected);
    assert!(matches!(record.lost(), Some(Reason::Aborted)));
}

#[test]
fn the_last_reference_frees_the_protocol_and_a_weak_one_does_not_hold_it() {
    let (probe, log) = Probe::connected(|_, _, _| {});
    let weak = probe.downgrade();
    let other = weak.upgrade().expect("it lives");
    assert!(probe.ptr_eq(&other));
    drop((probe, other));
    assert!(weak.upgrade().is_none());
    let dropped = Rc::new(());
    let held = dropped.clone();
    weak.enter(move |_| drop(held));
    assert_eq!((Rc::strong_count(&dropped), Rc::strong_count(&log)), (1, 1));
}
