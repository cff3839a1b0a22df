//! UNIX stream sockets as a capability; Twisted's `IReactorUNIX`.
//!
//! Invariant: a path is never taken from a running server, and only the server that made it removes it.

use alloc::rc::Rc;
use core::time::Duration;

use deferred::Deferred;

use crate::{BACKLOG_MAX, Factory, ListenError, ListeningPort, UnixAddress};

/// The ability to listen and connect over UNIX stream sockets.
#[doc(alias = "IReactorUNIX")]
pub trait ReactorUnix {
    /// Listens, and runs a protocol of the factory on each connection accepted.
    ///
    /// # Errors
    ///
    /// [`ListenError`]; nothing is left behind.
    #[doc(alias = "listenUNIX")]
    fn listen_unix(
        &self,
        options: &ListenUnix,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError>;

    /// Makes one connection. Fires after the protocol's `connection_made`.
    ///
    /// # Errors
    ///
    /// Fails with [`ConnectError`](crate::ConnectError).
    #[doc(alias = "connectUNIX")]
    fn connect_unix(&self, options: &ConnectUnix, factory: Rc<dyn Factory>) -> Deferred<()>;
}

/// Whether the lock file beside a path (`PATH.lock`) is used. A listening server holds a lock on it
/// until it stops, so that a path of a server that died can be told from a path in use. Abstract names
/// need none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockFile {
    /// A server takes it; a client connects only when a server holds it.
    Used,
    /// It is neither made nor looked at.
    Ignored,
}

/// The options of listening.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListenUnix {
    /// The path or abstract name.
    pub address: UnixAddress,
    /// The permission bits of the socket's file, from its first moment on. Default 0600.
    pub mode: u32,
    /// How many connections the kernel keeps before they are accepted. Default
    /// [`BACKLOG_MAX`]: as many as the kernel allows. Twisted's is 50.
    pub backlog: u32,
    /// Default [`LockFile::Used`], as in Twisted's strings.
    pub lock_file: LockFile,
    /// The user that the socket's file is given to, by name, else by number, as for chown(1). Default this
    /// process's. To another one only root can give it (chown(2)).
    pub owner: Option<Rc<str>>,
    /// The group that the socket's file is given to, by name, else by number. Default this process's. Without
    /// privileges it has to be one of this process's groups.
    pub group: Option<Rc<str>>,
}

impl ListenUnix {
    /// Listens on `address` with the defaults.
    pub fn new(address: UnixAddress) -> Self {
        let (mode, backlog, lock_file) = (0o600, BACKLOG_MAX, LockFile::Used);
        Self { address, mode, backlog, lock_file, owner: None, group: None }
    }

    /// With another [`mode`](Self::mode).
    #[must_use]
    pub fn with_mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// With another [`backlog`](Self::backlog).
    #[must_use]
    pub fn with_backlog(mut self, backlog: u32) -> Self {
        self.backlog = backlog;
        self
    }

    /// With another [`lock_file`](Self::lock_file).
    #[must_use]
    pub fn with_lock_file(mut self, lock_file: LockFile) -> Self {
        self.lock_file = lock_file;
        self
    }

    /// With another [`owner`](Self::owner).
    #[must_use]
    pub fn with_owner(mut self, owner: Option<Rc<str>>) -> Self {
        self.owner = owner;
        self
    }

    /// With another [`group`](Self::group).
    #[must_use]
    pub fn with_group(mut self, group: Option<Rc<str>>) -> Self {
        self.group = group;
        self
    }
}

/// The options of connecting.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectUnix {
    /// The path or abstract name.
    pub address: UnixAddress,
    /// How long to wait while the server's backlog is full. Default 30 s, as in Twisted.
    pub timeout: Duration,
    /// Default [`LockFile::Ignored`], as in Twisted. Twisted's `checkPID`.
    pub lock_file: LockFile,
}

impl ConnectUnix {
    /// Connects to `address` with the defaults.
    pub fn new(address: UnixAddress) -> Self {
        Self { address, timeout: Duration::from_secs(30), lock_file: LockFile::Ignored }
    }

    /// With another [`timeout`](Self::timeout).
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// With another [`lock_file`](Self::lock_file).
    #[must_use]
    pub fn with_lock_file(mut self, lock_file: LockFile) -> Self {
        self.lock_file = lock_file;
        self
    }
}

impl<R: ReactorUnix + ?Sized> ReactorUnix for Rc<R> {
    fn listen_unix(
        &self,
        options: &ListenUnix,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        (**self).listen_unix(options, factory)
    }

    fn connect_unix(&self, options: &ConnectUnix, factory: Rc<dyn Factory>) -> Deferred<()> {
        (**self).connect_unix(options, factory)
    }
}
