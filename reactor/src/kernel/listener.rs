//! Listening sockets, made here or handed over; and accept4(2).
//!
//! ```text
//!   the end of a listener that was made here
//!     1. its path, if it made one, is looked at and unlinked, and the lock freed
//!     2. shutdown(2): a child that was forked at this moment has a copy of the socket, which would
//!        go on listening until that child calls exec(2)
//!     3. close(2)
//!   one that was adopted or shared is closed alone, as another process may listen on it
//! ```
//!
//! Invariant: a listener that made a path owns a [`UnixPath`] and drops it before its socket.

use std::any::Any;
use std::borrow::Cow;
use std::cell::Cell;
use std::fs::{File, Permissions};
use std::io;
use std::net::{IpAddr, Shutdown};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::rc::Rc;

use interfaces::{
    Address, DualStack, ListenError, ListenTcp, ListenUnix, LockFile, OsError, ShareSocketError,
    UnixAddress,
};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::file_owner::FileOwner;
use super::socket_options::OptionFault;
use super::unix_path::UnixPath;
use super::{holder, sockaddr, socket_options};
use crate::sys::os_error::os_error;

/// A socket that listens.
#[derive(Debug)]
pub struct KernelListener {
    socket: Socket,
    address: Address,
    /// The [`UnixPath`], erased so that a program which listens on TCP alone carries nothing of it.
    path: Option<Box<dyn Any>>,
    origin: Cell<ListenerOrigin>,
}

/// Where a listening socket comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ListenerOrigin {
    Made,
    Adopted,
    /// Made, and copied for another process.
    Shared,
    /// Made, and given away with its path.
    Released,
}

impl KernelListener {
    pub(super) fn tcp(options: &ListenTcp) -> Result<Self, ListenError> {
        let open = || {
            let domain = Domain::for_address(options.address);
            let socket = Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
            socket.set_reuse_address(options.options.reuse_address.unwrap_or(true))?;
            if let (IpAddr::V6(_), Some(only)) = (options.address.ip(), ipv6_only(options)) {
                socket.set_only_v6(only)?;
            }
            Ok(socket)
        };
        let listen = |socket: Socket| {
            socket.bind(&SockAddr::from(options.address))?;
            socket.listen(backlog(options.backlog))?;
            let address = sockaddr::to_address(&socket.local_addr()?);
            Ok(Self { socket, address, path: None, origin: Cell::new(ListenerOrigin::Made) })
        };
        let refused = |error| refused(Address::from(options.address), &error);
        let socket = open().map_err(refused)?;
        socket_options::prepare(&socket, &options.options)
            .map_err(|fault| unprepared(options, &fault))?;
        listen(socket).map_err(refused)
    }

    pub(super) fn unix(options: &ListenUnix) -> Result<Self, ListenError> {
        let address = Address::Unix(options.address.clone());
        if let Some(length) = options.address.excess_length() {
            let limit = UnixAddress::NAME_BYTES_MAX;
            return Err(ListenError::NameTooLong { address, length, limit });
        }
        let name = sockaddr::from_unix(&options.address)
            .map_err(|error| refused(address.clone(), &error))?;
        let owner = FileOwner::of(options)?;
        let mut path = match (&options.address, options.lock_file) {
            (UnixAddress::Path(path), LockFile::Used) => Some(UnixPath::locked(path)?),
            (UnixAddress::Path(path), LockFile::Ignored) => Some(UnixPath::unlocked(path)),
            (UnixAddress::Abstract(_) | UnixAddress::Unnamed, _) => None,
        };
        let open = || {
            let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
            // The file that bind makes takes the socket's own mode, so it is never wider than this.
            with_mode(socket, options.mode)
        };
        let socket = open().map_err(|error| refused(address.clone(), &error))?;
        let mut bind = || {
            socket.bind(&name)?;
            if let Some(path) = &mut path {
                path.made(options.mode)?;
                path.give(owner)?;
            }
            socket.listen(backlog(options.backlog))
        };
        let bound = bind();
        let path = path.map(|path| Box::new(path) as Box<dyn Any>);
        let listener = Self { socket, address, path, origin: Cell::new(ListenerOrigin::Made) };
        match bound {
            Ok(()) => Ok(listener),
            Err(error) => Err(refused(listener.address.clone(), &error)),
        }
    }

    /// Adopts a socket that listens already; its path, if it has one, stays when it closes.
    pub(super) fn adopt(descriptor: OwnedFd) -> Result<Self, ListenError> {
        let unsuitable = |reason: String| ListenError::Unsuitable { reason };
        let socket = stream_socket(descriptor).map_err(unsuitable)?;
        match socket.is_listener() {
            Ok(true) => {}
            Ok(false) => return Err(unsuitable("it is a socket that does not listen".into())),
            Err(error) => return Err(unsuitable(format!("it cannot be asked: {error}"))),
        }
        let address = sockaddr::or_unnamed(socket.local_addr());
        Ok(Self { socket, address, path: None, origin: Cell::new(ListenerOrigin::Adopted) })
    }

    /// A copy for another process, after which the end here is a close alone.
    pub(super) fn share(&self) -> Result<OwnedFd, ShareSocketError> {
        if self.path.is_some() {
            return Err(ShareSocketError::Path);
        }
        let copy = self.copy()?;
        if self.origin.get() == ListenerOrigin::Made {
            self.origin.set(ListenerOrigin::Shared);
        }
        Ok(copy)
    }

    /// A copy for a process that goes on with it, after which the end here is a close alone.
    pub(super) fn release(&self) -> Result<OwnedFd, ShareSocketError> {
        let copy = self.copy()?;
        self.origin.set(ListenerOrigin::Released);
        Ok(copy)
    }

    /// A copy, after which the end here is as before.
    pub(super) fn copy(&self) -> Result<OwnedFd, ShareSocketError> {
        let copy = self.socket.try_clone();
        copy.map(OwnedFd::from).map_err(|error| ShareSocketError::System(os_error(&error)))
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(super) fn address(&self) -> Address {
        self.address.clone()
    }
}

impl Drop for KernelListener {
    fn drop(&mut self) {
        let path = self.path.take();
        if self.origin.get() == ListenerOrigin::Released {
            // The file is the other process's, and stays.
            let path = path.and_then(|path| path.downcast::<UnixPath>().ok());
            return path.into_iter().for_each(|path| path.keep());
        }
        drop(path);
        if self.origin.get() == ListenerOrigin::Made {
            // A socket that does not listen yet has nothing to shut down.
            drop(self.socket.shutdown(Shutdown::Both));
        }
    }
}

/// Takes one connection, non-blocking and closed on exec in the same call.
pub(super) fn accept(listener: &Socket) -> io::Result<(Socket, SockAddr)> {
    listener.accept4(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC)
}

/// Adopts a descriptor as a connection; the error says what it is instead.
pub(super) fn adopt_connection(descriptor: OwnedFd) -> Result<Socket, String> {
    let socket = stream_socket(descriptor)?;
    if socket.is_listener().unwrap_or(false) {
        return Err("it is a socket that listens, and would have to be connected".into());
    }
    match socket.peer_addr() {
        Ok(_) => Ok(socket),
        Err(error) => Err(format!("it is a stream socket that is not connected: {error}")),
    }
}

/// Checks that it is a stream socket over IP, of UNIX or of vsock(7), and makes it non-blocking and closed on exec.
fn stream_socket(descriptor: OwnedFd) -> Result<Socket, String> {
    let socket = Socket::from(descriptor);
    match socket.r#type() {
        Ok(Type::STREAM) => {}
        Ok(other) => return Err(format!("it is a socket of another type ({other:?})")),
        Err(_) => return Err("it is not a socket".into()),
    }
    match socket.domain() {
        Ok(Domain::IPV4 | Domain::IPV6 | Domain::UNIX | Domain::VSOCK) => {}
        Ok(other) => return Err(format!("it is a socket of an unsupported family ({other:?})")),
        Err(error) => return Err(format!("it cannot be asked for its family: {error}")),
    }
    let prepared = socket.set_nonblocking(true).and_then(|()| socket.set_cloexec(true));
    prepared.map_err(|error| format!("it cannot be made non-blocking: {error}"))?;
    Ok(socket)
}

pub(super) fn with_mode(socket: Socket, mode: u32) -> io::Result<Socket> {
    let file = File::from(OwnedFd::from(socket));
    file.set_permissions(Permissions::from_mode(mode))?;
    Ok(Socket::from(OwnedFd::from(file)))
}

fn backlog(backlog: u32) -> i32 {
    i32::try_from(backlog).unwrap_or(i32::MAX)
}

fn ipv6_only(options: &ListenTcp) -> Option<bool> {
    match options.dual_stack {
        DualStack::System => None,
        DualStack::Ipv6Only => Some(true),
        DualStack::Both => Some(false),
    }
}

fn unprepared(options: &ListenTcp, fault: &OptionFault) -> ListenError {
    let address = Address::from(options.address);
    match (fault, &options.options.device) {
        (OptionFault::Device(error), Some(device)) => {
            ListenError::Device { address, device: Rc::clone(device), source: os_error(error) }
        }
        (OptionFault::Device(error) | OptionFault::Other(error), _) => refused(address, error),
    }
}

/// The system's refusal, with its likely cause.
pub(super) fn refused(address: Address, error: &io::Error) -> ListenError {
    refused_by(address, error, holder::hint)
}

/// The same for a socket of datagrams.
pub(super) fn datagrams_refused(address: Address, error: &io::Error) -> ListenError {
    refused_by(address, error, holder::datagram_hint)
}

fn refused_by(
    address: Address,
    error: &io::Error,
    holder: fn(&Address) -> Option<String>,
) -> ListenError {
    let errno = error.raw_os_error().unwrap_or(libc::EINVAL);
    let privileged = address.port().is_some_and(|port| (1..1024).contains(&port));
    let holder = if errno == libc::EADDRINUSE { holder(&address) } else { None };
    let hint = match errno {
        libc::EACCES if privileged => "a port below 1024 needs CAP_NET_BIND_SERVICE",
        libc::EACCES if address.port().is_none() => "the directory cannot be written to",
        libc::EINVAL if address.port().is_none() => {
            "a UNIX path is not empty and has no NUL byte in it"
        }
        libc::EPERM if matches!(address, Address::Unix(_)) => {
            "root alone gives the file to another user, and others to a group of their own"
        }
        libc::EADDRINUSE if is_other_file(&address) => "a file that is no socket is there",
        libc::EADDRINUSE => "something else listens there already, or left its socket behind",
        libc::EAFNOSUPPORT if is_ipv6(&address) => "this machine has no IPv6",
        libc::EADDRNOTAVAIL => "no interface of this machine has that address",
        libc::ENOENT => "the directory does not exist",
        libc::EMFILE => "this process has no descriptor left",
        _ => "",
    };
    let hint = holder.map_or(Cow::Borrowed(hint), Cow::Owned);
    ListenError::Refused { address, source: OsError::from_raw_os_error(errno), hint }
}

fn is_ipv6(address: &Address) -> bool {
    matches!(address, Address::Ipv6(_))
}

/// Whether its path is there, and leads to something that is no socket.
fn is_other_file(address: &Address) -> bool {
    let Address::Unix(UnixAddress::Path(path)) = address else { return false };
    let found = std::fs::symlink_metadata(sockaddr::as_path(path));
    found.is_ok_and(|found| !found.file_type().is_socket())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::Read as _;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::net::UnixStream;
    use std::path::PathBuf;
    use std::rc::Rc;

    use super::*;

    /// Stands around a [`UnixPath`], and looks whether its socket listens when it is dropped.
    struct Look {
        path: PathBuf,
        around: Option<Box<dyn Any>>,
        listened: Rc<Cell<Option<[bool; 2]>>>,
    }

    impl Drop for Look {
        fn drop(&mut self) {
            // The connections of this thread, so the first is in the queue.
            let before = UnixStream::connect(&self.path).is_ok();
            let queued = UnixStream::connect(&self.path);
            drop(self.around.take());
            let is_unlinked = !self.path.exists();
            let is_open = queued.is_ok_and(|queued| {
                queued.set_nonblocking(true).is_ok()
                    && (&queued)
                        .read(&mut [0])
                        .is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
            });
            self.listened.set(Some([before, is_unlinked && is_open]));
        }
    }

    #[test]
    fn a_path_is_unlinked_before_its_socket_is_closed() {
        let directory = tempfile::tempdir().expect("a directory for the test");
        let path = directory.path().join("s");
        let address = UnixAddress::Path(Rc::from(path.as_os_str().as_bytes()));
        let mut listener = KernelListener::unix(&ListenUnix::new(address)).expect("it listens");
        let listened = Rc::new(Cell::new(None));
        let around = listener.path.take();
        let look = Look { path, around, listened: listened.clone() };
        listener.path = Some(Box::new(look));
        drop(listener);
        assert_eq!(listened.get(), Some([true, true]));
    }
}
