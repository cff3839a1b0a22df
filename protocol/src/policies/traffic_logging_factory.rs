//! [`TrafficLoggingFactory`]: all that passes on the connections of a factory, line by line; Twisted's name.
//!
//! Invariant: a line is logged before what it tells of passes on.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::Cell;
use core::fmt;

use interfaces::{Address, Chunk, Deliver, Event, Factory, HalfCloseableTransport, Transport};

use super::traffic_line::{Traffic, TrafficLine};
use crate::layer::{Layer, LayerTransport, WrappingFactory};

/// Takes the lines of one connection. Implemented for each `Fn(&TrafficLine)`.
///
/// Called on the reactor's thread for each event and each write, so it must not block: a file on a disk
/// or a queue of lines will do, a terminal that may be held will not.
pub trait TrafficLog: 'static {
    /// One line; shown, it ends with its newline.
    fn log(&self, line: &TrafficLine<'_>);
}

impl<F: Fn(&TrafficLine<'_>) + 'static> TrafficLog for F {
    fn log(&self, line: &TrafficLine<'_>) {
        self(line);
    }
}

/// Logs all that passes on each connection of a factory, for finding a mistake. **Passwords and all else that
/// peers send are in the log**: put it above what takes such things off, and delete it afterwards.
///
/// ```
/// # use ropewalk_protocol as protocol;
/// # use std::rc::Rc;
/// # use interfaces::{Factory, Protocol, Transport};
/// use protocol::policies::{TrafficLine, TrafficLoggingFactory};
/// # struct Echo;
/// # impl Protocol for Echo {
/// #     fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
/// #         transport.write(data);
/// #     }
/// # }
///
/// let echo = protocol::factory_fn(|_peer| Echo);
/// let logged = TrafficLoggingFactory::new(echo, |_number| |line: &TrafficLine| print!("{line:#}"));
/// let factory: Rc<dyn Factory> = logged.with_length_limit(4096).into_rc();
/// # drop(factory);
/// ```
///
/// # Differences from Twisted
///
/// - The log of each connection is made by a closure; in a system, [`to_files`](Self::to_files) makes files.
/// - A length limit works; there it fails on bytes. Half-closes, resets and aborts are told as closes are.
#[derive(Clone)]
pub struct TrafficLoggingFactory {
    wrapping: Rc<WrappingFactory<TrafficLogging>>,
    options: Rc<TrafficOptions>,
}

#[derive(Default)]
struct TrafficOptions {
    counter: Cell<u64>,
    length_limit: Cell<Option<usize>>,
}

impl TrafficLoggingFactory {
    /// Logs each connection of `factory` to what `open` makes for its number, from 1.
    pub fn new<T: TrafficLog>(factory: Rc<dyn Factory>, open: impl Fn(u64) -> T + 'static) -> Self {
        Self::optional(factory, move |number| Some(open(number)))
    }

    /// As [`new`](Self::new), for a log that may not be had: the connection is refused then.
    pub fn optional<T: TrafficLog>(
        factory: Rc<dyn Factory>,
        open: impl Fn(u64) -> Option<T> + 'static,
    ) -> Self {
        let options = Rc::new(TrafficOptions::default());
        let shared = options.clone();
        let wrapping = WrappingFactory::optional(factory, move |_| {
            let number = shared.counter.get() + 1;
            shared.counter.set(number);
            let log: Box<dyn TrafficLog> = Box::new(open(number)?);
            Some(TrafficLogging { number, length_limit: shared.length_limit.get(), log })
        });
        Self { wrapping: Rc::new(wrapping), options }
    }

    /// Shows at most this many bytes of one piece of data. Twisted's `lengthLimit`. Default all.
    #[must_use]
    pub fn with_length_limit(self, bytes: usize) -> Self {
        self.options.length_limit.set(Some(bytes));
        self
    }

    /// The next connection is number 1 again.
    #[doc(alias = "resetCounter")]
    pub fn reset_counter(&self) {
        self.options.counter.set(0);
    }

    /// Done: what endpoints take.
    pub fn into_rc(self) -> Rc<dyn Factory> {
        Rc::new(self)
    }
}

/// Logs one connection.
struct TrafficLogging {
    number: u64,
    length_limit: Option<usize>,
    log: Box<dyn TrafficLog>,
}

impl TrafficLogging {
    fn log(&self, traffic: Traffic<'_>) {
        let line =
            TrafficLine { connection: self.number, traffic, length_limit: self.length_limit };
        self.log.log(&line);
    }
}

impl Layer for TrafficLogging {
    fn deliver(&self, _: &LayerTransport<Self>, above: &dyn Deliver, event: Event<'_>) {
        match &event {
            Event::ConnectionMade(_) => self.log(Traffic::Made),
            Event::ConnectionLost(reason) => self.log(Traffic::Lost(reason)),
            _ => {}
        }
        above.deliver(event);
    }

    fn received(&self, data: &[u8]) {
        self.log(Traffic::Received(data));
    }

    fn write(&self, below: &dyn Transport, data: &[u8]) {
        self.log(Traffic::Written(data));
        below.write(data);
    }

    fn write_sequence(&self, below: &dyn Transport, chunks: Vec<Chunk>) {
        self.log(Traffic::WrittenSequence(&chunks));
        below.write_sequence(chunks);
    }

    fn lose_connection(&self, below: &dyn Transport) {
        self.log(Traffic::Closed);
        below.lose_connection();
    }

    fn lose_connection_with_reset(&self, below: &dyn Transport) {
        self.log(Traffic::Closed);
        below.lose_connection_with_reset();
    }

    fn abort_connection(&self, below: &dyn Transport) {
        self.log(Traffic::Closed);
        below.abort_connection();
    }

    fn lose_write_connection(&self, below: &dyn HalfCloseableTransport) {
        self.log(Traffic::Closed);
        below.lose_write_connection();
    }
}

impl Factory for TrafficLoggingFactory {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        self.wrapping.build_protocol(peer)
    }

    fn wrapped(&self) -> Option<&dyn Factory> {
        self.wrapping.wrapped()
    }
}

impl fmt::Debug for TrafficLoggingFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrafficLoggingFactory")
            .field("connections", &self.options.counter.get())
            .finish_non_exhaustive()
    }
}
