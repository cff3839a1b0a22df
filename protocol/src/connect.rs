//! One connection for one protocol; Twisted's `connectProtocol`.
//!
//! Invariant: the protocol is built before the attempt, and runs on one connection at most. A connection
//! that was given up, by a cancellation or a time limit, is aborted, also when it comes late.

use alloc::borrow::Cow;
use alloc::rc::Rc;
use core::cell::Cell;
use core::time::Duration;

use deferred::{Deferred, Failure, Promise, quietly};
use interfaces::{
    Address, Deliver, Factory, Protocol, ReactorTime, StreamClientEndpoint, Transport,
};

use crate::ProtocolRef;
use crate::task::DeferredExt as _;

/// Connects, and runs `protocol` on the connection. Fires with the running protocol when its
/// `connection_made` has returned. Cancelling gives the attempt up, and aborts a connection that was
/// made nevertheless; so does [`add_timeout`](crate::task::DeferredExt::add_timeout).
///
/// # Errors
///
/// What [`connect`](StreamClientEndpoint::connect) fails with; the protocol is dropped then, and the
/// promises that it owns are cancelled without a report.
#[doc(alias = "connectProtocol")]
pub fn connect_protocol<P: Protocol>(
    endpoint: &dyn StreamClientEndpoint,
    protocol: P,
) -> Deferred<ProtocolRef<P>> {
    connect_ref(endpoint, ProtocolRef::new(protocol))
}

/// As [`connect_protocol`], with a time limit for all that the endpoint does until it fires: looking up
/// names and connecting. A TLS handshake goes on after that, and has a limit of its own.
///
/// # Errors
///
/// As [`connect_protocol`], and [`TimedOut`](crate::task::TimedOut).
///
/// # Examples
///
/// ```
/// # use ropewalk_protocol as protocol;
/// use std::time::Duration;
/// use interfaces::{ReactorTime, StreamClientEndpoint};
/// use protocol::connect_protocol_within;
/// # use std::rc::Rc;
/// # use interfaces::{Protocol, Transport};
/// # struct Client;
/// # impl Protocol for Client {
/// #     fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
/// # }
///
/// fn begin(endpoint: &dyn StreamClientEndpoint, clock: &dyn ReactorTime) {
///     connect_protocol_within(endpoint, Client, Duration::from_secs(5), clock)
///         .add_callback(|client| client.when_lost())
///         .add_both(|end| match end {
///             Ok(reason) => Ok(println!("{reason}")),
///             Err(failure) => Ok::<(), deferred::Failure>(println!("{failure:#}")),
///         });
/// }
/// ```
pub fn connect_protocol_within<P: Protocol>(
    endpoint: &dyn StreamClientEndpoint,
    protocol: P,
    timeout: Duration,
    clock: &dyn ReactorTime,
) -> Deferred<ProtocolRef<P>> {
    connect_protocol(endpoint, protocol).add_timeout(timeout, clock)
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
    connect_by(ProtocolRef::new(protocol), |factory| endpoint.connect_for(served, factory))
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
    connect_by(protocol, |factory| endpoint.connect(factory))
}

/// Runs the protocol on the connection that `connect` makes.
fn connect_by<P: Protocol>(
    protocol: ProtocolRef<P>,
    connect: impl FnOnce(Rc<dyn Factory>) -> Deferred<()>,
) -> Deferred<ProtocolRef<P>> {
    let (outcome, used) = (Cell::new(AttemptOutcome::Open), Cell::new(false));
    let protocol = Some(protocol);
    let factory = Rc::new(OneProtocol { protocol, used, outcome });
    let connecting = connect(factory.clone());
    let (attempt, given_up) = (connecting.cancel_handle(), factory.clone());
    let (connected, promise) = Deferred::with_canceller(move || {
        attempt.cancel();
        // The attempt may have ended by that, with success even.
        if given_up.outcome.get() == AttemptOutcome::Open {
            given_up.give_up();
        }
        None
    });
    let ended = connecting.add_both(move |result| {
        factory.ended(result, promise);
        Ok::<(), Failure>(())
    });
    // Its callback does the rest.
    drop(ended);
    connected
}

/// Hands the protocol to the first connection, and refuses any other.
struct OneProtocol<P: Protocol> {
    /// Always there, but in the drop.
    protocol: Option<ProtocolRef<P>>,
    /// The protocol was built for this attempt, so its connection is that of this attempt.
    used: Cell<bool>,
    outcome: Cell<AttemptOutcome>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum AttemptOutcome {
    Open,
    Connected,
    GivenUp,
}

impl<P: Protocol> OneProtocol<P> {
    fn ended(&self, result: Result<(), Failure>, promise: Promise<ProtocolRef<P>>) {
        match result {
            Ok(()) if self.outcome.get() == AttemptOutcome::Open => {
                self.outcome.set(AttemptOutcome::Connected);
                if let Some(protocol) = self.protocol.clone() {
                    promise.callback(protocol);
                }
            }
            Ok(()) => self.give_up(),
            Err(failure) => {
                self.give_up();
                promise.errback(failure);
            }
        }
    }

    /// Aborts the connection, now or when it is made.
    fn give_up(&self) {
        self.outcome.set(AttemptOutcome::GivenUp);
        if let Some(protocol) = self.protocol.as_ref().filter(|_| self.used.get()) {
            protocol.give_up();
        }
    }
}

impl<P: Protocol> Factory for OneProtocol<P> {
    fn build_protocol(&self, _peer: &Address) -> Option<Rc<dyn Deliver>> {
        let protocol = self.protocol.as_ref()?.claim()?;
        self.used.set(true);
        if self.outcome.get() == AttemptOutcome::GivenUp {
            self.give_up();
        }
        Some(protocol)
    }

    fn log_prefix(&self) -> Cow<'static, str> {
        Cow::Borrowed(P::log_prefix())
    }
}

/// A promise that the protocol of a failed attempt owns is cancelled with it, and that is no news: the
/// failure is told by the attempt.
impl<P: Protocol> Drop for OneProtocol<P> {
    fn drop(&mut self) {
        let protocol = self.protocol.take();
        match self.outcome.get() {
            AttemptOutcome::Connected => drop(protocol),
            AttemptOutcome::Open | AttemptOutcome::GivenUp => quietly(|| drop(protocol)),
        }
    }
}
