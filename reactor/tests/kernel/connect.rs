//! Attempts to connect on the real kernel: how each can end, and that it ends once.

use std::cell::{Cell, RefCell};
use std::error::Error as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::Duration;

use crate::support::busy::BusyServer;
use crate::support::{Echo, RecordExt as _, echo, listen, turn_until};
use deferred::{Cancelled, Deferred, Failure, Trapped};
use interfaces::{ConnectError, ConnectTcp, OsError, ReactorTcp as _, ReactorUnix as _};
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::{Counts, Reactor};
use testkit::once;

type Outcome = Rc<RefCell<Vec<Result<(), Failure>>>>;

/// Where every outcome of an attempt is kept.
fn outcome_of(attempt: Deferred<()>) -> Outcome {
    let outcome = Outcome::default();
    let told = outcome.clone();
    drop(attempt.add_both(move |result: Result<(), Failure>| {
        told.borrow_mut().push(result);
        Ok::<_, Failure>(())
    }));
    outcome
}

/// Turns until the attempt is over, and gives its one outcome.
fn decided(reactor: &Reactor, outcome: &Outcome) -> Result<(), Failure> {
    turn_until(reactor, "the attempt is over", || !outcome.borrow().is_empty());
    for _ in 0..3 {
        reactor.turn(Some(Duration::ZERO)).unwrap();
    }
    assert_eq!(outcome.borrow().len(), 1);
    outcome.borrow_mut().pop().unwrap()
}

fn error_of(outcome: Result<(), Failure>) -> Trapped<ConnectError> {
    outcome.unwrap_err().trap::<ConnectError>().unwrap()
}

/// An address without a listener: its port was in use a moment ago.
fn deserted() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()
}

#[test]
fn a_port_where_nobody_listens_refuses_and_the_address_is_named() {
    let reactor = Reactor::new().unwrap();
    let address = deserted();
    let outcome = outcome_of(reactor.connect_tcp(&ConnectTcp::new(address), echo()));
    assert!(outcome.borrow().is_empty(), "never inside the call");
    let error = error_of(decided(&reactor, &outcome));
    assert!(matches!(&*error, ConnectError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains(&address.to_string()));
    let cause = error.source().unwrap().downcast_ref::<OsError>().unwrap();
    assert_eq!(cause.raw_os_error(), libc::ECONNREFUSED);
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn an_attempt_without_an_answer_ends_with_its_time() {
    let reactor = Reactor::new().unwrap();
    let busy = BusyServer::new();
    let timeout = Duration::from_millis(50);
    let options = busy.address.clone().with_timeout(timeout);
    let outcome = outcome_of(reactor.connect_unix(&options, echo()));
    match &*error_of(decided(&reactor, &outcome)) {
        ConnectError::TimedOut { after, .. } => assert_eq!(*after, timeout),
        other => panic!("{other:?}"),
    }
    turn_until(&reactor, "nothing is left", || reactor.counts() == Counts::default());
}

#[test]
fn an_attempt_that_is_cancelled_leaves_nothing() {
    let reactor = Reactor::new().unwrap();
    let busy = BusyServer::new();
    for turns in [0, 1, 5] {
        let stopped = Rc::new(Cell::new(0));
        let count = stopped.clone();
        let factory = protocol::FactoryFn::new(|_: &interfaces::Address| Echo)
            .on_stop(move || {
                count.set(count.get() + 1);
                Ok(())
            })
            .into_rc();
        let attempt = reactor.connect_unix(&busy.address, factory);
        let handle = attempt.cancel_handle();
        let outcome = outcome_of(attempt);
        for _ in 0..turns {
            reactor.turn(Some(Duration::from_millis(3))).unwrap();
        }
        assert_eq!(reactor.counts().attempts, 1);
        handle.cancel();
        handle.cancel();
        assert_eq!(reactor.counts().attempts, 0);
        assert!(decided(&reactor, &outcome).unwrap_err().check::<Cancelled>());
        assert_eq!(stopped.get(), 1);
        turn_until(&reactor, "nothing is left", || reactor.counts() == Counts::default());
    }
}

#[test]
fn an_attempt_waits_until_a_busy_server_has_room() {
    let reactor = Reactor::new().unwrap();
    let busy = BusyServer::new();
    let seen = Record::new();
    let made = |transport: &Rc<dyn interfaces::Transport>| transport.write(b"at last");
    let factory = once(Recorder::new(&seen).on_made(made));
    let outcome = outcome_of(reactor.connect_unix(&busy.address, factory));
    for _ in 0..5 {
        reactor.turn(Some(Duration::from_millis(5))).unwrap();
    }
    assert!(outcome.borrow().is_empty() && !seen.is_made());
    busy.make_room();
    decided(&reactor, &outcome).unwrap();
    let mut accepted = busy.accept().expect("the connection has come");
    let mut words = [0; 7];
    accepted.read_exact(&mut words).unwrap();
    assert_eq!(&words, b"at last");
    drop(accepted);
    turn_until(&reactor, "it is lost", || seen.is_lost());
    seen.forget();
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn the_local_address_can_be_chosen_and_one_in_use_is_named() {
    let reactor = Reactor::new().unwrap();
    let seen = Record::new();
    let (port, address) = listen(&reactor, echo());
    let from: SocketAddr = ([127, 0, 0, 2], 0).into();
    let options = ConnectTcp::new(address).with_bind_address(Some(from));
    let outcome = outcome_of(reactor.connect_tcp(&options, once(Recorder::new(&seen))));
    decided(&reactor, &outcome).unwrap();
    let host = seen.transport().host().as_socket_addr().unwrap();
    assert_eq!(host.ip(), from.ip());
    assert_eq!(seen.transport().peer(), address.into());

    let options = ConnectTcp::new(address).with_bind_address(Some(address));
    let outcome = outcome_of(reactor.connect_tcp(&options, echo()));
    match &*error_of(decided(&reactor, &outcome)) {
        ConnectError::Bind { bind_address, source, .. } => {
            assert_eq!(*bind_address, address.into());
            assert_eq!(source.raw_os_error(), libc::EADDRINUSE);
        }
        other => panic!("{other:?}"),
    }
    drop(port.stop_listening());
    reactor.disconnect_all();
    seen.forget();
}

#[test]
fn a_local_address_that_only_connecting_finds_in_use_is_named_too() {
    let reactor = Reactor::new().unwrap();
    let seen = Record::new();
    let (_port, address) = listen(&reactor, echo());
    let sharing = interfaces::TcpOptions::default().with_reuse_address(Some(true));
    let options = ConnectTcp::new(address)
        .with_bind_address(Some(([127, 0, 0, 3], 0).into()))
        .with_options(sharing);
    let outcome = outcome_of(reactor.connect_tcp(&options, once(Recorder::new(&seen))));
    decided(&reactor, &outcome).unwrap();
    // The same pair of addresses again: bind(2) passes where `SO_REUSEADDR` is set on both sockets.
    let taken = seen.transport().host();
    let options = options.with_bind_address(taken.as_socket_addr());
    let outcome = outcome_of(reactor.connect_tcp(&options, echo()));
    let error = error_of(decided(&reactor, &outcome));
    match &*error {
        ConnectError::Bind { bind_address, source, .. } => {
            assert_eq!(*bind_address, taken);
            assert_eq!(source.raw_os_error(), libc::EADDRNOTAVAIL);
        }
        other => panic!("{other:?}"),
    }
    assert!(error.to_string().contains(&taken.to_string()), "{error:?}");
    reactor.disconnect_all();
    seen.forget();
}

#[test]
fn what_the_server_said_before_the_client_was_told_is_delivered() {
    let reactor = Reactor::new().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    for _ in 0..50 {
        let seen = Record::new();
        let attempt = reactor.connect_tcp(&ConnectTcp::new(address), once(Recorder::new(&seen)));
        // All is there, the end of file too, before the reactor looks for the first time.
        let (mut accepted, _) = listener.accept().unwrap();
        accepted.write_all(b"welcome").unwrap();
        drop(accepted);
        let outcome = outcome_of(attempt);
        decided(&reactor, &outcome).unwrap();
        turn_until(&reactor, "it is lost", || seen.is_lost());
        assert_eq!(seen.received(), b"welcome");
        assert!(seen.reason().is_clean());
        seen.forget();
    }
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn a_factory_whose_start_ends_everything_leaves_no_timer() {
    let reactor = Reactor::new().unwrap();
    let ender = reactor.clone();
    let factory = protocol::FactoryFn::new(|_: &interfaces::Address| Echo)
        .on_start(move || ender.disconnect_all())
        .into_rc();
    let outcome = outcome_of(reactor.connect_tcp(&ConnectTcp::new(deserted()), factory));
    assert!(decided(&reactor, &outcome).unwrap_err().check::<Cancelled>());
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn a_client_of_a_name_has_the_addresses_that_it_is_bound_to_and_that_the_name_has() {
    use interfaces::Resolver as _;
    for loopback in ["127.0.0.1", "::1"] {
        let ip: std::net::IpAddr = loopback.parse().unwrap();
        let Ok(free) = TcpListener::bind((ip, 0)).and_then(|free| free.local_addr()) else {
            testkit::skip("this machine has no IPv6");
            continue;
        };
        let reactor = Reactor::new().unwrap();
        let names = protocol::testing::FakeResolver::new();
        names.set("some.name.test", [ip]);
        drop(reactor.install_resolver(std::rc::Rc::new(names)));
        let port = reactor.listen_tcp(&interfaces::ListenTcp::new((ip, 0)), echo()).unwrap();
        let server = port.host().as_socket_addr().unwrap();
        let seen = Record::new();
        let (connecting, factory) = (reactor.clone(), once(Recorder::new(&seen)));
        let found = reactor.resolve_host_name("some.name.test", server.port());
        let outcome = outcome_of(found.add_callback(move |addresses| {
            let options = ConnectTcp::new(addresses[0]).with_bind_address(Some(free));
            connecting.connect_tcp(&options, factory)
        }));
        decided(&reactor, &outcome).unwrap();
        assert_eq!(seen.transport().host(), free.into());
        assert_eq!(seen.transport().peer(), server.into());
        reactor.disconnect_all();
        seen.forget();
    }
}
