//! [`HandOver`]: how a port gives the connections that it accepts to other reactors.
//!
//! Invariant: a connection that was given away is touched no more by the port.

use std::task::Waker;

use interfaces::Address;

use crate::sys::StreamSys;

/// Takes accepted connections away from a port. Called by the port with nothing borrowed.
pub(crate) trait HandOver<S: StreamSys> {
    /// Takes the connection, or returns it for the port's own factory.
    fn offer(&self, socket: S::Stream, peer: &Address) -> Option<S::Stream>;

    /// The number of connections that were given away and for which no protocol is built yet. What they
    /// change is seen by the thread that sees a smaller number.
    fn on_the_way(&self) -> usize;

    /// Wakes the port when the next one of them has arrived, also if it has by now.
    fn wake_at_arrival(&self, waker: &Waker);

    /// The port is closed, and offers no more.
    fn port_closed(&self);
}
