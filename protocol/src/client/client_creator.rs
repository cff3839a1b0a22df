//! [`ClientCreator`]: one-shot connections of one kind of protocol; Twisted's class of that name.
//!
//! Invariant: the result fires a turn after the connection or the failure, from a timer without delay, and
//! a cancellation until then leaves neither the timer nor the connection.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::cell::Cell;
use core::fmt;
use core::time::Duration;

use deferred::{Deferred, Failure};
use interfaces::{
    ConnectTcp, ConnectUnix, DelayedCall, Protocol, ReactorTcp, ReactorTime, ReactorUnix,
    StreamClientEndpoint,
};

use super::reactor_endpoints::{TcpOfReactor, UnixOfReactor};
use crate::{ProtocolRef, connect_protocol};

/// Connects protocols that are all made by one closure. [`connect_protocol`] does the same for a single
/// one, and fires at once; new programs want that.
pub struct ClientCreator<P> {
    clock: Rc<dyn ReactorTime>,
    build: Box<dyn Fn() -> P>,
}

impl<P: Protocol> ClientCreator<P> {
    /// Protocols as `build` makes them, one for each connection.
    pub fn new(clock: impl ReactorTime + 'static, build: impl Fn() -> P + 'static) -> Self {
        Self { clock: Rc::new(clock), build: Box::new(build) }
    }

    /// Connects over TCP.
    ///
    /// # Errors
    ///
    /// Fails as [`connect_tcp`](ReactorTcp::connect_tcp) does.
    #[doc(alias = "connectTCP")]
    pub fn connect_tcp(
        &self,
        reactor: impl ReactorTcp,
        options: ConnectTcp,
    ) -> Deferred<ProtocolRef<P>> {
        self.connect(&TcpOfReactor { reactor, options })
    }

    /// Connects over a UNIX socket.
    ///
    /// # Errors
    ///
    /// Fails as [`connect_unix`](ReactorUnix::connect_unix) does.
    #[doc(alias = "connectUNIX")]
    pub fn connect_unix(
        &self,
        reactor: impl ReactorUnix,
        options: ConnectUnix,
    ) -> Deferred<ProtocolRef<P>> {
        self.connect(&UnixOfReactor { reactor, options })
    }

    /// Connects to an endpoint, such as one of TLS: then it is Twisted's `connectSSL`.
    ///
    /// # Errors
    ///
    /// Fails as the endpoint does.
    #[doc(alias = "connectSSL")]
    pub fn connect(&self, endpoint: &dyn StreamClientEndpoint) -> Deferred<ProtocolRef<P>> {
        let connecting = connect_protocol(endpoint, (self.build)());
        let window = Rc::new(Window::default());
        let (attempt, given_up) = (connecting.cancel_handle(), window.clone());
        let (connected, promise) = Deferred::with_canceller(move || {
            given_up.close();
            attempt.cancel();
            None
        });
        let clock = self.clock.clone();
        let ended = connecting.add_both(move |result| {
            if !window.is_closed.get() {
                window.connected.set(result.as_ref().ok().cloned());
                let call = clock.call_later(Duration::ZERO, Box::new(move || promise.fire(result)));
                window.call.set(Some(call));
            }
            Ok::<(), Failure>(())
        });
        // Its callback does the rest.
        drop(ended);
        connected
    }
}

/// The time between the outcome and its telling.
struct Window<P: Protocol> {
    is_closed: Cell<bool>,
    call: Cell<Option<DelayedCall>>,
    connected: Cell<Option<ProtocolRef<P>>>,
}

impl<P: Protocol> Window<P> {
    /// Cancelled: nothing is told, and a connection is not kept.
    fn close(&self) {
        self.is_closed.set(true);
        if let Some(call) = self.call.take() {
            // It is pending, or the clock is gone.
            let _ = call.cancel();
        }
        if let Some(protocol) = self.connected.take() {
            protocol.give_up();
        }
    }
}

impl<P: Protocol> Default for Window<P> {
    fn default() -> Self {
        Self { is_closed: Cell::new(false), call: Cell::new(None), connected: Cell::new(None) }
    }
}

impl<P> fmt::Debug for ClientCreator<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCreator").finish_non_exhaustive()
    }
}
