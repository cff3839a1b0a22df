//! A panic in foreign code costs that connection or that call, and no other.

use std::cell::{Cell, RefCell};
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::rc::Rc;
use std::time::Duration;

use crate::support::{Echo, Lines, RecordExt as _, listen, turn_until};
use interfaces::{
    ConnectError, ConnectTcp, HalfCloseableProtocol, Producer, Protocol, PullProducer,
    PushProducer, ReactorTcp as _, Reason, Transport,
};
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::{Counts, Reactor};
use testkit::once;

/// Where a protocol panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Factory,
    Made,
    Received,
    Asked,
    ReadEnded,
    Lost,
    Dropped,
    PushPaused,
    PullResumed,
}

impl Place {
    const ALL: [Self; 9] = [
        Self::Factory,
        Self::Made,
        Self::Received,
        Self::Asked,
        Self::ReadEnded,
        Self::Lost,
        Self::Dropped,
        Self::PushPaused,
        Self::PullResumed,
    ];

    /// Whether the connection itself dies of it, rather than being over already.
    fn kills(self) -> bool {
        !matches!(self, Self::Factory | Self::Lost | Self::Dropped)
    }
}

struct Bad {
    place: Place,
    reasons: Rc<RefCell<Vec<Reason>>>,
}

impl Bad {
    fn at(&self, place: Place) {
        assert!(self.place != place, "on purpose");
    }
}

impl Protocol for Bad {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.at(Place::Made);
        match self.place {
            Place::PushPaused => {
                let producer: Rc<dyn PushProducer> = Rc::new(BadProducer);
                transport.register_producer(Producer::Push(producer)).unwrap();
            }
            Place::PullResumed => {
                let producer: Rc<dyn PullProducer> =
                    Rc::new(BadPull(Cell::new(3), transport.clone()));
                transport.register_producer(Producer::Pull(producer)).unwrap();
            }
            _ => transport.write(b"hello"),
        }
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, _: &[u8]) {
        self.at(Place::Received);
        transport.write(&vec![0; 8 << 20]);
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.reasons.borrow_mut().push(reason.clone());
        self.at(Place::Lost);
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        self.at(Place::Asked);
        if self.place == Place::ReadEnded { Some(self) } else { None }
    }
}

impl HalfCloseableProtocol for Bad {
    fn read_connection_lost(&mut self, _: &Rc<dyn Transport>) {
        self.at(Place::ReadEnded);
    }
}

impl Drop for Bad {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.at(Place::Dropped);
        }
    }
}

struct BadProducer;

impl PushProducer for BadProducer {
    fn pause_producing(&self) {
        panic!("on purpose");
    }
    fn resume_producing(&self) {}
    fn stop_producing(&self) {
        panic!("on purpose");
    }
}

/// Panics when it is asked for its fourth piece.
struct BadPull(Cell<u32>, Rc<dyn Transport>);

impl PullProducer for BadPull {
    fn resume_producing(&self) {
        self.0.set(self.0.get().checked_sub(1).expect("on purpose"));
        self.1.write(b"piece");
    }
    fn stop_producing(&self) {}
}

/// Whether the connection has ended for the client, and how.
fn end_of(client: &mut TcpStream) -> Option<io::Result<()>> {
    let mut buffer = [0; 65536];
    loop {
        match client.read(&mut buffer) {
            Ok(0) => return Some(Ok(())),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Err(error) => return Some(Err(error)),
        }
    }
}

fn is_reset(end: &io::Result<()>) -> bool {
    end.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset)
}

#[test]
fn wherever_a_protocol_panics_it_costs_that_connection_only() {
    for place in Place::ALL {
        let reactor = Reactor::new().unwrap();
        let lines = Lines::watch(&reactor);
        let reasons = Rc::new(RefCell::new(Vec::new()));
        let told = reasons.clone();
        let factory = protocol::factory_fn(move |_: &interfaces::Address| {
            assert!(place != Place::Factory, "on purpose");
            Bad { place, reasons: told.clone() }
        });
        let (_port, address) = listen(&reactor, factory);
        let (_other_port, others) = listen(&reactor, protocol::factory_fn(|_: &_| Echo));
        let mut other = TcpStream::connect(others).unwrap();
        other.set_nonblocking(true).unwrap();
        let mut client = TcpStream::connect(address).unwrap();
        client.set_nonblocking(true).unwrap();
        let _ = client.write_all(b"data");
        let ends_itself = matches!(place, Place::ReadEnded | Place::Lost | Place::Dropped);
        if ends_itself {
            turn_until(&reactor, "it has answered", || client.read(&mut [0; 65536]).is_ok());
            client.shutdown(std::net::Shutdown::Write).unwrap();
        }
        let mut end = None;
        turn_until(&reactor, "it ended for the client", || {
            end = end.take().or_else(|| end_of(&mut client));
            end.is_some() && reactor.counts().streams == 1
        });
        assert!(lines.count("on purpose") > 0, "{place:?}");
        let reasons = reasons.take();
        match place {
            Place::Factory => assert!(reasons.is_empty()),
            _ => assert_eq!(reasons.len(), 1, "{place:?}: {reasons:?}"),
        }
        if place.kills() {
            assert!(matches!(&reasons[0], Reason::Panicked(words) if words.contains("on purpose")));
        }
        if place.kills() || place == Place::Factory {
            assert!(is_reset(&end.unwrap()), "{place:?}");
        } else {
            assert!(reasons[0].is_clean(), "{place:?}");
        }
        other.write_all(b"ping").unwrap();
        let mut answer = [0; 4];
        turn_until(&reactor, "the others go on", || other.read_exact(&mut answer).is_ok());
        assert_eq!(reactor.counts().ports, 2, "{place:?}");
        drop(other);
        reactor.disconnect_all();
        assert_eq!(reactor.counts(), Counts::default(), "{place:?}");
    }
}

#[test]
fn a_panic_in_a_timer_costs_that_call_only() {
    let reactor = Reactor::new().unwrap();
    let lines = Lines::watch(&reactor);
    let ran = Rc::new(Cell::new(0));
    for number in 0..5 {
        let ran = ran.clone();
        reactor.call_later(Duration::ZERO, move || {
            assert!(number != 2, "on purpose");
            ran.set(ran.get() + 1);
        });
    }
    turn_until(&reactor, "the others ran", || ran.get() == 4);
    assert_eq!(lines.count("on purpose"), 1);
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn a_panic_in_a_clients_factory_fails_the_attempt() {
    let reactor = Reactor::new().unwrap();
    let lines = Lines::watch(&reactor);
    let (_port, address) = listen(&reactor, protocol::factory_fn(|_: &_| Echo));
    let told = Rc::new(RefCell::new(None));
    let slot = told.clone();
    let factory = protocol::factory_fn(|_: &interfaces::Address| -> Echo { panic!("on purpose") });
    let attempt = reactor.connect_tcp(&ConnectTcp::new(address), factory);
    drop(attempt.add_errback(move |failure| {
        slot.replace(Some(failure.trap::<ConnectError>()));
        Ok(())
    }));
    turn_until(&reactor, "the attempt failed", || told.borrow().is_some());
    let error = told.take().unwrap().unwrap();
    assert!(matches!(&*error, ConnectError::NoProtocol { .. }));
    assert_eq!(lines.count("on purpose"), 1);
    let mut one_port = Counts::default();
    one_port.ports = 1;
    turn_until(&reactor, "nothing is left", || reactor.counts() == one_port);
}

#[test]
fn an_observer_that_panics_is_nobodys_business() {
    struct Bad;
    impl interfaces::Observer for Bad {
        fn observe(&self, _: &interfaces::ReactorEvent<'_>) {
            panic!("on purpose");
        }
    }
    let reactor = Reactor::new().unwrap();
    reactor.set_observer(Rc::new(Bad));
    let seen = Record::new();
    let factory = once(Recorder::new(&seen).on_data(|_, _| panic!("on purpose")));
    let (port, address) = listen(&reactor, factory);
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"data").unwrap();
    turn_until(&reactor, "it is lost", || seen.is_lost());
    assert!(matches!(seen.reason(), Reason::Panicked(_)));
    drop(port.stop_listening());
    seen.forget();
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn protocols_that_panic_when_they_are_dropped_do_not_end_the_process() {
    let reactor = Reactor::new().unwrap();
    let factory = protocol::factory_fn(|_: &interfaces::Address| Bad {
        place: Place::Dropped,
        reasons: Rc::default(),
    });
    let (_port, address) = listen(&reactor, factory);
    let clients: Vec<_> = (0..4).map(|_| TcpStream::connect(address).unwrap()).collect();
    turn_until(&reactor, "all are connected", || reactor.counts().streams == 4);
    drop(reactor);
    drop(clients);
}
