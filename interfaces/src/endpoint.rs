//! A place to listen or to connect, and how; Twisted's `IStreamServerEndpoint` and
//! `IStreamClientEndpoint`.
//!
//! Invariant: constructing an endpoint opens nothing; `listen` and `connect` may be called more than once.

use alloc::rc::Rc;

use deferred::Deferred;

use crate::{Factory, ListeningPort, Transport};

/// A place to accept connections.
#[doc(alias = "IStreamServerEndpoint")]
pub trait StreamServerEndpoint {
    /// Listens, and runs a protocol of the factory on each connection accepted.
    ///
    /// # Errors
    ///
    /// Fails with [`ListenError`](crate::ListenError), or with an error of a layer.
    fn listen(&self, factory: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>>;
}

/// A place to connect to.
#[doc(alias = "IStreamClientEndpoint")]
pub trait StreamClientEndpoint {
    /// Makes one connection and runs the factory's protocol on it. Fires when that protocol's
    /// `connection_made` has returned; cancelling gives the attempt up. Most callers want
    /// `protocol::connect_protocol`, which fires with the protocol.
    ///
    /// # Errors
    ///
    /// Fails with [`ConnectError`](crate::ConnectError), or with an error of a layer.
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()>;

    /// As [`connect`](Self::connect), on behalf of the connection `served`: a relay calls it, so that a
    /// layer can tell the server behind it of the client in front of it, as the PROXY protocol does. An
    /// endpoint that wraps another one passes `served` on; one that tells nothing keeps the default.
    ///
    /// Twisted has no name for it.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    fn connect_for(&self, served: &Rc<dyn Transport>, factory: Rc<dyn Factory>) -> Deferred<()> {
        let _ = served;
        self.connect(factory)
    }
}

impl<E: StreamServerEndpoint + ?Sized> StreamServerEndpoint for Rc<E> {
    fn listen(&self, factory: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
        (**self).listen(factory)
    }
}

impl<E: StreamClientEndpoint + ?Sized> StreamClientEndpoint for Rc<E> {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        (**self).connect(factory)
    }

    fn connect_for(&self, served: &Rc<dyn Transport>, factory: Rc<dyn Factory>) -> Deferred<()> {
        (**self).connect_for(served, factory)
    }
}
