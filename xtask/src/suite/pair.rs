//! Two connected ends, and frequent checks on them.
//!
//! Invariant: a pair owns no connection; dropping it changes nothing.

use std::rc::Rc;

use deferred::Chain;
use interfaces::{BufferLimits, HalfCloseableTransport, ListeningPort, Reason, Transport};

use crate::suite::outcome::same_bytes;
use crate::suite::{CaseContext, Failed, Outcome, Probe, ensure};

/// A connection, seen from both of its ends.
pub struct Pair {
    /// The accepted end.
    pub server: Rc<Probe>,
    /// The connecting end.
    pub client: Rc<Probe>,
    /// The port that accepted the connection.
    pub port: Rc<dyn ListeningPort>,
}

impl Pair {
    /// Sends one byte each way, which completes every handshake of the connection.
    ///
    /// # Errors
    ///
    /// When a byte does not arrive.
    pub fn exchange_bytes(&self, context: &CaseContext) -> Outcome {
        let (to_client, to_server) = (self.client.received_bytes(), self.server.received_bytes());
        self.server.transport()?.write(b"!");
        self.client.transport()?.write(b"?");
        context.until("one byte went each way", || {
            self.client.received_bytes() > to_client && self.server.received_bytes() > to_server
        })
    }

    /// Waits for `connection_lost` on both ends.
    ///
    /// # Errors
    ///
    /// When one end does not receive it in time.
    pub fn until_lost(&self, context: &CaseContext) -> Outcome {
        context.until("both ends are told of their end", || {
            self.client.is_lost() && self.server.is_lost()
        })
    }

    /// Aborts the connection, for cases about other things.
    ///
    /// # Errors
    ///
    /// When one end does not receive `connection_lost` in time.
    pub fn abandon(&self, context: &CaseContext) -> Outcome {
        self.client.transport()?.abort_connection();
        self.server.transport()?.abort_connection();
        self.until_lost(context)
    }

    /// Checks that both ends closed cleanly.
    ///
    /// # Errors
    ///
    /// When one did not.
    pub fn ensure_clean(&self) -> Outcome {
        clean("the server's end", &self.server)?;
        clean("the client's end", &self.client)
    }

    /// Checks that the client received exactly these bytes.
    ///
    /// # Errors
    ///
    /// When it did not.
    pub fn client_has(&self, bytes: &[u8]) -> Outcome {
        same_bytes("what the client received", &self.client.received(), bytes)
    }

    /// Checks that the server received exactly these bytes.
    ///
    /// # Errors
    ///
    /// When it did not.
    pub fn server_has(&self, bytes: &[u8]) -> Outcome {
        same_bytes("what the server received", &self.server.received(), bytes)
    }
}

/// Checks that this end closed cleanly.
///
/// # Errors
///
/// When it did not.
pub fn clean(whose: &str, probe: &Probe) -> Outcome {
    let reason = probe.reason()?;
    ensure(reason.is_clean(), &format!("{whose} ended uncleanly: {}", describe(&reason)))
}

/// Checks that this end did not close cleanly.
///
/// # Errors
///
/// When it did.
pub fn unclean(whose: &str, probe: &Probe) -> Outcome {
    let reason = probe.reason()?;
    ensure(!reason.is_clean(), &format!("{whose} ended cleanly, and should not have"))
}

/// A reason and its causes in one line.
pub fn describe(reason: &Reason) -> String {
    Chain(reason).to_string()
}

/// Buffer limits for this number of unsent bytes, with room for a layer's overhead.
pub fn roomy(bytes: usize) -> BufferLimits {
    BufferLimits::default().with_cap(2 * bytes)
}

/// The transport as one that can close one direction.
///
/// # Errors
///
/// When the transport lacks the ability that its subject claims.
pub fn half(transport: &Rc<dyn Transport>) -> Result<&dyn HalfCloseableTransport, Failed> {
    transport.as_half_closeable().ok_or_else(|| Failed::new("as_half_closeable() is None"))
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair")
            .field("server", &self.server)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}
