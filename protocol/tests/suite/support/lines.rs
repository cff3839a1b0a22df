//! Receivers made of closures, and the connection that they are on.
//!
//! Invariant: all that a receiver is given is in its record, in order.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use interfaces::{Deliver, Event, Protocol, Reason};
use ropewalk_protocol::ProtocolRef;
use ropewalk_protocol::receivers::{
    LineOnlyReceiver, LineOnlyTransport, LineReceiver, LineTransport, ReceiverTransport,
    StringDecoder, StringError, StringReceiver,
};
use ropewalk_protocol::testing::StringTransport;

/// The record of a receiver: `line x`, `raw x`, `exceeded x`, `string x`.
#[derive(Clone, Default)]
pub(crate) struct Received(Rc<RefCell<Vec<String>>>);

impl Received {
    pub(crate) fn note(&self, what: &str, bytes: &[u8]) {
        self.0.borrow_mut().push(format!("{what} {}", bytes.escape_ascii()));
    }

    /// Takes what was received since the last time.
    pub(crate) fn take(&self) -> Vec<String> {
        self.0.take()
    }
}

type Reaction<T> = Box<dyn FnMut(&Rc<T>, &[u8])>;

/// A receiver of lines that notes all and then does what the closures say.
pub(crate) struct Lines {
    pub(crate) received: Received,
    pub(crate) delimiter: &'static [u8],
    pub(crate) max_length: usize,
    pub(crate) on_line: Reaction<LineTransport>,
    pub(crate) on_raw: Reaction<LineTransport>,
    pub(crate) on_exceeded: Reaction<LineTransport>,
}

impl Lines {
    pub(crate) fn new(received: &Received) -> Self {
        Self {
            received: received.clone(),
            delimiter: b"\r\n",
            max_length: 16_384,
            on_line: Box::new(|_, _| {}),
            on_raw: Box::new(|_, _| {}),
            on_exceeded: Box::new(|transport, _| transport.lose_connection()),
        }
    }

    pub(crate) fn on_line(
        mut self,
        react: impl FnMut(&Rc<LineTransport>, &[u8]) + 'static,
    ) -> Self {
        self.on_line = Box::new(react);
        self
    }

    pub(crate) fn on_raw(mut self, react: impl FnMut(&Rc<LineTransport>, &[u8]) + 'static) -> Self {
        self.on_raw = Box::new(react);
        self
    }

    pub(crate) fn on_exceeded(
        mut self,
        react: impl FnMut(&Rc<LineTransport>, &[u8]) + 'static,
    ) -> Self {
        self.on_exceeded = Box::new(react);
        self
    }

    pub(crate) fn limited(mut self, max_length: usize) -> Self {
        self.max_length = max_length;
        self
    }

    pub(crate) fn delimited(mut self, delimiter: &'static [u8]) -> Self {
        self.delimiter = delimiter;
        self
    }
}

impl LineReceiver for Lines {
    fn delimiter(&self) -> Cow<'static, [u8]> {
        self.delimiter.into()
    }

    fn max_length(&self) -> usize {
        self.max_length
    }

    fn line_received(&mut self, transport: &Rc<LineTransport>, line: &[u8]) {
        self.received.note("line", line);
        (self.on_line)(transport, line);
    }

    fn raw_data_received(&mut self, transport: &Rc<LineTransport>, data: &[u8]) {
        self.received.note("raw", data);
        (self.on_raw)(transport, data);
    }

    fn line_length_exceeded(&mut self, transport: &Rc<LineTransport>, bytes: &[u8]) {
        self.received.note("exceeded", bytes);
        (self.on_exceeded)(transport, bytes);
    }

    fn connection_lost(&mut self, _: &Rc<LineTransport>, reason: &Reason) {
        self.received.note("lost", reason.to_string().as_bytes());
    }
}

/// A receiver of lines alone, with all defaults but the limit.
pub(crate) struct LinesOnly {
    pub(crate) received: Received,
    pub(crate) max_length: usize,
    pub(crate) on_line: Reaction<LineOnlyTransport>,
    pub(crate) closes: bool,
}

impl LinesOnly {
    pub(crate) fn new(received: &Received) -> Self {
        let received = received.clone();
        Self { received, max_length: 16_384, on_line: Box::new(|_, _| {}), closes: true }
    }
}

impl LineOnlyReceiver for LinesOnly {
    fn max_length(&self) -> usize {
        self.max_length
    }

    fn line_received(&mut self, transport: &Rc<LineOnlyTransport>, line: &[u8]) {
        self.received.note("line", line);
        (self.on_line)(transport, line);
    }

    fn line_length_exceeded(&mut self, transport: &Rc<LineOnlyTransport>, bytes: &[u8]) {
        self.received.note("exceeded", bytes);
        if self.closes {
            transport.lose_connection();
        }
    }
}

/// A receiver of strings of any kind.
pub(crate) struct Strings<D: StringDecoder> {
    pub(crate) received: Received,
    pub(crate) max_length: usize,
    pub(crate) on_string: Reaction<ReceiverTransport<D>>,
    pub(crate) on_raw: Reaction<ReceiverTransport<D>>,
    pub(crate) errors: Rc<RefCell<Vec<StringError>>>,
}

impl<D: StringDecoder> Strings<D> {
    pub(crate) fn new(received: &Received) -> Self {
        Self {
            received: received.clone(),
            max_length: 99_999,
            on_string: Box::new(|_, _| {}),
            on_raw: Box::new(|_, _| {}),
            errors: Rc::default(),
        }
    }

    pub(crate) fn limited(mut self, max_length: usize) -> Self {
        self.max_length = max_length;
        self
    }

    pub(crate) fn on_string(
        mut self,
        react: impl FnMut(&Rc<ReceiverTransport<D>>, &[u8]) + 'static,
    ) -> Self {
        self.on_string = Box::new(react);
        self
    }
}

impl<D: StringDecoder> StringReceiver<D> for Strings<D> {
    fn max_length(&self) -> usize {
        self.max_length
    }

    fn string_received(&mut self, transport: &Rc<ReceiverTransport<D>>, string: &[u8]) {
        self.received.note("string", string);
        (self.on_string)(transport, string);
    }

    fn string_refused(&mut self, _: &Rc<ReceiverTransport<D>>, error: StringError) {
        self.received.note("refused", error.to_string().as_bytes());
        self.errors.borrow_mut().push(error);
    }

    fn raw_data_received(&mut self, transport: &Rc<ReceiverTransport<D>>, data: &[u8]) {
        self.received.note("raw", data);
        (self.on_raw)(transport, data);
    }
}

/// A protocol on a transport that keeps what is written.
pub(crate) struct Wire {
    pub(crate) transport: Rc<StringTransport>,
    pub(crate) protocol: Rc<dyn Deliver>,
}

impl Wire {
    pub(crate) fn to<P: Protocol>(protocol: &ProtocolRef<P>) -> Self {
        let (transport, protocol) = (StringTransport::new(), protocol.as_deliver());
        protocol.deliver(Event::ConnectionMade(&transport.as_transport()));
        Self { transport, protocol }
    }

    /// Bytes arrive.
    pub(crate) fn arrive(&self, bytes: &[u8]) {
        self.protocol.deliver(Event::DataReceived(&mut bytes.to_owned()));
    }

    /// Bytes arrive in pieces of this length.
    pub(crate) fn arrive_in(&self, length: usize, bytes: &[u8]) {
        bytes.chunks(length).for_each(|piece| self.arrive(piece));
    }
}
