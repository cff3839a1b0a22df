//! How a datagram port begins and ends, and what a panic of its protocol costs.

use std::cell::RefCell;
use std::rc::Rc;

use deferred::Deferred;
use interfaces::{
    Address, DatagramProtocol, DatagramTransport, ListenUdp, ReactorCore as _, ReactorUdp as _,
    SendError,
};
use protocol::datagram_protocol;
use protocol::testing::{DatagramRecorder, SeenDatagram};
use ropewalk_reactor::{Counts, Reactor};

use crate::support::datagrams::{PortKind, Ports, echo};
use crate::support::{Lines, turn_until};

type Log = Rc<RefCell<Vec<&'static str>>>;

/// Has the firing of a Deferred noted.
fn note(deferred: Deferred<()>, log: &Log, word: &'static str) {
    let log = log.clone();
    drop(deferred.add_callback(move |()| {
        log.borrow_mut().push(word);
        Ok::<_, deferred::Failure>(())
    }));
}

#[test]
fn a_protocol_starts_with_its_port_and_stops_once_before_the_deferred_fires() {
    for kind in PortKind::ALL {
        let ports = Ports::new(kind);
        let log = Log::default();
        let noting = log.clone();
        let (protocol, record) = DatagramRecorder::new(move |seen, _| {
            noting.borrow_mut().push(match seen {
                SeenDatagram::Started => "started",
                SeenDatagram::Stopped => "stopped",
                _ => "other",
            });
        });
        let port = ports.open(protocol);
        assert_eq!(*log.borrow(), ["started"], "before the call returns");
        assert_eq!(ports.reactor.counts().datagram_ports, 1);
        note(port.stop_listening(), &log, "fired");
        note(port.stop_listening(), &log, "fired");
        assert_eq!(*log.borrow(), ["started"], "on a later turn");
        turn_until(&ports.reactor, "it has stopped", || log.borrow().len() == 4);
        assert_eq!(*log.borrow(), ["started", "stopped", "fired", "fired"]);
        note(port.stop_listening(), &log, "at once");
        assert_eq!(log.borrow().last(), Some(&"at once"));
        assert_eq!(record.count(&SeenDatagram::Stopped), 1);
        assert_eq!(ports.reactor.counts(), Counts::default(), "{kind:?}");
        let host = port.host();
        assert_eq!(port.send_to(b"x", &host), Err(SendError::Closed { host }));
    }
}

#[test]
fn a_stop_from_within_the_start_is_told_after_the_start_has_returned() {
    for kind in PortKind::ALL {
        let ports = Ports::new(kind);
        let log = Log::default();
        let noting = log.clone();
        let (protocol, _) = DatagramRecorder::new(move |seen, transport| match seen {
            SeenDatagram::Started => {
                noting.borrow_mut().push("start begins");
                note(transport.stop_listening(), &noting, "fired");
                noting.borrow_mut().push("start ends");
            }
            _ => noting.borrow_mut().push("stopped"),
        });
        drop(ports.open(protocol));
        assert_eq!(*log.borrow(), ["start begins", "start ends"]);
        turn_until(&ports.reactor, "it has stopped", || log.borrow().len() == 4);
        assert_eq!(*log.borrow(), ["start begins", "start ends", "stopped", "fired"]);
    }
}

#[test]
fn the_same_protocol_runs_again_on_another_port() {
    let reactor = Reactor::new().unwrap();
    let (protocol, record) = DatagramRecorder::silent();
    for runs in 1..=3 {
        let options = ListenUdp::new(([127, 0, 0, 1], 0));
        let port = reactor.listen_udp(&options, protocol.clone()).unwrap();
        port.send_to(b"own", &port.host()).unwrap();
        turn_until(&reactor, "it runs", || record.received().len() == runs);
        drop(port.stop_listening());
        turn_until(&reactor, "it stops", || record.count(&SeenDatagram::Stopped) == runs);
        assert_eq!(record.count(&SeenDatagram::Started), runs);
    }
}

#[test]
fn an_operator_is_told_of_the_real_address_when_a_port_opens_and_closes() {
    for kind in PortKind::ALL {
        let ports = Ports::new(kind);
        let lines = Lines::watch(&ports.reactor);
        let port = ports.open(DatagramRecorder::silent().0);
        let told = format!("address: {:?}, factory: \"DatagramRecorder\"", port.host());
        let started = format!("ListeningStarted {{ {told} }}");
        let stopped = format!("ListeningStopped {{ {told} }}");
        assert_ne!(port.host().port(), Some(0));
        assert_eq!(lines.count(&started), 1);
        drop(port.stop_listening());
        assert_eq!(*lines.0.borrow(), [started, stopped], "{kind:?}");
    }
}

#[test]
fn a_reactor_that_stops_tells_each_protocol_once() {
    let reactor = Reactor::new().unwrap();
    let options = ListenUdp::new(([127, 0, 0, 1], 0));
    let (protocol, runs) = DatagramRecorder::silent();
    let port = reactor.listen_udp(&options, protocol).unwrap();
    let (protocol, stops) = DatagramRecorder::silent();
    let stopping = reactor.listen_udp(&options, protocol).unwrap();
    let fired = Log::default();
    let (stopper, firing) = (reactor.clone(), fired.clone());
    reactor.call_when_running(Box::new(move || {
        stopper.stop().unwrap();
        note(stopping.stop_listening(), &firing, "fired");
    }));
    reactor.run().unwrap();
    for record in [runs, stops] {
        assert_eq!(record.seen(), [SeenDatagram::Started, SeenDatagram::Stopped]);
    }
    assert_eq!(*fired.borrow(), ["fired"]);
    assert_eq!(reactor.counts(), Counts::default());
    drop(port);
}

#[test]
fn a_reactor_that_is_dropped_closes_its_ports_and_tells_none() {
    let ports = Ports::new(PortKind::UdpV4);
    let (protocol, record) = DatagramRecorder::silent();
    let port = ports.open(protocol);
    let address = port.host().as_socket_addr().unwrap();
    drop(ports);
    assert_eq!(record.seen(), [SeenDatagram::Started]);
    drop(std::net::UdpSocket::bind(address).unwrap());
    let host = port.host();
    assert_eq!(port.send_to(b"x", &host), Err(SendError::Closed { host }));
}

#[test]
fn what_was_sent_before_the_stop_leaves_and_nothing_is_received_after_it() {
    for kind in PortKind::ALL {
        let ports = Ports::new(kind);
        let (protocol, record) = DatagramRecorder::silent();
        let server = ports.open(protocol);
        let (protocol, client_record) = DatagramRecorder::silent();
        let client = ports.open(protocol);
        server.send_to(b"late", &client.host()).unwrap();
        client.send_to(b"last words", &server.host()).unwrap();
        drop(client.stop_listening());
        turn_until(&ports.reactor, "it came", || !record.received().is_empty());
        assert_eq!(record.received(), [b"last words"], "{kind:?}");
        assert!(client_record.received().is_empty(), "{kind:?}");
    }
}

/// Panics at one place.
struct Bad {
    at: &'static str,
    log: Log,
}

impl Bad {
    fn called(&self, name: &'static str) {
        self.log.borrow_mut().push(name);
        assert!(self.at != name, "on purpose");
    }
}

impl DatagramProtocol for Bad {
    fn start_protocol(&mut self, _: &Rc<dyn DatagramTransport>) {
        self.called("start");
    }

    fn datagram_received(&mut self, _: &Rc<dyn DatagramTransport>, _: &[u8], _: &Address) {
        self.called("received");
    }

    fn datagram_truncated(
        &mut self,
        _: &Rc<dyn DatagramTransport>,
        _: &[u8],
        _: usize,
        _: &Address,
    ) {
        self.called("truncated");
    }

    fn stop_protocol(&mut self, _: &Rc<dyn DatagramTransport>) {
        self.called("stop");
    }
}

impl Drop for Bad {
    fn drop(&mut self) {
        self.called("drop");
    }
}

#[test]
fn a_panic_costs_its_port_only() {
    for kind in PortKind::ALL {
        for at in ["start", "received", "truncated", "stop", "drop"] {
            let ports = Ports::new(kind);
            let lines = Lines::watch(&ports.reactor);
            let (protocol, others) = echo();
            let other = ports.open(protocol);
            let log = Log::default();
            let bad = ports.open_with(3, datagram_protocol(Bad { at, log: log.clone() }));
            if at != "start" {
                for data in [&b"one"[..], b"three", b"two"] {
                    other.send_to(data, &bad.host()).unwrap();
                }
            }
            if matches!(at, "stop" | "drop") {
                turn_until(&ports.reactor, "all came", || log.borrow().len() == 4);
                drop(bad.stop_listening().add_errback(|_| Ok(())));
            }
            turn_until(&ports.reactor, "it is gone", || log.borrow().contains(&"drop"));
            let expected: &[&str] = match at {
                "start" => &["start", "stop", "drop"],
                "received" => &["start", "received", "stop", "drop"],
                "truncated" => &["start", "received", "truncated", "stop", "drop"],
                _ => &["start", "received", "truncated", "received", "stop", "drop"],
            };
            assert_eq!(*log.borrow(), expected, "{kind:?} {at}");
            assert_eq!(lines.count("on purpose"), 1, "{kind:?} {at}");
            assert_eq!(ports.reactor.counts().datagram_ports, 1);
            let (protocol, answers) = DatagramRecorder::silent();
            let client = ports.open(protocol);
            client.send_to(b"still there?", &other.host()).unwrap();
            turn_until(&ports.reactor, "the other answers", || !answers.received().is_empty());
            drop(others);
        }
    }
}

#[test]
fn a_stop_that_panics_fails_its_deferred() {
    let ports = Ports::new(PortKind::UdpV4);
    drop(Lines::watch(&ports.reactor));
    let port = ports.open(datagram_protocol(Bad { at: "stop", log: Log::default() }));
    let failed = Rc::new(RefCell::new(None));
    let seen = failed.clone();
    drop(port.stop_listening().add_errback(move |failure| {
        seen.replace(Some(failure.to_string()));
        Ok(())
    }));
    turn_until(&ports.reactor, "it fails", || failed.borrow().is_some());
    assert_eq!(failed.borrow().as_deref(), Some("protocol panicked: on purpose"));
}
