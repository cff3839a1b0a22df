//! [`ClientFactory`]: a factory that hears how its attempts to connect go; Twisted's `ClientFactory`.
//!
//! Invariant: of each attempt it hears the start, and then either that it failed or, after the connection,
//! that this was lost.

use deferred::Failure;
use interfaces::{Factory, Reason};

use super::Connector;
use crate::FactoryFn;

/// A [`Factory`] that hears how the attempts of its [`Connector`] go. Called on the reactor's thread, with
/// nothing borrowed.
///
/// Each of its hooks may call [`Connector::connect`], and then the factory goes on being in use: its
/// [`do_stop`](Factory::do_stop) is not called.
///
/// # Examples
///
/// A client that connects again at once, three times:
///
/// ```
/// # use ropewalk_protocol as protocol;
/// use std::{cell::Cell, rc::Rc};
/// use interfaces::{Address, Deliver, Factory, Protocol, Reason, StreamClientEndpoint, Transport};
/// use protocol::ProtocolRef;
/// use protocol::client::{ClientFactory, Connector};
/// # struct Client;
/// # impl Protocol for Client {
/// #     fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
/// # }
///
/// struct ThreeTimes(Cell<u32>);
///
/// impl Factory for ThreeTimes {
///     fn build_protocol(&self, _: &Address) -> Option<Rc<dyn Deliver>> {
///         Some(ProtocolRef::new(Client).into())
///     }
/// }
///
/// impl ClientFactory for ThreeTimes {
///     fn client_connection_lost(&self, connector: &Connector, reason: &Reason) {
///         self.0.set(self.0.get() + 1);
///         if self.0.get() < 3 {
///             let _ = connector.connect(); // a lost connection can always be made again
///         }
///     }
/// }
///
/// fn begin(endpoint: impl StreamClientEndpoint + 'static) -> Connector {
///     let connector = Connector::new(endpoint, Rc::new(ThreeTimes(Cell::new(0))));
///     let _ = connector.connect(); // a new one can be started
///     connector
/// }
/// ```
pub trait ClientFactory: Factory {
    /// An attempt begins. Called from inside [`Connector::connect`]; the attempt may be stopped here.
    #[doc(alias = "startedConnecting")]
    fn started_connecting(&self, connector: &Connector) {
        let _ = connector;
    }

    /// The attempt failed, or was stopped. Called once for it, perhaps from inside
    /// [`Connector::connect`] or [`Connector::stop_connecting`].
    #[doc(alias = "clientConnectionFailed")]
    fn client_connection_failed(&self, connector: &Connector, failure: &Failure) {
        let _ = (connector, failure);
    }

    /// The connection is lost, and its protocol has heard of it. Called once for each connection.
    #[doc(alias = "clientConnectionLost")]
    fn client_connection_lost(&self, connector: &Connector, reason: &Reason) {
        let _ = (connector, reason);
    }
}

/// Without hooks.
impl ClientFactory for FactoryFn {}
