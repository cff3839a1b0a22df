//! Endpoints that put a layer between another endpoint and the protocol; Twisted's `_WrapperEndpoint` and
//! `_WrapperServerEndpoint`.
//!
//! Invariant: only the factory is changed; the port, the result and its cancelling are the wrapped endpoint's.

use alloc::rc::Rc;
use core::fmt;

use deferred::Deferred;
use interfaces::{Factory, ListeningPort, StreamClientEndpoint, StreamServerEndpoint, Transport};

/// Puts what is to lie below each protocol around its factory.
type Wrap = Rc<dyn Fn(Rc<dyn Factory>) -> Rc<dyn Factory>>;

/// A client endpoint that connects as another one does, and runs a layer below each protocol: of a kind that
/// wraps the rest of its string, and of programs.
///
/// # Errors
///
/// `connect` fails as the wrapped endpoint fails, and cancelling it cancels that.
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
///
/// use interfaces::{StreamClientEndpoint, Transport};
/// use protocol::layer::{Layer, WrappingFactory};
/// use ropewalk_endpoints::WrapperClientEndpoint;
///
/// /// Writes in capital letters.
/// struct Upper;
///
/// impl Layer for Upper {
///     fn write(&self, below: &dyn Transport, data: &[u8]) {
///         below.write(&data.to_ascii_uppercase());
///     }
/// }
///
/// fn upper(endpoint: Rc<dyn StreamClientEndpoint>) -> WrapperClientEndpoint {
///     let wrap = |factory| WrappingFactory::new(factory, |_peer| Upper).into_rc();
///     WrapperClientEndpoint::new(endpoint, wrap)
/// }
/// ```
#[derive(Clone)]
pub struct WrapperClientEndpoint {
    endpoint: Rc<dyn StreamClientEndpoint>,
    wrap: Wrap,
}

impl WrapperClientEndpoint {
    /// Connects with `endpoint`. `wrap` is called once for each `connect`, with its factory; mostly it answers
    /// a [`WrappingFactory`](protocol::layer::WrappingFactory) around it.
    pub fn new(
        endpoint: Rc<dyn StreamClientEndpoint>,
        wrap: impl Fn(Rc<dyn Factory>) -> Rc<dyn Factory> + 'static,
    ) -> Self {
        Self { endpoint, wrap: Rc::new(wrap) }
    }
}

impl StreamClientEndpoint for WrapperClientEndpoint {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.endpoint.connect((self.wrap)(factory))
    }

    fn connect_for(&self, served: &Rc<dyn Transport>, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.endpoint.connect_for(served, (self.wrap)(factory))
    }
}

/// As [`WrapperClientEndpoint`], a server endpoint.
///
/// # Errors
///
/// `listen` fails as the wrapped endpoint fails.
#[derive(Clone)]
pub struct WrapperServerEndpoint {
    endpoint: Rc<dyn StreamServerEndpoint>,
    wrap: Wrap,
}

impl WrapperServerEndpoint {
    /// Listens with `endpoint`. `wrap` is called once for each `listen`, with its factory.
    pub fn new(
        endpoint: Rc<dyn StreamServerEndpoint>,
        wrap: impl Fn(Rc<dyn Factory>) -> Rc<dyn Factory> + 'static,
    ) -> Self {
        Self { endpoint, wrap: Rc::new(wrap) }
    }
}

impl StreamServerEndpoint for WrapperServerEndpoint {
    fn listen(&self, factory: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
        self.endpoint.listen((self.wrap)(factory))
    }
}

impl fmt::Debug for WrapperClientEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrapperClientEndpoint").finish_non_exhaustive()
    }
}

impl fmt::Debug for WrapperServerEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrapperServerEndpoint").finish_non_exhaustive()
    }
}
