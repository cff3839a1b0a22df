//! Paths for UNIX servers, which vanish with the test, and clients of such servers.
//!
//! Invariant: nothing here waits without a bound.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use interfaces::{
    ConnectError, ConnectUnix, ListenError, ListenUnix, ListeningPort, ReactorUnix as _,
    UnixAddress,
};
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::Reactor;
use tempfile::TempDir;
use testkit::once;

use super::{RecordExt as _, echo, turn_until};

pub(crate) fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    (directory, path)
}

pub(crate) fn name(path: &Path) -> UnixAddress {
    UnixAddress::Path(Rc::from(path.as_os_str().as_encoded_bytes()))
}

pub(crate) fn lock_of(path: &Path) -> PathBuf {
    path.with_extension("lock")
}

pub(crate) fn options(path: &Path) -> ListenUnix {
    ListenUnix::new(name(path))
}

pub(crate) fn listen(reactor: &Reactor, path: &Path) -> Result<Rc<dyn ListeningPort>, ListenError> {
    reactor.listen_unix(&options(path), echo())
}

pub(crate) fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Whether a client is echoed.
pub(crate) fn serves(reactor: &Reactor, path: &Path) -> bool {
    let Ok(mut client) = UnixStream::connect(path) else { return false };
    client.set_nonblocking(true).unwrap();
    client.write_all(b"ping").unwrap();
    let mut answer = [0; 4];
    turn_until(reactor, "the echo came", || client.read_exact(&mut answer).is_ok());
    answer == *b"ping"
}

/// Connects, and returns the outcome.
pub(crate) fn connect(reactor: &Reactor, options: &ConnectUnix) -> Result<(), ConnectError> {
    let seen = Record::new();
    let outcome = Rc::new(std::cell::RefCell::new(None));
    let told = outcome.clone();
    let connecting = reactor.connect_unix(options, once(Recorder::new(&seen)));
    drop(connecting.add_both(move |result: Result<(), deferred::Failure>| {
        let result = result.map_err(|failure| (*failure.trap::<ConnectError>().unwrap()).clone());
        told.replace(Some(result));
        Ok::<_, deferred::Failure>(())
    }));
    turn_until(reactor, "the attempt is decided", || outcome.borrow().is_some());
    assert_eq!(seen.is_made(), matches!(*outcome.borrow(), Some(Ok(()))));
    outcome.take().unwrap()
}
