//! Claims about a `ProtocolRef` through its connection's life: its transport, its roles, its end.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use interfaces::{
    Deliver, Event, HalfCloseableProtocol, HandshakeListener, Protocol, Reason, Transport,
};
use ropewalk_protocol::testing::{Record, Recorder, Seen, StringTransport};
use ropewalk_protocol::{ProtocolRef, WeakProtocolRef};

fn receive(protocol: &Rc<dyn Deliver>, data: &[u8]) {
    protocol.deliver(Event::DataReceived(&mut data.to_vec()));
}

fn lose(protocol: &Rc<dyn Deliver>) {
    protocol.deliver(Event::ConnectionLost(&Reason::Done));
}

#[test]
fn the_transport_is_there_from_connection_made_to_connection_lost_and_then_let_go() {
    struct Watches(WeakProtocolRef<Watches>, Rc<RefCell<Vec<bool>>>);
    impl Watches {
        fn note(&self) {
            let me = self.0.upgrade().expect("it runs");
            self.1.borrow_mut().push(me.transport().is_some());
        }
    }
    impl Protocol for Watches {
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
    let seen = Rc::<RefCell<Vec<bool>>>::default();
    let protocol = ProtocolRef::new_cyclic(|me| Watches(me.clone(), seen.clone()));
    assert!(protocol.transport().is_none());

    let string = StringTransport::new();
    let weak = Rc::downgrade(&string);
    let deliver = protocol.as_deliver();
    deliver.deliver(Event::ConnectionMade(&string.as_transport()));
    receive(&deliver, b"x");
    drop(string);
    assert!(weak.upgrade().is_some(), "the reference keeps the transport");
    lose(&deliver);
    assert_eq!(*seen.borrow(), [true; 3]);
    assert!(protocol.transport().is_none());
    assert!(weak.upgrade().is_none(), "the transport is let go");
}

#[test]
fn a_call_with_the_transport_is_dropped_where_there_is_none() {
    let calls = Rc::new(Cell::new(0));
    let record = Record::new();
    let protocol = ProtocolRef::new(Recorder::new(&record));
    let call = || {
        let calls = calls.clone();
        protocol.enter_with(move |_, _| calls.set(calls.get() + 1));
    };
    call();
    protocol.as_deliver().deliver(Event::ConnectionMade(&StringTransport::new().as_transport()));
    call();
    lose(&protocol.as_deliver());
    call();
    assert_eq!(calls.get(), 1);
}

#[test]
fn a_protocol_that_never_heard_of_its_connection_does_not_hear_of_its_end() {
    let record = Record::new();
    let protocol = ProtocolRef::new(Recorder::new(&record)).as_deliver();
    receive(&protocol, b"early");
    lose(&protocol);
    protocol.deliver(Event::ConnectionMade(&StringTransport::new().as_transport()));
    assert!(record.calls().is_empty());
}

/// Changes its mind about half-close, and listens to handshakes.
struct Roles {
    half_closeable: bool,
    log: Rc<RefCell<Vec<&'static str>>>,
}

impl Protocol for Roles {
    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {
        self.half_closeable = !self.half_closeable;
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        if self.half_closeable { Some(self) } else { None }
    }

    fn as_handshake_listener(&mut self) -> Option<&mut dyn HandshakeListener> {
        Some(self)
    }
}

impl HalfCloseableProtocol for Roles {
    fn read_connection_lost(&mut self, _: &Rc<dyn Transport>) {
        self.log.borrow_mut().push("read lost");
    }

    fn write_connection_lost(&mut self, _: &Rc<dyn Transport>) {
        self.log.borrow_mut().push("write lost");
    }
}

impl HandshakeListener for Roles {
    fn handshake_completed(&mut self, transport: &Rc<dyn Transport>) {
        transport.write(b"secret");
        self.log.borrow_mut().push("handshake");
    }
}

#[test]
fn events_of_a_role_reach_the_protocols_that_have_it() {
    let log = Rc::<RefCell<Vec<&'static str>>>::default();
    let string = StringTransport::new();
    let roles = ProtocolRef::new(Roles { half_closeable: false, log: log.clone() }).as_deliver();
    roles.deliver(Event::ConnectionMade(&string.as_transport()));
    roles.deliver(Event::ReadConnectionLost);
    roles.deliver(Event::HandshakeCompleted);
    receive(&roles, b"now with the role");
    roles.deliver(Event::ReadConnectionLost);
    roles.deliver(Event::WriteConnectionLost);
    assert_eq!(*log.borrow(), ["handshake", "read lost", "write lost"]);
    assert_eq!(string.value(), b"secret");
}

#[test]
fn an_event_added_later_reaches_the_protocol_at_once_and_through_the_queue() {
    let record = Record::new();
    let protocol = ProtocolRef::new(Recorder::new(&record));
    let deliver = protocol.as_deliver();
    deliver.deliver(Event::Unknown(0));
    deliver.deliver(Event::ConnectionMade(&StringTransport::new().as_transport()));
    deliver.deliver(Event::Unknown(1));
    let inside = deliver.clone();
    protocol.enter(move |_| inside.deliver(Event::Unknown(2)));
    lose(&deliver);
    deliver.deliver(Event::Unknown(3));
    let numbers: Vec<u32> = record
        .seen()
        .iter()
        .filter_map(|seen| match seen {
            Seen::UnknownEvent(number) => Some(*number),
            _ => None,
        })
        .collect();
    assert_eq!(numbers, [1, 2], "from connection_made to connection_lost, and only then");
}

#[test]
fn a_running_protocol_is_half_closeable_if_it_was_when_last_asked() {
    let log = Rc::default();
    let roles = ProtocolRef::new(Roles { half_closeable: true, log });
    let deliver = roles.as_deliver();
    deliver.deliver(Event::ConnectionMade(&StringTransport::new().as_transport()));
    let answer = Rc::new(Cell::new(None));
    let (asked, answered) = (deliver.clone(), answer.clone());
    roles.enter(move |roles| {
        roles.half_closeable = false;
        answered.set(Some(asked.is_half_closeable()));
    });
    assert_eq!(answer.get(), Some(true), "as at connection_made");
    assert!(!deliver.is_half_closeable(), "a free protocol is asked");
}

#[test]
fn a_reference_shows_its_protocols_type_and_peer() {
    let record = Record::new();
    let protocol = ProtocolRef::new(Recorder::new(&record));
    assert!(format!("{protocol:?}").ends_with("::Recorder>(not connected)"), "{protocol:?}");
    protocol.as_deliver().deliver(Event::ConnectionMade(&StringTransport::new().as_transport()));
    assert!(format!("{protocol:?}").ends_with("::Recorder>(192.0.2.2:1234)"), "{protocol:?}");
    lose(&protocol.as_deliver());
    assert!(format!("{protocol:?}").ends_with("::Recorder>(connection lost)"), "{protocol:?}");
}
