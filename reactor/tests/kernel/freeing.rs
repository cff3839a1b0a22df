//! A reactor that has stopped or was dropped leaves nothing behind.

use std::cell::RefCell;
use std::io::Read as _;
use std::net::TcpStream;
use std::rc::{Rc, Weak};
use std::time::Duration;

use crate::support::busy::BusyServer;
use crate::support::{PATIENCE, RecordExt as _, echo, listen, turn_until};
use deferred::{Deferred, Failure};
use interfaces::{Phase, ReactorCore as _, ReactorThreads as _, ReactorUnix as _, SystemEvent};
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::{Counts, Reactor};
use testkit::{once, result_of};

fn stop_soon(reactor: &Reactor) {
    let stopper = reactor.clone();
    reactor.call_when_running(Box::new(move || stopper.stop().unwrap()));
}

/// A value, and a weak reference that shows when the value is dropped.
fn token() -> (Rc<()>, Weak<()>) {
    let token = Rc::new(());
    let weak = Rc::downgrade(&token);
    (token, weak)
}

/// Gives a reactor one of everything that can hold a token, and the reactor itself where `itself`.
fn furnish(
    reactor: &Reactor,
    itself: bool,
) -> (Vec<(&'static str, Weak<()>)>, (TcpStream, BusyServer)) {
    let busy = BusyServer::new();
    let mut tokens = Vec::new();
    let mut next = |name| {
        let (token, weak) = token();
        tokens.push((name, weak));
        (token, itself.then(|| reactor.clone()))
    };
    let held = next("timer");
    reactor.call_later(Duration::from_secs(3600), move || drop(held));
    let held = next("task");
    drop(reactor.spawn(async move {
        std::future::pending::<()>().await;
        drop(held);
        Ok::<(), Failure>(())
    }));
    let held = next("factory");
    let (protocol, transport) = (next("protocol"), Rc::new(RefCell::new(None)));
    let protocol = Rc::new(protocol);
    let factory = protocol::factory_fn(move |_: &interfaces::Address| {
        let _ = &held;
        let (protocol, transport) = (protocol.clone(), transport.clone());
        let mut own = None;
        Recorder::new(&Record::new())
            .on_made(move |made| {
                // A protocol that keeps its transport, in two places.
                own.replace(made.clone());
                transport.replace(Some(made.clone()));
            })
            .on_data(move |_, _| drop(protocol.clone()))
    });
    let (_port, address) = listen(reactor, factory);
    let client = TcpStream::connect(address).unwrap();
    let held = next("attempt");
    let factory = protocol::factory_fn(move |_: &interfaces::Address| {
        let _ = &held;
        crate::support::Echo
    });
    drop(reactor.connect_unix(&busy.address, factory).add_errback(|_| Ok(())));
    let held = next("work");
    reactor.call_in_thread(Box::new(|| {}), Box::new(move |_| drop(held)));
    (tokens, (client, busy))
}

fn living(tokens: &[(&'static str, Weak<()>)]) -> Vec<&'static str> {
    tokens.iter().filter(|(_, token)| token.strong_count() > 0).map(|(name, _)| *name).collect()
}

#[test]
fn dropping_the_last_handle_frees_everything_also_with_connections_open() {
    let reactor = Reactor::new().unwrap();
    let (mut tokens, (mut client, _busy)) = furnish(&reactor, false);
    for (name, event) in [("startup", SystemEvent::Startup), ("shutdown", SystemEvent::Shutdown)] {
        let (held, weak) = token();
        tokens.push((name, weak));
        let trigger = Box::new(move || {
            drop(held);
            Deferred::succeed(())
        });
        reactor.add_system_event_trigger(Phase::During, event, trigger);
    }
    let (held, weak) = token();
    tokens.push(("observer", weak));
    struct Watcher(#[allow(dead_code, reason = "it is only held")] Rc<()>);
    impl interfaces::Observer for Watcher {
        fn observe(&self, _: &interfaces::ReactorEvent<'_>) {}
    }
    reactor.set_observer(Rc::new(Watcher(held)));
    turn_until(&reactor, "it is connected", || reactor.counts().streams == 1);
    assert_eq!(living(&tokens).len(), tokens.len());
    let other = reactor.clone();
    drop(reactor);
    assert_eq!(living(&tokens).len(), tokens.len(), "one handle is left");
    drop(other);
    assert_eq!(living(&tokens), [""; 0]);
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    match client.read(&mut [0]) {
        Ok(0) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        Ok(_) => panic!("nothing was sent"),
    }
}

#[test]
fn a_run_that_ended_lets_go_of_what_held_the_reactor() {
    let reactor = Reactor::new().unwrap();
    let (tokens, clients) = furnish(&reactor, true);
    turn_until(&reactor, "it is connected", || reactor.counts().streams == 1);
    assert_eq!(living(&tokens).len(), tokens.len());
    stop_soon(&reactor);
    reactor.run().unwrap();
    assert_eq!(living(&tokens), [""; 0]);
    assert_eq!(reactor.counts(), Counts::default());
    drop(clients);
}

#[test]
fn a_lost_connection_frees_its_protocol_while_its_handle_is_kept() {
    let reactor = Reactor::new().unwrap();
    let seen = Record::new();
    let (held, weak) = token();
    let factory = once(Recorder::new(&seen).on_data(move |_, _| drop(held.clone())));
    let (port, address) = listen(&reactor, factory);
    let client = TcpStream::connect(address).unwrap();
    turn_until(&reactor, "it is connected", || seen.is_made());
    drop(client);
    turn_until(&reactor, "it is lost", || seen.is_lost());
    assert_eq!(weak.strong_count(), 0);
    let transport = seen.transport();
    assert_eq!(transport.host(), address.into());
    assert!(transport.peer().as_socket_addr().is_some());
    drop(port.stop_listening());
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn the_last_handle_may_be_dropped_inside_a_callback() {
    let reactor = Reactor::new().unwrap();
    let (held, weak) = token();
    let own = Rc::new(RefCell::new(Some(reactor.clone())));
    let inside = own.clone();
    let driver = reactor.clone();
    reactor.call_later(Duration::ZERO, move || {
        let _held = held;
        drop(inside.take());
    });
    drop(reactor);
    driver.turn(Some(Duration::ZERO)).unwrap();
    driver.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(weak.strong_count(), 0);
    drop(driver);
    assert!(own.take().is_none());
}

#[test]
fn a_port_that_outlives_its_reactor_stops_at_once() {
    let reactor = Reactor::new().unwrap();
    let (port, address) = listen(&reactor, echo());
    drop(reactor);
    assert!(result_of(port.stop_listening()).is_ok());
    assert!(TcpStream::connect(address).is_err());
    assert_eq!(port.host(), address.into());
}

#[test]
fn a_connection_whose_handle_outlives_its_reactor_is_closed() {
    let reactor = Reactor::new().unwrap();
    let seen = Record::new();
    let (_port, address) = listen(&reactor, once(Recorder::new(&seen)));
    let mut client = TcpStream::connect(address).unwrap();
    turn_until(&reactor, "it is connected", || seen.is_made());
    drop(reactor);
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    seen.transport().write(b"to nobody");
    seen.transport().abort_connection();
    assert!(!seen.is_lost(), "nobody is left to tell");
}
