//! Which connections are alive, so that a shutdown knows when the last one has finished.
//!
//! Invariant: a connection is counted from its factory on, and uncounted once: in
//! `connection_lost`, or when it is dropped without one.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use deferred::{Deferred, Promise};
use interfaces::{HalfCloseableProtocol, HandshakeListener, Protocol, Reason, Transport};

/// The count of live connections; a clone is the same count.
#[derive(Clone, Default)]
pub(crate) struct Live {
    count: Rc<Count>,
}

#[derive(Default)]
struct Count {
    connections: Cell<usize>,
    waiting: RefCell<Vec<Promise<()>>>,
}

impl Live {
    /// Counts the connection that `protocol` will run on.
    pub(crate) fn counted<P: Protocol>(&self, protocol: P) -> Counted<P> {
        self.count.connections.set(self.count.connections.get() + 1);
        Counted { protocol, one: Some(One { count: self.count.clone() }) }
    }

    /// How many there are.
    pub(crate) fn connections(&self) -> usize {
        self.count.connections.get()
    }

    /// Fires when there is none any more, at once if there is none now.
    pub(crate) fn none_left(&self) -> Deferred<()> {
        if self.connections() == 0 {
            return Deferred::succeed(());
        }
        let (deferred, promise) = Deferred::new();
        self.count.waiting.borrow_mut().push(promise);
        deferred
    }
}

/// One counted connection.
struct One {
    count: Rc<Count>,
}

impl Drop for One {
    fn drop(&mut self) {
        let left = self.count.connections.get() - 1;
        self.count.connections.set(left);
        if left == 0 {
            let waiting = self.count.waiting.take();
            waiting.into_iter().for_each(|promise| promise.callback(()));
        }
    }
}

/// A protocol whose connection is counted.
pub(crate) struct Counted<P> {
    protocol: P,
    one: Option<One>,
}

impl<P: Protocol> Protocol for Counted<P> {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.protocol.connection_made(transport);
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        self.protocol.data_received(transport, data);
    }

    fn connection_lost(&mut self, transport: &Rc<dyn Transport>, reason: &Reason) {
        self.protocol.connection_lost(transport, reason);
        self.one = None;
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
        let live = Live::default();
        let told = Rc::new(Cell::new(0));
        let first = ProtocolRef::new(live.counted(Discard)).as_deliver();
        let second = ProtocolRef::new(live.counted(Discard)).as_deliver();
        let seen = told.clone();
        let _waiting = live.none_left().add_callback(move |()| {
            seen.set(seen.get() + 1);
            Ok(())
        });
        for connection in [&first, &second] {
            connection.deliver(Event::ConnectionMade(&StringTransport::new().as_transport()));
        }
        first.deliver(Event::ConnectionLost(&Reason::Done));
        assert_eq!((live.connections(), told.get()), (1, 0));
        drop(first);
        assert_eq!((live.connections(), told.get()), (1, 0), "it was uncounted before");
        second.deliver(Event::ConnectionLost(&Reason::Aborted));
        assert_eq!((live.connections(), told.get()), (0, 1));
    }

    #[test]
    fn a_protocol_that_never_had_a_connection_is_uncounted_too() {
        let live = Live::default();
        drop(live.counted(Discard));
        assert_eq!(live.connections(), 0);
        assert!(live.none_left().is_fired());
    }
}
