//! Two connected ends, and what is often said of them.
//!
//! Invariant: none but the addresses of the ends; a pair may be dropped at any time.

use std::rc::Rc;

use deferred::Chain;
use interfaces::{BufferLimits, HalfCloseableTransport, ListeningPort, Reason, Transport};

use crate::case::same_bytes;
use crate::{Failed, Outcome, Probe, Trial, ensure};

/// A connection, seen from both of its ends.
pub struct Pair {
    /// The end that was accepted.
    pub server: Rc<Probe>,
    /// The end that connected.
    pub client: Rc<Probe>,
    /// Where the one listened to which the other connected.
    pub port: Rc<dyn ListeningPort>,
}

impl Pair {
    /// One byte each way: the connection, and what is negotiated on it, stands.
    ///
    /// # Errors
    ///
    /// When it does not arrive.
    pub fn exchange_bytes(&self, trial: &Trial) -> Outcome {
        let (to_client, to_server) = (self.client.received_bytes(), self.server.received_bytes());
        self.server.transport()?.write(b"!");
        self.client.transport()?.write(b"?");
        trial.until("one byte went each way", || {
            self.client.received_bytes() > to_client && self.server.received_bytes() > to_server
        })
    }

    /// Waits until both ends had their `connection_lost`.
    ///
    /// # Errors
    ///
    /// When one of them does not.
    pub fn until_lost(&self, trial: &Trial) -> Outcome {
        trial.until("both ends are told of their end", || {
            self.client.is_lost() && self.server.is_lost()
        })
    }

    /// Ends the connection, however it stands. For cases that are about something else.
    ///
    /// # Errors
    ///
    /// When one end does not hear of it.
    pub fn abandon(&self, trial: &Trial) -> Outcome {
        self.client.transport()?.abort_connection();
        self.server.transport()?.abort_connection();
        self.until_lost(trial)
    }

    /// Both ends ended cleanly.
    ///
    /// # Errors
    ///
    /// When they did not.
    pub fn ensure_clean(&self) -> Outcome {
        clean("the server's end", &self.server)?;
        clean("the client's end", &self.client)
    }

    /// The client received these bytes and no others.
    ///
    /// # Errors
    ///
    /// When it did not.
    pub fn client_has(&self, bytes: &[u8]) -> Outcome {
        same_bytes("what the client received", &self.client.received(), bytes)
    }

    /// The server received these bytes and no others.
    ///
    /// # Errors
    ///
    /// When it did not.
    pub fn server_has(&self, bytes: &[u8]) -> Outcome {
        same_bytes("what the server received", &self.server.received(), bytes)
    }
}

/// This end ended as both sides meant it.
///
/// # Errors
///
/// When it did not.
pub fn clean(whose: &str, probe: &Probe) -> Outcome {
    let reason = probe.reason()?;
    ensure(reason.is_clean(), &format!("{whose} ended uncleanly: {}", describe(&reason)))
}

/// This end did not end as both sides meant it.
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

/// Limits that let so many unsent bytes be, and what a layer adds to them.
pub fn roomy(bytes: usize) -> BufferLimits {
    BufferLimits::default().with_cap(2 * bytes)
}

/// The transport's ability to close one direction.
///
/// # Errors
///
/// When it has none, though its subject lacks nothing.
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
