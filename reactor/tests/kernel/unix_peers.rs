//! The two ends of a UNIX connection: their names, their credentials, and a peer that is gone.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use interfaces::{
    Address, ConnectError, ConnectUnix, PeerCredentials, ReactorSocket as _, ReactorUnix as _,
    Transport, UnixAddress,
};
use protocol::FactoryFn;
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::{Counts, Reactor};
use socket2::{Domain, SockAddr, Socket, Type};
use testkit::once;

use crate::support::unix::*;
use crate::support::{RecordExt as _, turn_until};

/// A half-closeable protocol on one end of a pair, and the other end.
fn half_closeable(reactor: &Reactor, seen: &Record) -> UnixStream {
    let (ours, peer) = UnixStream::pair().unwrap();
    let factory = once(Recorder::new(seen).half_closeable());
    reactor.adopt_stream_connection(OwnedFd::from(ours), factory).unwrap();
    turn_until(reactor, "it is connected", || seen.is_made());
    peer
}

#[test]
fn a_peer_that_is_gone_altogether_ends_a_half_closed_connection_at_once() {
    for step_by_step in [true, false] {
        let reactor = Reactor::new().unwrap();
        let seen = Record::new();
        let mut peer = half_closeable(&reactor, &seen);
        peer.write_all(b"last words").unwrap();
        if step_by_step {
            peer.shutdown(Shutdown::Write).unwrap();
            turn_until(&reactor, "its end of file came", || {
                seen.count("read_connection_lost") == 1
            });
            assert!(!seen.is_lost(), "it still reads");
            seen.transport().write(b"an answer");
            peer.set_nonblocking(true).unwrap();
            let mut answer = [0; 9];
            turn_until(&reactor, "the answer came", || peer.read_exact(&mut answer).is_ok());
        }
        drop(peer);
        turn_until(&reactor, "the connection is lost", || seen.is_lost());
        assert_eq!(seen.received(), b"last words");
        assert_eq!(seen.count("read_connection_lost"), 1);
        assert!(seen.reason().is_clean(), "{:?}", seen.reason());
        turn_until(&reactor, "nothing is left", || reactor.counts() == Counts::default());
        seen.forget();
    }
}

#[test]
fn a_peer_that_goes_before_it_has_read_all_loses_the_connection_uncleanly() {
    let reactor = Reactor::new().unwrap();
    let seen = Record::new();
    let peer = half_closeable(&reactor, &seen);
    peer.shutdown(Shutdown::Write).unwrap();
    turn_until(&reactor, "its end of file came", || seen.count("read_connection_lost") == 1);
    seen.transport().write(&[7; 1 << 20]);
    reactor.turn(Some(std::time::Duration::ZERO)).unwrap();
    assert!(!seen.is_lost());
    drop(peer);
    turn_until(&reactor, "the connection is lost", || seen.is_lost());
    assert!(!seen.reason().is_clean(), "{:?}", seen.reason());
    seen.forget();
}

#[test]
fn the_two_ends_of_a_socketpair_learn_who_made_it() {
    let reactor = Reactor::new().unwrap();
    let seen = Record::new();
    let _peer = half_closeable(&reactor, &seen);
    // SAFETY: neither call has effects.
    let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
    let transport = seen.transport();
    let credentials = transport.as_unix().unwrap().peer_credentials();
    assert_eq!(credentials, Some((std::process::id(), user, group)));
    let answer = PeerCredentials { process: std::process::id(), user, group };
    assert_eq!(transport.query::<PeerCredentials>(), Some(answer));
    assert_eq!(transport.peer(), UnixAddress::Unnamed.into());
    assert_eq!(transport.host(), UnixAddress::Unnamed.into());
    reactor.disconnect_all();
    seen.forget();
}

#[test]
fn each_end_knows_the_others_name_from_its_first_moment() {
    let (_directory, path) = place();
    let names = [name(&path), UnixAddress::Abstract(Rc::from(path.to_str().unwrap().as_bytes()))];
    for name in names {
        let reactor = Reactor::new().unwrap();
        let (server, client) = (Record::new(), Record::new());
        let ends = |transport: &Rc<dyn Transport>| {
            transport.write(format!("{} {}", transport.host(), transport.peer()).as_bytes());
        };
        let factory = once(Recorder::new(&server).on_made(ends));
        let options = interfaces::ListenUnix::new(name.clone());
        let port = reactor.listen_unix(&options, factory).unwrap();
        let asked = Rc::new(std::cell::RefCell::new(Vec::new()));
        let told = asked.clone();
        let recorder = std::cell::RefCell::new(Some(Recorder::new(&client).on_made(ends)));
        let factory = FactoryFn::optional(move |peer: &Address| {
            told.borrow_mut().push(peer.clone());
            recorder.take()
        });
        drop(reactor.connect_unix(&ConnectUnix::new(name.clone()), factory.into_rc()));
        turn_until(&reactor, "each has heard the other", || {
            !server.received().is_empty() && !client.received().is_empty()
        });
        let address = Address::from(name);
        assert_eq!(port.host(), address);
        assert_eq!(
            *asked.borrow(),
            std::slice::from_ref(&address),
            "the peer that the factory was asked about"
        );
        assert_eq!(client.received(), format!("{address} unix:").into_bytes());
        assert_eq!(server.received(), format!("unix: {address}").into_bytes());
        let (server_end, client_end) = (server.transport(), client.transport());
        assert_eq!((server_end.host(), client_end.peer()), (address.clone(), address));
        assert_eq!(server_end.peer(), client_end.host());
        reactor.disconnect_all();
        server.forget();
        client.forget();
    }
}

#[test]
fn a_client_that_is_bound_to_a_path_has_that_name_for_factory_and_protocol() {
    let (directory, path) = place();
    let own = directory.path().join("client");
    let reactor = Reactor::new().unwrap();
    let seen = Record::new();
    let asked = Rc::new(std::cell::RefCell::new(Vec::new()));
    let told = asked.clone();
    let recorder = std::cell::RefCell::new(Some(Recorder::new(&seen)));
    let factory = FactoryFn::optional(move |peer: &Address| {
        told.borrow_mut().push(peer.clone());
        recorder.take()
    });
    let _port = reactor.listen_unix(&options(&path), factory.into_rc()).unwrap();
    let client = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    client.bind(&SockAddr::unix(&own).unwrap()).unwrap();
    client.connect(&SockAddr::unix(&path).unwrap()).unwrap();
    turn_until(&reactor, "it is connected", || seen.is_made());
    let expected = Address::from(name(&own));
    assert_eq!(*asked.borrow(), std::slice::from_ref(&expected));
    assert_eq!(seen.transport().peer(), expected);
    assert_eq!(seen.transport().host(), name(&path).into());
    reactor.disconnect_all();
    seen.forget();
}

#[test]
fn paths_to_one_file_are_one_socket_and_unequal_as_addresses() {
    let (directory, path) = place();
    let (link, missing) = (directory.path().join("link"), directory.path().join("no"));
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let reactor = Reactor::new().unwrap();
    let _port = listen(&reactor, &path).unwrap();
    let (socket, link, missing) = (name(&path), name(&link), name(&missing));
    assert_ne!(socket, link);
    assert!(socket.same_socket(&link) && link.same_socket(&socket));
    assert!(missing.same_socket(&missing) && !missing.same_socket(&socket));
    assert!(!missing.same_socket(&name(&directory.path().join("nor this"))));
    assert!(UnixAddress::Unnamed.same_socket(&UnixAddress::Unnamed));
    assert!(!UnixAddress::Unnamed.same_socket(&link));
}

#[test]
fn a_path_that_does_not_exist_fails_to_connect_and_is_named() {
    let (_directory, path) = place();
    let reactor = Reactor::new().unwrap();
    match connect(&reactor, &ConnectUnix::new(name(&path))) {
        Err(ConnectError::Refused { address, source }) => {
            assert_eq!(address, name(&path).into());
            assert_eq!(source.raw_os_error(), libc::ENOENT);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(reactor.counts(), Counts::default());
}
