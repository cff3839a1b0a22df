//! One connection for one protocol; Twisted's `connectProtocol`.
//!
//! Invariant: the protocol is built before the attempt, and runs on one connection at most.

use alloc::borrow::Cow;
use alloc::rc::Rc;

use deferred::Deferred;
use interfaces::{Address, Deliver, Factory, Protocol, StreamClientEndpoint, Transport};

use crate::ProtocolRef;

/// Connects, and runs `protocol` on the connection. Fires with the running protocol when its
/// `connection_made` has returned. Cancelling gives the attempt up.
///
/// # Errors
///
/// What [`connect`](StreamClientEndpoint::connect) fails with; the protocol is dropped then.
pub fn connect_protocol<P: Protocol>(
    endpoint: &dyn StreamClientEndpoint,
    protocol: P,
) -> Deferred<ProtocolRef<P>> {
    connect_ref(endpoint, ProtocolRef::new(protocol))
}

/// As [`connect_protocol`], on behalf of the connection `served`, as
/// [`connect_for`](StreamClientEndpoint::connect_for) has it.
///
/// # Errors
///
/// As [`connect_protocol`].
pub fn connect_protocol_for<P: Protocol>(
    endpoint: &dyn StreamClientEndpoint,
    served: &Rc<dyn Transport>,
    protocol: P,
) -> Deferred<ProtocolRef<P>> {
    let protocol = ProtocolRef::new(protocol);
    let factory = Rc::new(OneProtocol { protocol: protocol.clone() });
    endpoint.connect_for(served, factory).add_callback(move |()| Ok(protocol))
}

/// As [`connect_protocol`], for a protocol made with [`ProtocolRef::new_cyclic`], or which is to be
/// reached while the attempt is still on.
///
/// # Errors
///
/// What [`connect`](StreamClientEndpoint::connect) fails with. A protocol runs on one connection in
/// its life: any further attempt fails with
/// [`NoProtocol`](interfaces::ConnectError::NoProtocol).
pub fn connect_ref<P: Protocol>(
    endpoint: &dyn StreamClientEndpoint,
    protocol: ProtocolRef<P>,
) -> Deferred<ProtocolRef<P>> {
    let factory = Rc::new(OneProtocol { protocol: protocol.clone() });
    endpoint.connect(factory).add_callback(move |()| Ok(protocol))
}

/// Hands the protocol to the first connection, and refuses any other.
struct OneProtocol<P: Protocol> {
    protocol: ProtocolRef<P>,
}

impl<P: Protocol> Factory for OneProtocol<P> {
    fn build_protocol(&self, _peer: &Address) -> Option<Rc<dyn Deliver>> {
        self.protocol.claim()
    }

    fn log_prefix(&self) -> Cow<'static, str> {
        Cow::Borrowed(P::log_prefix())
    }
}
