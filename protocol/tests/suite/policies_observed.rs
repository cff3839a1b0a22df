//! The beginning and the end of connections, for an observer.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{Event, Factory as _, Observer, ReactorEvent, Reason, Transport as _};
use ropewalk_protocol::FactoryFn;
use ropewalk_protocol::policies::ObservedFactory;
use ropewalk_protocol::testing::{Clock, Record, Recorder, StringTransport};

use crate::support::policy::{Made, recording};

#[derive(Clone, Default)]
struct Told(Rc<RefCell<Vec<String>>>);

impl Observer for Told {
    fn observe(&self, event: &ReactorEvent<'_>) {
        let line = match event {
            ReactorEvent::ConnectionOpened { connection, .. } => format!("{connection} opened"),
            ReactorEvent::ConnectionClosed { connection, received, sent, time, reason, .. } => {
                format!("{connection} {received} {sent} {time:?} {reason}")
            }
            ReactorEvent::ConnectionRefused { peer } => format!("refused {peer}"),
            other => format!("{other:?}"),
        };
        self.0.borrow_mut().push(line);
    }
}

#[test]
fn a_connection_is_told_at_its_beginning_and_with_its_bytes_at_its_end() {
    let (clock, record, told) = (Clock::new(), Record::new(), Told::default());
    let factory = ObservedFactory::new(recording(&record), clock.clone(), Rc::new(told.clone()));
    let first = Made::by(&factory);
    first.receive(b"abc");
    record.transport().write(b"de");
    record.transport().write_sequence(vec![b"f"[..].into(); 4]);
    let second = Made::by(&factory);
    clock.advance(Duration::from_secs(3));
    first.lose();
    second.running.deliver(Event::ConnectionLost(&Reason::Aborted));
    let expected = [
        "1 opened",
        "2 opened",
        "1 3 6 3s connection closed cleanly",
        "2 0 0 3s connection aborted",
    ];
    assert_eq!(*told.0.borrow(), expected);
    assert_eq!(record.received(), b"abc");
}

#[test]
fn a_peer_that_the_factory_refuses_is_told_and_one_that_is_dropped_before_it_is_made_is_not() {
    let told = Told::default();
    let refusing = FactoryFn::optional(|_| None::<Recorder>).into_rc();
    let factory = ObservedFactory::new(refusing, Clock::new(), Rc::new(told.clone()));
    let peer = StringTransport::new().peer();
    assert!(factory.build_protocol(&peer).is_none());
    assert_eq!(*told.0.borrow(), [format!("refused {peer}")]);
    told.0.borrow_mut().clear();
    let record = Record::new();
    let factory = ObservedFactory::new(recording(&record), Clock::new(), Rc::new(told.clone()));
    drop(factory.build_protocol(&peer));
    assert!(told.0.borrow().is_empty());
}
