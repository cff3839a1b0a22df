//! Sockets that were opened elsewhere: what they are is read from them, and they are only closed.

use std::cell::{Cell, RefCell};
use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::rc::Rc;

use interfaces::{
    Address, AdoptError, ListenError, ListeningPort, Protocol, ReactorSocket, Transport,
    UnixAddress,
};
use protocol::FactoryFn;
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::{Counts, Reactor};
use socket2::{Domain, Socket, Type};
use testkit::once;

use crate::support::unix::{name, place};
use crate::support::{Lines, echo, turn_until};

/// Whether the echo of a client comes back.
fn is_served(reactor: &Reactor, client: OwnedFd) {
    let mut client = Socket::from(client);
    client.set_nonblocking(true).unwrap();
    client.write_all(b"ping").unwrap();
    let mut answer = [0; 4];
    turn_until(reactor, "the echo came", || client.read_exact(&mut answer).is_ok());
    assert_eq!(answer, *b"ping");
}

/// Adopts a copy by the ability alone, which is all that a caller needs.
fn adopt_port(reactor: &dyn ReactorSocket, listener: &Socket) -> Rc<dyn ListeningPort> {
    reactor.adopt_stream_port(listener.try_clone().unwrap().into(), echo()).unwrap()
}

#[test]
fn an_adopted_port_is_like_one_of_our_own_and_listens_on_for_its_owner_when_it_stops() {
    let (_directory, path) = place();
    let unix = UnixListener::bind(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let file = || {
        let metadata = fs::symlink_metadata(&path).unwrap();
        (metadata.ino(), metadata.mode())
    };
    let before = file();
    let tcp4 = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let tcp6 = TcpListener::bind(("::1", 0)).unwrap();
    let (of_tcp4, of_tcp6) = (tcp4.local_addr().unwrap(), tcp6.local_addr().unwrap());
    let connect_tcp = |address| OwnedFd::from(TcpStream::connect(address).unwrap());
    let connect_unix = || OwnedFd::from(UnixStream::connect(&path).unwrap());
    let reactor = Reactor::new().unwrap();
    let lines = Lines::watch(&reactor);
    for (own, address, connect) in [
        (OwnedFd::from(tcp4), of_tcp4.into(), &(|| connect_tcp(of_tcp4)) as &dyn Fn() -> OwnedFd),
        (OwnedFd::from(tcp6), of_tcp6.into(), &|| connect_tcp(of_tcp6)),
        (OwnedFd::from(unix), Address::from(name(&path)), &connect_unix),
    ] {
        let own = Socket::from(own);
        let port = adopt_port(&reactor, &own);
        assert_eq!(port.host(), address);
        is_served(&reactor, connect());
        drop(port.stop_listening());
        for event in ["ListeningStarted", "ListeningStopped"] {
            let event = format!("{event} {{ address: {address:?}, ");
            assert_eq!(lines.count(&event), 1, "{:?}", lines.0);
        }
        // Shut down, it would answer EINVAL.
        own.set_nonblocking(true).unwrap();
        assert_eq!(own.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        let _waits = connect();
        own.accept().unwrap();
    }
    assert_eq!(file(), before, "neither the file nor its mode was touched");
    reactor.disconnect_all();
    assert_eq!(reactor.counts(), Counts::default());
}

/// Says which addresses its connection has.
struct Says;

impl Protocol for Says {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        transport.write(format!("{} {}", transport.host(), transport.peer()).as_bytes());
        transport.lose_connection();
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
}

#[test]
fn the_family_of_an_adopted_connection_is_read_from_its_socket() {
    let reactor = Reactor::new().unwrap();
    for listener in ["127.0.0.1:0", "[::1]:0"].map(|address| TcpListener::bind(address).unwrap()) {
        let address = listener.local_addr().unwrap();
        let mut peer = TcpStream::connect(address).unwrap();
        let here = peer.local_addr().unwrap();
        let (accepted, _) = listener.accept().unwrap();
        reactor.adopt_stream_connection(accepted.into(), once(Says)).unwrap();
        peer.set_nonblocking(true).unwrap();
        let mut said = String::new();
        turn_until(&reactor, "it has said all", || peer.read_to_string(&mut said).is_ok());
        assert_eq!(said, format!("{address} {here}"));
    }
    let (ours, mut peer) = UnixStream::pair().unwrap();
    reactor.adopt_stream_connection(ours.into(), once(Says)).unwrap();
    peer.set_nonblocking(true).unwrap();
    let mut said = String::new();
    turn_until(&reactor, "it has said all", || peer.read_to_string(&mut said).is_ok());
    assert_eq!(said, "unix: unix:");
}

/// Twisted gives the factory the socket's own address.
#[test]
fn the_factory_of_an_adopted_unix_connection_is_given_the_peers_address() {
    let (_place, path) = place();
    let listener = UnixListener::bind(&path).unwrap();
    let connected = UnixStream::connect(&path).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    let reactor = Reactor::new().unwrap();
    for (socket, peer) in [(connected, name(&path)), (accepted, UnixAddress::Unnamed)] {
        let given = Rc::new(RefCell::new(None));
        let note = given.clone();
        let factory = FactoryFn::new(move |peer: &Address| {
            note.replace(Some(peer.clone()));
            Recorder::new(&Record::new())
        });
        reactor.adopt_stream_connection(socket.into(), factory.into_rc()).unwrap();
        turn_until(&reactor, "the factory was asked", || given.borrow().is_some());
        assert_eq!(given.take(), Some(Address::Unix(peer)));
    }
}

#[test]
fn a_socket_of_another_family_is_refused_before_anything_is_done_with_it() {
    let reactor = Reactor::new().unwrap();
    // Families of which a kernel may have none.
    let families = [libc::AF_TIPC, 43 /* AF_SMC */, libc::AF_BLUETOOTH, libc::AF_PHONET];
    let open = |family| Socket::new(Domain::from(family), Type::STREAM, None).ok();
    let Some(socket) = families.into_iter().find_map(open) else {
        return testkit::skip("this kernel has streams of IP, UNIX and vsock alone");
    };
    let copy = || OwnedFd::from(socket.try_clone().unwrap());
    let reason = match reactor.adopt_stream_port(copy(), echo()).map(drop) {
        Err(ListenError::Unsuitable { reason }) => reason,
        other => panic!("{other:?}"),
    };
    assert!(reason.contains("family"), "{reason}");
    let refused = reactor.adopt_stream_connection(copy(), echo());
    assert_eq!(refused, Err(AdoptError::Unsuitable { reason }));
    // SAFETY: the descriptor is open, and the call touches no memory.
    let flags = unsafe { libc::fcntl(socket.as_raw_fd(), libc::F_GETFL) };
    assert_eq!(flags & libc::O_NONBLOCK, 0, "its mode is the owner's still");
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn a_connection_without_a_protocol_is_closed() {
    let reactor = Reactor::new().unwrap();
    let (ours, mut peer) = UnixStream::pair().unwrap();
    let asked = Rc::new(Cell::new(0));
    let count = asked.clone();
    let factory = FactoryFn::optional(move |_: &Address| {
        count.set(count.get() + 1);
        None::<Recorder>
    });
    let refused = reactor.adopt_stream_connection(ours.into(), factory.into_rc());
    assert_eq!((refused, asked.get()), (Err(AdoptError::NoProtocol), 1));
    assert_eq!(peer.read(&mut [0]).unwrap(), 0, "the end of file");
    assert_eq!(reactor.counts(), Counts::default());
}
