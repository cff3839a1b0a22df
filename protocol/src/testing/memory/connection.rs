//! One side of a connection with its protocol: what a reactor's slot is to a socket.
//!
//! Invariant: each step takes the news out of the socket, ends the borrow, and then calls.

use alloc::rc::Rc;
use core::cell::Cell;

use deferred::Promise;
use interfaces::{ConnectError, Deliver, Event, Producer, Reason, Transport};

use super::guard::Guard;
use super::socket::{Sent, SocketInput};
use super::transport::MemoryTransport;
use crate::transport::Eof;

/// Owns the protocol, which owns its handle, which does not own the protocol.
pub(super) struct Connection {
    transport: Rc<MemoryTransport>,
    protocol: Rc<dyn Deliver>,
    opening: Cell<Option<Opening>>,
    /// Whether the protocol heard of its connection, and so will hear of its end.
    made: Cell<bool>,
}

/// The promise that `connection_made` fires.
pub(super) enum Opening {
    /// No promise: an accepted connection, or one side of a pair.
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
    pub(super) fn step(&self, guard: &Guard) -> Progress {
        let news = match self.open(guard) {
            Progress::Quiet => self.receive(guard),
            Progress::Moved => Progress::Moved,
        };
        news.or(self.send(guard))
    }

    /// Tells the protocol that it is connected, once; nothing else comes before it.
    fn open(&self, guard: &Guard) -> Progress {
        let Some(opening) = self.opening.take() else { return Progress::Quiet };
        if let Opening::Awaited(promise) = &opening
            && promise.is_cancelled()
        {
            self.transport.abort_connection();
            return Progress::Moved;
        }
        self.made.set(true);
        let handle: Rc<dyn Transport> = self.transport.clone();
        let result = self.deliver(guard, Event::ConnectionMade(&handle));
        match (opening, result) {
            (Opening::Awaited(promise), CallResult::Returned) => promise.callback(()),
            (Opening::Awaited(promise), CallResult::Panicked) => {
                promise.errback(ConnectError::EndedAtOnce { address: self.transport.peer() });
            }
            (Opening::Silent, CallResult::Returned | CallResult::Panicked) => {}
        }
        Progress::Moved
    }

    /// Delivers one piece of what has arrived.
    fn receive(&self, guard: &Guard) -> Progress {
        let incoming = self.transport.socket.borrow_mut().read();
        match incoming {
            SocketInput::Nothing => return Progress::Quiet,
            SocketInput::Data(mut data) => {
                self.deliver(guard, Event::DataReceived(data.as_mut_slice()));
                self.transport.socket.borrow_mut().delivered(data);
            }
            SocketInput::Eof => self.end_of_file(guard),
            SocketInput::Broken => {}
        }
        Progress::Moved
    }

    fn end_of_file(&self, guard: &Guard) {
        let half_closeable = Cell::new(false);
        self.call(guard, "protocol", &mut || {
            half_closeable.set(self.protocol.is_half_closeable());
        });
        let eof = self.transport.socket.borrow_mut().end_of_file(half_closeable.get());
        match eof {
            Eof::Deliver => drop(self.deliver(guard, Event::ReadConnectionLost)),
            Eof::Flush | Eof::Close | Eof::Nothing => {}
        }
    }

    /// Sends what the protocol has written.
    fn send(&self, guard: &Guard) -> Progress {
        let sent = self.transport.socket.borrow_mut().send();
        match sent {
            Sent::Nothing => return Progress::Quiet,
            Sent::Something => {}
            Sent::Resume(producer) => {
                self.call(guard, "producer", &mut || match &producer {
                    Producer::Push(producer) => producer.resume_producing(),
                    Producer::Pull(producer) => producer.resume_producing(),
                });
            }
            Sent::WriteClosed => {
                self.deliver(guard, Event::WriteConnectionLost);
            }
        }
        Progress::Moved
    }

    /// Whether it ended; then [`finish`](Self::finish) it.
    pub(super) fn is_ending(&self) -> bool {
        self.transport.is_ending() && self.is_opened()
    }

    fn is_opened(&self) -> bool {
        let waits = self.opening.take();
        let opened = waits.is_none();
        self.opening.set(waits);
        opened
    }

    /// Stops the producer and tells the protocol why; the last call.
    pub(super) fn finish(&self, guard: &Guard) {
        let end = self.transport.socket.borrow_mut().take_end();
        let Some((reason, producer)) = end else { return };
        if let Some(producer) = producer {
            self.call(guard, "producer", &mut || producer.stop_producing());
        }
        if self.made.get() {
            self.deliver(guard, Event::ConnectionLost(&reason));
        }
    }

    fn deliver(&self, guard: &Guard, event: Event<'_>) -> CallResult {
        let event = Cell::new(Some(event));
        self.call(guard, "protocol", &mut || {
            if let Some(event) = event.take() {
                self.protocol.deliver(event);
            }
        })
    }

    /// Calls foreign code. If it panics and panics are caught, that ends this connection.
    fn call(&self, guard: &Guard, callback: &'static str, call: &mut dyn FnMut()) -> CallResult {
        match guard.call(callback, Some(&self.transport.peer), call) {
            Ok(()) => CallResult::Returned,
            Err(message) => {
                self.transport.end(Reason::Panicked(message));
                CallResult::Panicked
            }
        }
    }
}

enum CallResult {
    Returned,
    Panicked,
}
