//! The address that a socket is bound to, and what may share it: the options of the sockets themselves.

use std::cell::RefCell;
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::rc::Rc;

use deferred::{Cancelled, Failure};
use interfaces::{
    Address, ConnectError, ConnectTcp, ListenError, ListenTcp, ReactorCore as _,
    ReactorSocket as _, ReactorTcp as _, TcpOptions,
};
use ropewalk_reactor::{Counts, Reactor};
use socket2::SockRef;

use crate::support::child::in_child;
use crate::support::{Lines, echo, listen, sockets, turn_until};

/// `SO_REUSEADDR` and `SO_REUSEPORT` of the newest socket of this process, and its address.
fn newest(before: &[i32]) -> ((bool, bool), SocketAddr) {
    let new: Vec<i32> = sockets().into_iter().filter(|number| !before.contains(number)).collect();
    let [number] = new[..] else { panic!("one socket is new: {new:?}") };
    // SAFETY: the socket stays open while it is looked at.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    let socket = SockRef::from(&descriptor);
    let options = (socket.reuse_address().unwrap(), socket.reuse_port().unwrap());
    (options, socket.local_addr().unwrap().as_socket().unwrap())
}

/// A port that was free a moment ago.
fn free_port() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()
}

fn sharing(address: Option<bool>, port: bool) -> TcpOptions {
    TcpOptions::default().with_reuse_address(address).with_reuse_port(port)
}

#[test]
fn a_client_is_bound_to_its_local_address_when_connect_returns() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        let server = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = server.local_addr().unwrap();
        for (options, want) in [
            (TcpOptions::default(), (false, false)),
            (sharing(None, true), (false, true)),
            (sharing(Some(true), false), (true, false)),
            (sharing(Some(true), true), (true, true)),
            (sharing(Some(false), false), (false, false)),
        ] {
            let (from, before) = (free_port(), sockets());
            let connect = ConnectTcp::new(address)
                .with_bind_address(Some(from))
                .with_options(options.clone());
            let attempt = reactor.connect_tcp(&connect, echo());
            assert_eq!(newest(&before), (want, from), "{options:?}");
            attempt.cancel_handle().cancel();
            drop(attempt);
            assert_eq!(reactor.counts(), Counts::default());
        }
    });
}

#[test]
fn a_port_shares_its_address_as_its_options_say() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        for (options, want) in [
            (TcpOptions::default(), (true, false)),
            (sharing(Some(false), false), (false, false)),
            (sharing(Some(false), true), (false, true)),
            (sharing(Some(true), false), (true, false)),
            (sharing(Some(true), true), (true, true)),
        ] {
            let before = sockets();
            let listen = ListenTcp::new(([127, 0, 0, 1], 0)).with_options(options.clone());
            let port = reactor.listen_tcp(&listen, echo()).unwrap();
            let (options_now, address) = newest(&before);
            assert_eq!(options_now, want, "{options:?}");
            assert_eq!(port.host(), Address::from(address));
            drop(port.stop_listening());
        }
    });
}

#[test]
fn a_port_that_is_listened_on_is_refused_and_goes_on() {
    let reactor = Reactor::new().unwrap();
    let (port, address) = listen(&reactor, echo());
    match reactor.listen_tcp(&ListenTcp::new(address), echo()).map(drop) {
        Err(ListenError::Refused { address: named, source, .. }) => {
            assert_eq!(named, Address::from(address));
            assert_eq!(source.raw_os_error(), libc::EADDRINUSE);
        }
        other => panic!("{other:?}"),
    }
    let host = port.host().as_socket_addr().unwrap();
    assert_eq!(host.ip(), std::net::Ipv4Addr::LOCALHOST);
    assert_ne!(host.port(), 0);
    assert_eq!(reactor.counts().ports, 1);
    drop(std::net::TcpStream::connect(address).unwrap());
}

#[test]
fn a_port_has_the_family_of_its_address_adopted_ones_too() {
    let reactor = Reactor::new().unwrap();
    let any = reactor.listen_tcp(&ListenTcp::new(([0, 0, 0, 0], 0)), echo()).unwrap();
    assert!(any.host().as_socket_addr().is_some_and(|host| host.is_ipv4() && host.port() > 0));
    let adopted = TcpListener::bind(("0.0.0.0", 0)).unwrap();
    let number = adopted.local_addr().unwrap().port();
    let adopted = reactor.adopt_stream_port(OwnedFd::from(adopted), echo()).unwrap();
    assert_eq!(adopted.host(), SocketAddr::from(([0, 0, 0, 0], number)).into());

    let Ok(probe) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        return testkit::skip("this machine has no IPv6");
    };
    let free = probe.local_addr().unwrap();
    drop(probe);
    let ipv6 = reactor.listen_tcp(&ListenTcp::new(free), echo()).unwrap();
    assert_eq!(ipv6.host(), free.into());
    drop(ipv6.stop_listening());
    let adopted = TcpListener::bind(free).unwrap();
    let adopted = reactor.adopt_stream_port(OwnedFd::from(adopted), echo()).unwrap();
    assert_eq!(adopted.host(), free.into());
}

#[test]
fn a_stop_closes_a_port_that_nobody_stopped_and_tells_what_its_factory_fails_with() {
    let reactor = Reactor::new().unwrap();
    let lines = Lines::watch(&reactor);
    let (_port, first) = listen(&reactor, echo());
    let factory = protocol::FactoryFn::new(|_: &Address| crate::support::Echo)
        .on_stop(|| Err(Failure::new(Cancelled)))
        .into_rc();
    let (_other, second) = listen(&reactor, factory);
    let stopper = reactor.clone();
    reactor.call_when_running(Box::new(move || stopper.stop().unwrap()));
    reactor.run().unwrap();
    for address in [first, second] {
        let refused = std::net::TcpStream::connect(address).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    }
    assert_eq!(lines.count("closing a port"), 1, "{:?}", lines.0);
}

#[test]
fn a_client_to_port_zero_fails_with_the_systems_answer_and_not_at_once() {
    let reactor = Reactor::new().unwrap();
    let targets = [SocketAddr::from(([127, 0, 0, 1], 0)), (Ipv6Addr::LOCALHOST, 0).into()];
    for target in targets {
        let told = Rc::new(RefCell::new(None));
        let slot = told.clone();
        let attempt = reactor.connect_tcp(&ConnectTcp::new(target), echo());
        drop(attempt.add_both(move |outcome| {
            slot.replace(Some(outcome));
            Ok::<(), Failure>(())
        }));
        assert!(told.borrow().is_none(), "it is told on a later turn");
        turn_until(&reactor, "it is told", || told.borrow().is_some());
        let failure = told.take().unwrap().unwrap_err();
        match failure.downcast_ref::<ConnectError>() {
            Some(ConnectError::Refused { address, source }) => {
                assert_eq!(*address, target.into());
                let expected = [libc::ECONNREFUSED, libc::EADDRNOTAVAIL, libc::ENETUNREACH];
                assert!(expected.contains(&source.raw_os_error()), "{source}");
            }
            other => panic!("{other:?}"),
        }
    }
}
