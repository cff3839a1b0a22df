//! The events of a reactor and of its connections that an operator logs or counts; Twisted's log observers.
//!
//! Invariant: an observer is called after the event, and its answer changes nothing.

use alloc::rc::Rc;
use core::error::Error;
use core::time::Duration;

use crate::{Address, OsError, Reason};

/// Takes the events of a reactor. Called on the reactor's thread, with nothing borrowed.
pub trait Observer {
    /// Takes one event.
    fn observe(&self, event: &ReactorEvent<'_>);
}

/// An event of a reactor.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReactorEvent<'a> {
    /// A port accepts connections, or receives datagrams.
    ListeningStarted {
        /// The actual address.
        address: &'a Address,
        /// The [`log_prefix`](crate::Factory::log_prefix) of its factory, or of its datagram protocol.
        factory: &'a str,
    },
    /// A port is closed.
    ListeningStopped {
        /// The address that it had.
        address: &'a Address,
        /// The [`log_prefix`](crate::Factory::log_prefix) of its factory, or of its datagram protocol.
        factory: &'a str,
    },
    /// `accept` failed; the port goes on.
    AcceptFailed {
        /// The port.
        address: &'a Address,
        /// The system call's answer.
        error: OsError,
        /// The remedy that was taken.
        remedy: &'static str,
    },
    /// A callback panicked, and was caught.
    CallbackPanicked {
        /// The kind of callback: "protocol", "timer", "factory"…
        callback: &'static str,
        /// The connection's peer, if the callback belongs to a connection.
        peer: Option<&'a Address>,
        /// The panic's message, as the program wrote it: print it by [`printable`](crate::printable).
        message: &'a str,
    },
    /// An error that reached no caller.
    Failed {
        /// The attempt.
        attempt: &'static str,
        /// The error.
        error: &'a (dyn Error + 'static),
    },
    /// A connection was accepted. This and the ones below come from `protocol::policies::ObservedFactory`, which
    /// counts for those who want it; the reactor itself counts no bytes.
    ConnectionOpened {
        /// The number of the connection, from 1.
        connection: u64,
        /// The peer.
        peer: &'a Address,
        /// The local address.
        host: &'a Address,
    },
    /// A connection is over.
    ConnectionClosed {
        /// Its number.
        connection: u64,
        /// The peer.
        peer: &'a Address,
        /// How many bytes its protocol got.
        received: u64,
        /// How many it wrote.
        sent: u64,
        /// How long it was open.
        time: Duration,
        /// Its end.
        reason: &'a Reason,
    },
    /// A connection over TLS ended before its handshake was done; instead of
    /// [`ConnectionClosed`](Self::ConnectionClosed).
    HandshakeFailed {
        /// Its number.
        connection: u64,
        /// The peer.
        peer: &'a Address,
        /// Its end.
        reason: &'a Reason,
    },
    /// A peer was refused, as the factory below built no protocol: a limit is reached, or it is not allowed.
    ConnectionRefused {
        /// The peer.
        peer: &'a Address,
    },
}

impl<O: Observer + ?Sized> Observer for Rc<O> {
    fn observe(&self, event: &ReactorEvent<'_>) {
        (**self).observe(event);
    }
}
