//! [`ObservedFactory`]: the beginning and the end of each connection of a factory, for an
//! [`Observer`](interfaces::Observer).
//!
//! Invariant: bytes pass through untouched; a connection that was made is told once at its beginning and once at its
//! end.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::Cell;
use core::fmt;
use core::time::Duration;

use interfaces::{
    Address, Chunk, Deliver, Event, Factory, Observer, ReactorEvent, ReactorTime, Reason, Transport,
};

use crate::layer::{Layer, LayerTransport, WrappingFactory};

/// Tells an observer of each connection of a factory: that it was accepted, its bytes and its reason at the end, a
/// handshake of TLS that failed, and a peer that was refused by the factory. Inside other policies it sees what
/// they let pass; around them, what they refuse, too.
///
/// ```
/// # use ropewalk_protocol as protocol;
/// # use std::rc::Rc;
/// # use interfaces::{Observer, ReactorEvent};
/// # use protocol::testing::Clock;
/// use protocol::policies::ObservedFactory;
/// use protocol::wire::Echo;
///
/// struct Printing;
///
/// impl Observer for Printing {
///     fn observe(&self, event: &ReactorEvent<'_>) {
///         println!("{event:?}");
///     }
/// }
///
/// let clock = Clock::new(); // a server's is its reactor
/// let echo = protocol::factory_fn(|_| Echo);
/// let factory = ObservedFactory::new(echo, clock, Rc::new(Printing)).into_rc();
/// # drop(factory);
/// ```
pub struct ObservedFactory {
    wrapping: WrappingFactory<ConnectionObserver>,
    observer: Rc<dyn Observer>,
}

impl ObservedFactory {
    /// Tells `observer` of the connections of `factory`, with times of this clock.
    pub fn new(
        factory: Rc<dyn Factory>,
        clock: impl ReactorTime + 'static,
        observer: Rc<dyn Observer>,
    ) -> Self {
        let (clock, tell): (Rc<dyn ReactorTime>, _) = (Rc::new(clock), observer.clone());
        let counted = Cell::new(0);
        let wrapping = WrappingFactory::new(factory, move |peer| {
            counted.set(counted.get() + 1);
            ConnectionObserver {
                connection: counted.get(),
                peer: peer.clone(),
                began: Cell::new(None),
                is_shaking_hands: Cell::new(false),
                received: Cell::new(0),
                sent: Cell::new(0),
                clock: clock.clone(),
                observer: tell.clone(),
            }
        });
        Self { wrapping, observer }
    }

    /// Done: what endpoints take.
    pub fn into_rc(self) -> Rc<dyn Factory> {
        Rc::new(self)
    }
}

impl Factory for ObservedFactory {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        let built = self.wrapping.build_protocol(peer);
        if built.is_none() {
            self.observer.observe(&ReactorEvent::ConnectionRefused { peer });
        }
        built
    }

    fn wrapped(&self) -> Option<&dyn Factory> {
        self.wrapping.wrapped()
    }
}

impl fmt::Debug for ObservedFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObservedFactory").field("wrapping", &self.wrapping).finish_non_exhaustive()
    }
}

/// Counts the bytes of one connection.
struct ConnectionObserver {
    connection: u64,
    peer: Address,
    /// When it was made; `None` before.
    began: Cell<Option<Duration>>,
    is_shaking_hands: Cell<bool>,
    received: Cell<u64>,
    sent: Cell<u64>,
    clock: Rc<dyn ReactorTime>,
    observer: Rc<dyn Observer>,
}

impl ConnectionObserver {
    fn made(&self, transport: &dyn Transport) {
        self.began.set(Some(self.clock.now()));
        self.is_shaking_hands.set(transport.as_tls().is_some());
        let (connection, peer, host) = (self.connection, &self.peer, &transport.host());
        self.observer.observe(&ReactorEvent::ConnectionOpened { connection, peer, host });
    }

    fn lost(&self, reason: &Reason) {
        let Some(began) = self.began.take() else { return };
        let (connection, peer) = (self.connection, &self.peer);
        self.observer.observe(&if self.is_shaking_hands.get() {
            ReactorEvent::HandshakeFailed { connection, peer, reason }
        } else {
            let (received, sent) = (self.received.get(), self.sent.get());
            let time = self.clock.now().saturating_sub(began);
            ReactorEvent::ConnectionClosed { connection, peer, received, sent, time, reason }
        });
    }

    fn wrote(&self, bytes: usize) {
        self.sent.set(self.sent.get() + bytes as u64);
    }
}

impl Layer for ConnectionObserver {
    fn deliver(&self, _: &LayerTransport<Self>, above: &dyn Deliver, event: Event<'_>) {
        match &event {
            Event::ConnectionMade(transport) => self.made(&***transport),
            Event::HandshakeCompleted => self.is_shaking_hands.set(false),
            Event::ConnectionLost(reason) => self.lost(reason),
            _ => {}
        }
        above.deliver(event);
    }

    fn received(&self, data: &[u8]) {
        self.received.set(self.received.get() + data.len() as u64);
    }

    fn write(&self, below: &dyn Transport, data: &[u8]) {
        self.wrote(data.len());
        below.write(data);
    }

    fn write_sequence(&self, below: &dyn Transport, chunks: Vec<Chunk>) {
        self.wrote(chunks.iter().map(|chunk| chunk.len()).sum());
        below.write_sequence(chunks);
    }
}
