//! A peer's reset is called a reset, whichever of the reactor's calls meets it first.

use std::cell::Cell;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use crate::support::{RecordExt as _, listen, turn_until};
use interfaces::{Address, OsError, Protocol, Reason, Transport};
use protocol::factory_fn;
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::Reactor;

/// The kernel tells of a reset once, and of a broken pipe from then on.
#[test]
fn a_reset_that_a_write_meets_is_told_as_a_reset() {
    for length in [3, 100_000] {
        let reactor = Reactor::new().unwrap();
        let seen = Record::new();
        let of_server = seen.clone();
        let server = factory_fn(move |_: &Address| {
            Recorder::new(&of_server)
                .on_data(move |transport, _| transport.write(&vec![b'x'; length]))
        });
        let (_port, address) = listen(&reactor, server);
        let mut client = TcpStream::connect(address).unwrap();
        turn_until(&reactor, "the connection is made", || seen.is_made());
        client.write_all(b"go").unwrap();
        let client = socket2::Socket::from(client);
        client.set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        turn_until(&reactor, "the connection is lost", || seen.is_lost());
        let Reason::Lost(cause) = seen.reason() else { panic!("{:?}", seen.reason()) };
        let number = cause.downcast_ref::<OsError>().map(|error| error.raw_os_error());
        assert_eq!(number, Some(libc::ECONNRESET), "{length} bytes");
    }
}

/// Looks at its peer's socket when the connection is lost.
struct Late {
    peer: TcpStream,
    found: Rc<Cell<Option<ErrorKind>>>,
}

impl Protocol for Late {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        transport.abort_connection();
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, _: &Reason) {
        self.found.set(self.peer.read(&mut [0; 1]).err().map(|error| error.kind()));
    }
}

#[test]
fn a_peer_sees_a_reset_when_the_protocol_has_heard_of_it_and_not_before() {
    let reactor = Reactor::new().unwrap();
    let (made, taken) = mpsc::channel::<TcpStream>();
    let found = Rc::new(Cell::new(None));
    let of_server = found.clone();
    let server = factory_fn(move |_: &Address| Late {
        peer: taken.recv().unwrap(),
        found: of_server.clone(),
    });
    let (_port, address) = listen(&reactor, server);
    let mut client = TcpStream::connect(address).unwrap();
    client.set_nonblocking(true).unwrap();
    made.send(client.try_clone().unwrap()).unwrap();
    turn_until(&reactor, "the connection is lost", || found.get().is_some());
    assert_eq!(found.get(), Some(ErrorKind::WouldBlock));
    let mut seen = None;
    turn_until(&reactor, "the peer is told", || {
        seen = client.read(&mut [0; 1]).err().map(|error| error.kind());
        seen != Some(ErrorKind::WouldBlock)
    });
    assert_eq!(seen, Some(ErrorKind::ConnectionReset));
}
