//! What an operator wants to know: one stream of typed occurrences; Twisted's log observers.
//!
//! Invariant: an observer is told after the fact, and can change nothing.

use alloc::rc::Rc;
use core::error::Error;

use crate::{Address, OsError};

/// Takes what a reactor has to tell. Called on the reactor's thread, with nothing borrowed.
pub trait Observer {
    /// Something happened.
    fn observe(&self, event: &ReactorEvent<'_>);
}

/// What happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReactorEvent<'a> {
    /// A port accepts connections.
    ListeningStarted {
        /// The actual address.
        address: &'a Address,
    },
    /// A port is closed.
    ListeningStopped {
        /// The address that it had.
        address: &'a Address,
    },
    /// `accept` failed; the port goes on.
    AcceptFailed {
        /// The port.
        address: &'a Address,
        /// The system call's answer.
        error: OsError,
        /// What was done about it.
        remedy: &'static str,
    },
    /// A callback panicked, and was caught.
    CallbackPanicked {
        /// Which one: "protocol", "timer", "factory"…
        callback: &'static str,
        /// The connection's peer, where there is one.
        peer: Option<&'a Address>,
        /// The panic's message.
        message: &'a str,
    },
    /// An error that had nowhere else to go.
    Failed {
        /// What was attempted.
        attempt: &'static str,
        /// What came of it.
        error: &'a (dyn Error + 'static),
    },
}

impl<O: Observer + ?Sized> Observer for Rc<O> {
    fn observe(&self, event: &ReactorEvent<'_>) {
        (**self).observe(event);
    }
}
