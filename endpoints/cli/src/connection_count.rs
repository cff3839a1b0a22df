//! The count of open connections, which tells a shutdown that the last one has finished.
//!
//! Invariant: a connection counts from the call of its factory on, until `connection_lost` has
//! returned or its protocol is dropped.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use deferred::{Deferred, Promise};
use interfaces::{HalfCloseableProtocol, HandshakeListener, Protocol, Reason, Transport};

/// The count of open connections; a clone is the same count.
#[derive(Clone, Default)]
pub(crate) struct ConnectionCount {
    shared: Rc<SharedCount>,
}

#[derive(Default)]
struct SharedCount {
    connections: Cell<usize>,
    waiting: RefCell<Vec<Promise<()>>>,
}

impl ConnectionCount {
    /// Counts the connection that `protocol` will run on.
    pub(crate) fn counted<P: Protocol>(&self, protocol: P) -> CountedProtocol<P> {
        self.shared.connections.set(self.shared.connections.get() + 1);
        CountedProtocol { protocol, counted: Some(CountedConnection(self.shared.clone())) }
    }

    /// The number of open connections.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.get()
    }

    /// Fires when no connection is open, at once if none is open now.
    pub(crate) fn none_left(&self) -> Deferred<()> {
        if self.connections() == 0 {
            return Deferred::succeed(());
        }
        let (deferred, promise) = Deferred::new();
        self.shared.waiting.borrow_mut().push(promise);
        deferred
    }
}

/// One connection in the count; its drop takes it out.
struct CountedConnection(Rc<SharedCount>);

impl Drop for CountedConnection {
    fn drop(&mut self) {
        let left = self.0.connections.get() - 1;
        self.0.connections.set(left);
        if left == 0 {
            let waiting = self.0.waiting.take();
            waiting.into_iter().for_each(|promise| promise.callback(()));
        }
    }
}

/// A protocol whose connection is counted.
pub(crate) struct CountedProtocol<P> {
    protocol: P,
    counted: Option<CountedConnection>,
}

impl<P: Protocol> Protocol for CountedProtocol<P> {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.protocol.connection_made(transport);
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        self.protocol.data_received(transport, data);
    }

    fn connection_lost(&mut self, transport: &Rc<dyn Transport>, reason: &Reason) {
        self.protocol.connection_lost(transport, reason);
        self.counted = None;
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        self.protocol.as_half_closeable()
    }

    fn as_handshake_listener(&mut self) -> Option<&mut dyn HandshakeListener> {
        self.protocol.as_handshake_listener()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::Discard;
    use interfaces::Event;
    use protocol::ProtocolRef;
    use protocol::testing::StringTransport;

    #[test]
    fn the_last_connection_lost_is_told_once() {
        let count = ConnectionCount::default();
        let told = Rc::new(Cell::new(0));
        let first = ProtocolRef::new(count.counted(Discard)).as_deliver();
        let second = ProtocolRef::new(count.counted(Discard)).as_deliver();
        let seen = told.clone();
        let _waiting = count.none_left().add_callback(move |()| {
            seen.set(seen.get() + 1);
            Ok(())
        });
        for connection in [&first, &second] {
            connection.deliver(Event::ConnectionMade(&StringTransport::new().as_transport()));
        }
        first.deliver(Event::ConnectionLost(&Reason::Done));
        assert_eq!((count.connections(), told.get()), (1, 0));
        drop(first);
        assert_eq!((count.connections(), told.get()), (1, 0), "it was uncounted before");
        second.deliver(Event::ConnectionLost(&Reason::Aborted));
        assert_eq!((count.connections(), told.get()), (0, 1));
    }

    #[test]
    fn a_protocol_that_never_had_a_connection_is_uncounted_too() {
        let count = ConnectionCount::default();
        drop(count.counted(Discard));
        assert_eq!(count.connections(), 0);
        assert!(count.none_left().is_fired());
    }
}
