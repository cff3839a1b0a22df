//! UNIX stream sockets; Twisted's `UNIXServerEndpoint` and `UNIXClientEndpoint`.
//!
//! Invariant: the reactor gets the options unchanged.

use alloc::rc::Rc;
use core::fmt;

use deferred::{Deferred, Failure};
use interfaces::{
    ConnectUnix, Factory, ListenUnix, ListeningPort, ReactorUnix, StreamClientEndpoint,
    StreamServerEndpoint,
};

/// A UNIX socket to listen on.
///
/// # Errors
///
/// `listen` fails with [`ListenError`](interfaces::ListenError).
///
/// # Differences from Twisted
///
/// The default mode is 0600, not 0666, and the lock file is used unless it is turned off, as in
/// Twisted's strings but not its constructor.
#[derive(Clone)]
pub struct UnixServerEndpoint {
    reactor: Rc<dyn ReactorUnix>,
    options: ListenUnix,
}

impl UnixServerEndpoint {
    /// Listens as `options` say.
    pub fn new(reactor: impl ReactorUnix + 'static, options: ListenUnix) -> Self {
        Self::shared(Rc::new(reactor), options)
    }

    pub(crate) fn shared(reactor: Rc<dyn ReactorUnix>, options: ListenUnix) -> Self {
        Self { reactor, options }
    }
}

impl StreamServerEndpoint for UnixServerEndpoint {
    fn listen(&self, factory: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
        match self.reactor.listen_unix(&self.options, factory) {
            Ok(port) => Deferred::succeed(port),
            Err(error) => Deferred::fail(Failure::new(error)),
        }
    }
}

/// A UNIX socket to connect to.
///
/// # Errors
///
/// `connect` fails with [`ConnectError`](interfaces::ConnectError).
#[derive(Clone)]
pub struct UnixClientEndpoint {
    reactor: Rc<dyn ReactorUnix>,
    options: ConnectUnix,
}

impl UnixClientEndpoint {
    /// Connects as `options` say.
    pub fn new(reactor: impl ReactorUnix + 'static, options: ConnectUnix) -> Self {
        Self::shared(Rc::new(reactor), options)
    }

    pub(crate) fn shared(reactor: Rc<dyn ReactorUnix>, options: ConnectUnix) -> Self {
        Self { reactor, options }
    }
}

impl StreamClientEndpoint for UnixClientEndpoint {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.reactor.connect_unix(&self.options, factory)
    }
}

impl fmt::Debug for UnixServerEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnixServerEndpoint").field(&self.options).finish()
    }
}

impl fmt::Debug for UnixClientEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnixClientEndpoint").field(&self.options).finish()
    }
}
