//! The names of UNIX datagram ports: modes, ownership of paths, abstract names, peers that are gone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::rc::Rc;

use interfaces::{
    Address, ConnectUnixDatagramError, DatagramTransport, ListenError, ListenUnixDatagram,
    ReactorUnixDatagram as _, UnixAddress,
};
use protocol::testing::{DatagramRecorder, SeenDatagram};
use ropewalk_reactor::{Counts, Reactor};

use crate::support::child::{in_child, set_umask};
use crate::support::datagrams::{PortKind, Ports, echo};
use crate::support::turn_until;
use crate::support::unix::{name, place};

fn open(reactor: &Reactor, path: &std::path::Path) -> Rc<dyn DatagramTransport> {
    let options = ListenUnixDatagram::new(name(path));
    reactor.listen_unix_datagram(&options, DatagramRecorder::silent().0).unwrap()
}

fn mode(path: &PathBuf) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_path_has_exactly_the_mode_that_was_asked_for_under_any_umask() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        for umask in [0o000, 0o022, 0o077, 0o777] {
            for asked in [0o600, 0o660, 0o666, 0o777] {
                let (_directory, path) = place();
                let before = set_umask(umask);
                let options = ListenUnixDatagram::new(name(&path)).with_mode(asked);
                let (protocol, _) = DatagramRecorder::silent();
                reactor.listen_unix_datagram(&options, protocol).unwrap();
                set_umask(before);
                assert_eq!(mode(&path), asked, "under {umask:o}");
            }
        }
        let (_directory, path) = place();
        open(&reactor, &path);
        assert_eq!(mode(&path), 0o600);
    });
}

#[test]
fn a_path_vanishes_with_its_port() {
    let reactor = Reactor::new().unwrap();
    let (_directory, path) = place();
    let port = open(&reactor, &path);
    assert!(path.exists());
    drop(port.stop_listening());
    assert!(!path.exists(), "at once");
    open(&reactor, &path);
    drop((port, reactor));
    assert!(!path.exists());
}

#[test]
fn the_path_of_a_successor_is_never_removed() {
    let reactor = Reactor::new().unwrap();
    let (_directory, path) = place();
    let port = open(&reactor, &path);
    fs::remove_file(&path).unwrap();
    let successor = UnixDatagram::bind(&path).unwrap();
    drop(port.stop_listening());
    let client = UnixDatagram::unbound().unwrap();
    client.send_to(b"x", &path).unwrap();
    assert_eq!(successor.recv(&mut [0; 4]).unwrap(), 1);
}

#[test]
fn a_path_that_is_there_stays_and_is_an_error() {
    let reactor = Reactor::new().unwrap();
    let (_directory, path) = place();
    let port = open(&reactor, &path);
    let before = reactor.counts();
    for is_alive in [true, false] {
        let options = ListenUnixDatagram::new(name(&path));
        let (protocol, record) = DatagramRecorder::silent();
        match reactor.listen_unix_datagram(&options, protocol).err() {
            Some(ListenError::Refused { address, source, hint }) => {
                assert_eq!(address, Address::from(name(&path)));
                assert_eq!(source.raw_os_error(), libc::EADDRINUSE);
                let expected =
                    if is_alive { "listens there" } else { "a file that is no socket is there" };
                assert!(hint.ends_with(expected), "{hint}");
            }
            other => panic!("{other:?}"),
        }
        assert!(path.exists() && record.seen().is_empty());
        assert_eq!(reactor.counts().datagram_ports, before.datagram_ports);
        if is_alive {
            drop(port.stop_listening());
            fs::write(&path, "a file").unwrap();
        }
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "a file");
}

#[test]
fn an_abstract_name_may_have_any_bytes_and_is_what_the_port_has() {
    let reactor = Reactor::new().unwrap();
    let bytes: Vec<u8> = std::process::id().to_ne_bytes().into_iter().chain(0..=99).collect();
    let own = UnixAddress::Abstract(Rc::from(bytes));
    let options = ListenUnixDatagram::new(own.clone());
    let (protocol, record) = echo();
    let port = reactor.listen_unix_datagram(&options, protocol).unwrap();
    assert_eq!(port.host(), Address::from(own));
    let own = port.host();
    port.send_to(b"x", &own).unwrap();
    turn_until(&reactor, "it came", || !record.received().is_empty());
    assert_eq!(record.senders()[0], own);
    drop(port.stop_listening());
    assert!(reactor.listen_unix_datagram(&options, DatagramRecorder::silent().0).is_ok());
}

#[test]
fn a_name_that_is_too_long_is_an_error_that_says_the_limit() {
    let reactor = Reactor::new().unwrap();
    for address in [UnixAddress::Path, UnixAddress::Abstract] {
        let options = ListenUnixDatagram::new(address(Rc::from([b'a'; 108])));
        let (protocol, _) = DatagramRecorder::silent();
        match reactor.listen_unix_datagram(&options, protocol).err() {
            Some(ListenError::NameTooLong { length: 108, limit: 107, .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn a_port_without_a_name_sends_and_its_receiver_cannot_answer() {
    let ports = Ports::new(PortKind::UnixPath);
    let (protocol, record) = DatagramRecorder::silent();
    let server = ports.open(protocol);
    let options = ListenUnixDatagram::new(UnixAddress::Unnamed);
    let (protocol, _) = DatagramRecorder::silent();
    let client = ports.reactor.listen_unix_datagram(&options, protocol).unwrap();
    assert_eq!(client.host(), Address::from(UnixAddress::Unnamed));
    client.send_to(b"x", &server.host()).unwrap();
    turn_until(&ports.reactor, "it came", || !record.received().is_empty());
    assert_eq!(record.senders(), [Address::from(UnixAddress::Unnamed)]);
}

#[test]
fn a_connect_that_fails_is_one_error_and_leaves_nothing() {
    for kind in [PortKind::UnixPath, PortKind::UnixAbstract] {
        let ports = Ports::new(kind);
        let own = ListenUnixDatagram::new(ports.new_name());
        let nowhere = ports.new_name();
        let (protocol, record) = DatagramRecorder::silent();
        let opened = ports.reactor.connect_unix_datagram(&nowhere, &own, protocol.clone());
        let errno = if kind == PortKind::UnixPath { libc::ENOENT } else { libc::ECONNREFUSED };
        match opened.err() {
            Some(ConnectUnixDatagramError::Refused { peer, source }) => {
                assert_eq!((peer, source.raw_os_error()), (nowhere.clone(), errno));
            }
            other => panic!("{other:?}"),
        }
        assert!(record.seen().is_empty(), "no protocol is started");
        assert_eq!(ports.reactor.counts(), Counts::default());
        // The own name is free again.
        let held = ports.reactor.listen_unix_datagram(&own, protocol.clone()).unwrap();
        let opened = ports.reactor.connect_unix_datagram(&nowhere, &own, protocol);
        assert!(matches!(opened.err(), Some(ConnectUnixDatagramError::Listen { .. })));
        drop(held);
    }
}

#[test]
fn a_connected_ports_peer_that_is_gone_refuses() {
    for kind in [PortKind::UnixPath, PortKind::UnixAbstract] {
        let ports = Ports::new(kind);
        let server = ports.open(DatagramRecorder::silent().0);
        let (protocol, record) = DatagramRecorder::silent();
        let client = ports.open_connected(&server.host(), protocol);
        drop(server.stop_listening());
        client.send(b"x").unwrap();
        let failed = |seen: &SeenDatagram| matches!(seen, SeenDatagram::SendFailed(_, _));
        turn_until(&ports.reactor, "it is told", || record.seen().iter().any(failed));
        assert_eq!(record.count(&SeenDatagram::Refused), 1, "{kind:?}: {:?}", record.seen());
        assert_eq!(client.counts().failed, 1);
    }
}

#[test]
fn a_server_and_a_client_with_a_path_of_its_own_greet_each_other() {
    let ports = Ports::new(PortKind::UnixPath);
    let (protocol, server_record) = DatagramRecorder::new(|seen, transport| {
        if let SeenDatagram::Received(_, sender) = seen {
            transport.send_to(b"hi back", sender).unwrap();
        }
    });
    let server = ports.open(protocol);
    let (protocol, client_record) = DatagramRecorder::new(|seen, transport| {
        if *seen == SeenDatagram::Started {
            transport.send(b"hi").unwrap();
        }
    });
    let client = ports.open_connected(&server.host(), protocol);
    turn_until(&ports.reactor, "it is answered", || !client_record.received().is_empty());
    let expected = [SeenDatagram::Started, SeenDatagram::Received(b"hi".to_vec(), client.host())];
    assert_eq!(server_record.seen(), expected);
    let expected =
        [SeenDatagram::Started, SeenDatagram::Received(b"hi back".to_vec(), server.host())];
    assert_eq!(client_record.seen(), expected);
}
