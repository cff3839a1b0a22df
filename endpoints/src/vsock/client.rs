//! [`VsockClientEndpoint`]: connects, and lets the reactor adopt the connection.
//!
//! Invariant: constructing it opens nothing.

use alloc::rc::Rc;
use core::fmt;
use core::time::Duration;

use deferred::Deferred;
use interfaces::{
    Factory, ReactorFdSet, ReactorSocket, ReactorTime, StreamClientEndpoint, VsockAddress,
};

use super::VsockReactor;
use super::attempt::Attempt;

/// A port of vsock(7) to connect to.
///
/// # Errors
///
/// `connect` fails with [`ConnectError`](interfaces::ConnectError).
#[derive(Clone)]
pub struct VsockClientEndpoint {
    reactor: Rc<dyn VsockReactor>,
    address: VsockAddress,
    timeout: Duration,
}

impl VsockClientEndpoint {
    /// Connects to this address within 30 s. The kernel's own limit is 2 s.
    pub fn new<R>(reactor: R, address: VsockAddress) -> Self
    where
        R: ReactorSocket + ReactorFdSet + ReactorTime + 'static,
    {
        Self::shared(Rc::new(reactor), address)
    }

    pub(super) fn shared(reactor: Rc<dyn VsockReactor>, address: VsockAddress) -> Self {
        Self { reactor, address, timeout: Duration::from_secs(30) }
    }

    /// With another time limit.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }
}

impl StreamClientEndpoint for VsockClientEndpoint {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        Attempt::begin(self.reactor.clone(), self.address, self.timeout, factory)
    }
}

impl fmt::Debug for VsockClientEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VsockClientEndpoint")
            .field("address", &self.address)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
