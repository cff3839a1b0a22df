//! A reactor, as the Python class `RopewalkReactor` drives it: turn by turn.
//!
//! Invariant: Python's lock is let go of exactly while the reactor waits for events.

use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use deferred::{Deferred, Failure};
use interfaces::{
    ConnectError, ConnectTcp, ConnectUnix, FromThread, ListenError, ListenTcp, ListenUnix,
    ListeningPort, LockFile, ReactorSocket as _, ReactorTcp as _, ReactorUnix as _, TcpOptions,
};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use reactor::{Kernel, Limits, Reactor};

use crate::connection::Connection;
use crate::convert::{
    SocketTuple, error_parts, os_error, to_duration, to_socket_addr, to_unix_address,
};
use crate::datagrams::{DatagramEvents, Datagrams};
use crate::log::TwistedLog;
use crate::owned::{Home, Owned};
use crate::port::{Attempt, Port};
use crate::remote::Remote;
use crate::timer::Timer;
use crate::watched::Watched;
use crate::wire::{OneFactory, PortFactory};

/// A reactor of the thread that makes it.
#[pyclass(frozen, module = "ropewalk_twisted._bridge")]
pub(crate) struct Core(Owned<Reactor>);

/// Waits without Python's lock.
fn without_lock(wait: &mut dyn FnMut()) {
    // SAFETY: the reactor runs in a turn that Python called, so this thread has the lock; the wait is one
    // system call and touches no Python object; the state goes back to where it came from.
    unsafe {
        let state = ffi::PyEval_SaveThread();
        wait();
        ffi::PyEval_RestoreThread(state);
    }
}

impl Core {
    pub(crate) fn home(&self) -> &Arc<Home> {
        self.0.home()
    }

    fn owned<T>(&self, value: T) -> Owned<T> {
        Owned::new(value, self.home())
    }

    fn port(&self, listened: Result<Rc<dyn ListeningPort>, ListenError>) -> PyResult<Port> {
        let port = listened.map_err(|error| {
            let otherwise = match error {
                ListenError::NameTooLong { .. } => libc::ENAMETOOLONG,
                ListenError::Unsuitable { .. } => libc::EINVAL,
                _ => libc::EADDRINUSE,
            };
            os_error(&error, otherwise)
        })?;
        Ok(Port(self.owned(port)))
    }

    /// Tells the connection's `_failed(errno, text, is_local)` if the attempt fails; `is_local` where the
    /// local address is to blame.
    fn attempt(&self, attempt: Deferred<()>, connection: Py<Connection>) -> Attempt {
        let handle = attempt.cancel_handle();
        drop(attempt.add_errback(move |failure| {
            Python::attach(|py| {
                let connection = connection.bind(py);
                let error = failure.downcast_ref::<ConnectError>();
                let is_local = matches!(error, Some(ConnectError::Bind { .. }));
                let (number, text) = error_parts(failure.as_error());
                let told =
                    connection.call_method1(intern!(py, "_failed"), (number, text, is_local));
                if let Err(error) = told {
                    error.write_unraisable(py, Some(connection.as_any()));
                }
            });
            Ok::<_, Failure>(())
        }));
        Attempt(self.owned(handle))
    }
}

/// The descriptor that Python hands over.
fn taken(number: RawFd) -> OwnedFd {
    // SAFETY: the caller in Python has made a copy for this, and forgets it.
    unsafe { OwnedFd::from_raw_fd(number) }
}

#[pymethods]
impl Core {
    #[new]
    fn new() -> PyResult<Self> {
        let kernel = Kernel::new()?.with_around_wait(without_lock);
        let reactor = Reactor::on(kernel, Limits::default());
        reactor.set_observer(Rc::new(TwistedLog));
        let remote = reactor.clone().remote();
        let remote: Arc<dyn FromThread> = Arc::new(remote);
        Ok(Self(Owned::new(reactor, &Home::new(remote))))
    }

    /// One turn, which waits `seconds` at the most (`None`: for ever) when there is nothing to do.
    #[pyo3(signature = (seconds=None))]
    fn turn(&self, seconds: Option<f64>) -> PyResult<()> {
        let reactor = self.0.get()?;
        if !self.home().is_turning() {
            // The thread may be another one than that of the turn before.
            reactor.moved_to_this_thread();
        }
        Ok(self.home().during_turn(|| reactor.turn(seconds.map(to_duration)))?)
    }

    /// The handle for other threads.
    fn remote(&self) -> Remote {
        Remote(Arc::clone(self.home().remote()))
    }

    /// Calls `call(argument)` when `seconds` have passed.
    fn call_later(&self, seconds: f64, call: Py<PyAny>, argument: Py<PyAny>) -> PyResult<Timer> {
        let run = move || {
            Python::attach(|py| {
                if let Err(error) = call.call1(py, (argument,)) {
                    error.write_unraisable(py, None);
                }
                drop(call);
            });
        };
        Ok(Timer(self.owned(self.0.get()?.call_later(to_duration(seconds), run))))
    }

    /// Listens on TCP; `build(peer)` makes the connections. `reuse` says whether address and port may be
    /// shared. `OSError` where it cannot.
    fn listen_tcp(
        &self,
        address: SocketTuple,
        reuse: (bool, bool),
        backlog: u32,
        build: Py<PyAny>,
    ) -> PyResult<Port> {
        let options = ListenTcp::new(to_socket_addr(&address)?)
            .with_backlog(backlog)
            .with_options(tcp_options(reuse));
        self.port(self.0.get()?.listen_tcp(&options, Rc::new(PortFactory(build))))
    }

    /// Listens on a UNIX path or abstract name.
    fn listen_unix(
        &self,
        name: &[u8],
        backlog: u32,
        mode: u32,
        locked: bool,
        build: Py<PyAny>,
    ) -> PyResult<Port> {
        let options = ListenUnix::new(to_unix_address(name))
            .with_backlog(backlog)
            .with_mode(mode)
            .with_lock_file(lock_file(locked));
        self.port(self.0.get()?.listen_unix(&options, Rc::new(PortFactory(build))))
    }

    /// Listens on a socket that listens already, and owns it from now on.
    fn adopt_port(&self, descriptor: RawFd, build: Py<PyAny>) -> PyResult<Port> {
        let factory = Rc::new(PortFactory(build));
        self.port(self.0.get()?.adopt_stream_port(taken(descriptor), factory))
    }

    /// Runs a connection on a socket that is connected already, and owns it from now on.
    fn adopt_connection(&self, descriptor: RawFd, connection: Py<Connection>) -> PyResult<()> {
        let factory = Rc::new(OneFactory(connection));
        let adopted = self.0.get()?.adopt_stream_connection(taken(descriptor), factory);
        adopted.map_err(|error| os_error(&error, libc::EINVAL))
    }

    /// Connects over TCP, from `bind_address` if there is one; there is no time limit.
    #[pyo3(signature = (address, bind_address, reuse, connection))]
    fn connect_tcp(
        &self,
        address: SocketTuple,
        bind_address: Option<SocketTuple>,
        reuse: (bool, bool),
        connection: Py<Connection>,
    ) -> PyResult<Attempt> {
        let bind_address = bind_address.as_ref().map(to_socket_addr).transpose()?;
        let options = ConnectTcp::new(to_socket_addr(&address)?)
            .with_timeout(Duration::MAX)
            .with_bind_address(bind_address)
            .with_options(tcp_options(reuse));
        Python::attach(|py| {
            let factory = Rc::new(OneFactory(connection.clone_ref(py)));
            Ok(self.attempt(self.0.get()?.connect_tcp(&options, factory), connection))
        })
    }

    /// Connects to a UNIX path or abstract name; there is no time limit.
    fn connect_unix(
        &self,
        name: &[u8],
        locked: bool,
        connection: Py<Connection>,
    ) -> PyResult<Attempt> {
        let options = ConnectUnix::new(to_unix_address(name))
            .with_timeout(Duration::MAX)
            .with_lock_file(lock_file(locked));
        Python::attach(|py| {
            let factory = Rc::new(OneFactory(connection.clone_ref(py)));
            Ok(self.attempt(self.0.get()?.connect_unix(&options, factory), connection))
        })
    }

    /// Receives and sends over a datagram socket that Python owns, by a copy of its descriptor that is owned
    /// from now on. `port` has the methods that [`Datagrams`] calls; what is longer than `longest` bytes is
    /// cut.
    fn datagrams(&self, descriptor: RawFd, longest: usize, port: Py<PyAny>) -> PyResult<Datagrams> {
        let events = Rc::new(DatagramEvents::of(port)?);
        let adopted = self.0.get()?.adopt_datagram_port(taken(descriptor), longest, events);
        adopted
            .map(|transport| Datagrams(self.owned(transport)))
            .map_err(|error| os_error(&error, libc::EINVAL))
    }

    /// A descriptor to be watched for `selectable`: `listener._ready(selectable, writes)` is called.
    fn watch(
        &self,
        descriptor: RawFd,
        selectable: Py<PyAny>,
        listener: Py<PyAny>,
    ) -> PyResult<Watched> {
        Watched::new(self.0.get()?, descriptor, selectable, listener, self.home())
    }

    /// Ends every connection and closes every port, now.
    fn disconnect_all(&self) -> PyResult<()> {
        let reactor = self.0.get()?;
        self.home().during_turn(|| reactor.disconnect_all());
        Ok(())
    }
}

fn tcp_options((address, port): (bool, bool)) -> TcpOptions {
    TcpOptions::default().with_reuse_address(Some(address)).with_reuse_port(port)
}

fn lock_file(locked: bool) -> LockFile {
    if locked { LockFile::Used } else { LockFile::Ignored }
}
