//! One side of a connection with its protocol: what a reactor's slot is to a socket.
//!
//! Invariant: each step takes the news out of the socket, ends the borrow, and then calls.

use alloc::rc::Rc;
use core::cell::Cell;

use deferred::Promise;
use interfaces::{ConnectError, Deliver, Event, Producer, Reason, Transport};

use super::guard::Caller;
use super::socket::{HalfCloseable, Incoming, Sent};
use super::transport::MemoryTransport;

/// Owns the protocol, which owns its handle, which does not own the protocol.
pub(super) struct Connection {
    transport: Rc<MemoryTransport>,
    protocol: Rc<dyn Deliver>,
    opening: Cell<Option<Opening>>,
    /// Whether the protocol heard of its connection, and so will hear of its end.
    made: Cell<bool>,
}

/// Who waits for `connection_made`.
pub(super) enum Opening {
    /// Nobody waits for it.
    Silent,
    /// A `connect` that fires when it is done.
    Awaited(Promise<()>),
}

/// Whether a step found something to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Quiet,
    Moved,
}

impl Progress {
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Quiet, Self::Quiet) => Self::Quiet,
            (Self::Moved, _) | (_, Self::Moved) => Self::Moved,
        }
    }
}

impl Connection {
    pub(super) fn new(
        transport: Rc<MemoryTransport>,
        protocol: Rc<dyn Deliver>,
        opening: Opening,
    ) -> Rc<Self> {
        let opening = Cell::new(Some(opening));
        Rc::new(Self { transport, protocol, opening, made: Cell::new(false) })
    }

    /// Its part of a round: `connection_made` or one piece of news, then sending.
    pub(super) fn step(&self, caller: &Caller) -> Progress {
        let news = match self.open(caller) {
            Progress::Quiet => self.receive(caller),
            Progress::Moved => Progress::Moved,
        };
        news.or(self.send(caller))
    }

    /// Tells the protocol that it is connected, once; nothing else comes before it.
    fn open(&self, caller: &Caller) -> Progress {
        let Some(opening) = self.opening.take() else { return Progress::Quiet };
        if let Opening::Awaited(promise) = &opening
            && promise.is_cancelled()
        {
            self.transport.abort_connection();
            return Progress::Moved;
        }
        self.made.set(true);
        let handle: Rc<dyn Transport> = self.transport.clone();
        let result = self.deliver(caller, Event::ConnectionMade(&handle));
        match (opening, result) {
            (Opening::Awaited(promise), Outcome::Returned) => promise.callback(()),
            (Opening::Awaited(promise), Outcome::Panicked) => {
                promise.errback(ConnectError::EndedAtOnce { address: self.transport.peer() });
            }
            (Opening::Silent, Outcome::Returned | Outcome::Panicked) => {}
        }
        Progress::Moved
    }

    /// Delivers one piece of what has arrived.
    fn receive(&self, caller: &Caller) -> Progress {
        let incoming = self.transport.socket.borrow_mut().read();
        match incoming {
            Incoming::Nothing => return Progress::Quiet,
            Incoming::Data(mut data) => {
                self.deliver(caller, Event::DataReceived(data.as_mut_slice()));
                self.transport.socket.borrow_mut().delivered(data);
            }
            Incoming::Eof => self.end_of_file(caller),
            Incoming::Broken => {}
        }
        Progress::Moved
    }

    fn end_of_file(&self, caller: &Caller) {
        let answer = Cell::new(HalfCloseable::No);
        self.guard(caller, "protocol", &mut || {
            if self.protocol.is_half_closeable() {
                answer.set(HalfCloseable::Yes);
            }
        });
        self.transport.socket.borrow_mut().end_of_file(answer.get());
        match answer.get() {
            HalfCloseable::Yes => drop(self.deliver(caller, Event::ReadConnectionLost)),
            HalfCloseable::No => {}
        }
    }

    /// Sends what the protocol has written.
    fn send(&self, caller: &Caller) -> Progress {
        let sent = self.transport.socket.borrow_mut().send();
        match sent {
            Sent::Nothing => return Progress::Quiet,
            Sent::Something => {}
            Sent::Resume(producer) => {
                self.guard(caller, "producer", &mut || match &producer {
                    Producer::Push(producer) => producer.resume_producing(),
                    Producer::Pull(producer) => producer.resume_producing(),
                });
            }
            Sent::WriteClosed => {
                self.deliver(caller, Event::WriteConnectionLost);
            }
        }
        Progress::Moved
    }

    /// Whether it ended; then [`bury`](Self::bury) it.
    pub(super) fn is_ending(&self) -> bool {
        let waits = self.opening.take();
        let opened = waits.is_none();
        self.opening.set(waits);
        opened && self.transport.is_ending()
    }

    /// Stops the producer and tells the protocol why; the last call.
    pub(super) fn bury(&self, caller: &Caller) {
        let end = self.transport.socket.borrow_mut().bury();
        let Some((reason, producer)) = end else { return };
        if let Some(producer) = producer {
            self.guard(caller, "producer", &mut || producer.stop_producing());
        }
        if self.made.get() {
            self.deliver(caller, Event::ConnectionLost(&reason));
        }
    }

    fn deliver(&self, caller: &Caller, event: Event<'_>) -> Outcome {
        let event = Cell::new(Some(event));
        self.guard(caller, "protocol", &mut || {
            if let Some(event) = event.take() {
                self.protocol.deliver(event);
            }
        })
    }

    /// Calls foreign code. If it panics and panics are caught, that ends this connection.
    fn guard(&self, caller: &Caller, callback: &'static str, call: &mut dyn FnMut()) -> Outcome {
        match caller.call(callback, Some(&self.transport.peer), call) {
            Ok(()) => Outcome::Returned,
            Err(message) => {
                self.transport.end(Reason::Panicked(message));
                Outcome::Panicked
            }
        }
    }
}

enum Outcome {
    Returned,
    Panicked,
}
