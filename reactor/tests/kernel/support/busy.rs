//! A server that does not accept: an attempt to connect to it stays pending.

use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::rc::Rc;

use interfaces::{ConnectUnix, UnixAddress};
use socket2::{Domain, SockAddr, Socket, Type};

/// A UNIX server whose backlog is full.
pub(crate) struct BusyServer {
    pub(crate) address: ConnectUnix,
    listener: UnixListener,
    waiting: Vec<Socket>,
    _directory: tempfile::TempDir,
}

impl BusyServer {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("busy");
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        let name = SockAddr::unix(&path).unwrap();
        socket.bind(&name).unwrap();
        socket.listen(0).unwrap();
        let listener = UnixListener::from(OwnedFd::from(socket));
        let mut waiting = Vec::new();
        for _ in 0..10 {
            let client = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None).unwrap();
            if client.connect(&name).is_err() {
                let bytes = path.as_os_str().as_encoded_bytes();
                let address = ConnectUnix::new(UnixAddress::Path(Rc::from(bytes)));
                return Self { address, listener, waiting, _directory: directory };
            }
            waiting.push(client);
        }
        panic!("a backlog of nothing has no end");
    }

    /// Accepts the clients that wait, so that the backlog has room for one more.
    pub(crate) fn make_room(&self) {
        for _ in &self.waiting {
            drop(self.listener.accept().unwrap());
        }
        self.listener.set_nonblocking(true).unwrap();
    }

    /// The next connection, if it has come.
    pub(crate) fn accept(&self) -> Option<UnixStream> {
        self.listener.accept().ok().map(|(stream, _)| stream)
    }
}
