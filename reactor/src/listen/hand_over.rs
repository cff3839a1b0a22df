//! [`HandOver`]: how a port gives the connections that it accepts to other reactors.
//!
//! Invariant: a connection that was given away is touched no more by the port.

use interfaces::Address;

use crate::sys::StreamSys;

/// Takes accepted connections away from a port. Called by the port with nothing borrowed.
pub(crate) trait HandOver<S: StreamSys> {
    /// Takes the connection, or returns it for the port's own factory.
    fn offer(&self, socket: S::Stream, peer: &Address) -> Option<S::Stream>;

    /// The port is closed, and offers no more.
    fn port_closed(&self);
}
