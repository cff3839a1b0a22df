//! Connections of a reactor over each kind of socket, and peers on threads of their own.
//!
//! Invariant: no peer waits for longer than [`PATIENCE`].

use std::io::{ErrorKind, Read as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;
use std::time::Duration;

use super::PATIENCE;
use interfaces::ReactorSocket as _;
use protocol::testing::Recorder;
use ropewalk_reactor::Reactor;
use socket2::Socket;
use testkit::once;

/// Bytes that all differ from those around them.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    testkit::pattern(1, length)
}

/// A kind of socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Tcp,
    Unix,
}

pub(crate) const WIRES: [Wire; 2] = [Wire::Tcp, Wire::Unix];

/// A connection of this reactor, and its peer.
pub(crate) fn connection(reactor: &Reactor, wire: Wire, server: Recorder) -> Socket {
    let (ours, peer) = match wire {
        Wire::Tcp => {
            let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            (OwnedFd::from(listener.accept().unwrap().0), Socket::from(peer))
        }
        Wire::Unix => {
            let (ours, peer) = UnixStream::pair().unwrap();
            (OwnedFd::from(ours), Socket::from(OwnedFd::from(peer)))
        }
    };
    reactor.adopt_stream_connection(ours, once(server)).unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    peer.set_write_timeout(Some(PATIENCE)).unwrap();
    peer
}

/// Resets a TCP connection; a UNIX socket is just closed.
pub(crate) fn reset(peer: Socket) {
    peer.set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
}

/// How a peer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    Fast,
    Slow,
}

pub(crate) const PACES: [Pace; 2] = [Pace::Fast, Pace::Slow];

/// What a peer reads, on a thread of its own, and the kind of the error that ended it, if one did.
pub(crate) fn read_all(
    mut peer: Socket,
    pace: Pace,
) -> JoinHandle<(Vec<u8>, Result<(), ErrorKind>)> {
    std::thread::spawn(move || {
        let mut received = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            if pace == Pace::Slow && received.len() % 3 == 0 {
                std::thread::sleep(Duration::from_millis(20));
            }
            match peer.read(&mut buffer) {
                Ok(0) => return (received, Ok(())),
                Ok(count) => received.extend_from_slice(&buffer[..count]),
                Err(error) => return (received, Err(error.kind())),
            }
        }
    })
}
