//! A transport that keeps what is written; Twisted's `StringTransport`.
//!
//! Invariant: the bytes go nowhere and only a producer is called, so a test sees what its protocol did.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::fmt;
use core::net::{Ipv4Addr, SocketAddrV4};

use interfaces::{
    Address, AlreadyProducing, BufferLimits, Chunk, HalfCloseableTransport, Producer, PushProducer,
    Transport,
};

/// Records what a protocol does to its transport.
///
/// ```
/// # use ropewalk_protocol as protocol;
/// # use std::rc::Rc;
/// use interfaces::{Event, Protocol, Transport};
/// use protocol::{ProtocolRef, testing::StringTransport};
/// # struct Echo;
/// # impl Protocol for Echo {
/// #     fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
/// #         transport.write(data);
/// #     }
/// # }
///
/// let transport = StringTransport::new();
/// let echo = ProtocolRef::new(Echo).as_deliver();
/// echo.deliver(Event::ConnectionMade(&transport.as_transport()));
/// echo.deliver(Event::DataReceived(&mut b"hello".to_owned()));
/// assert_eq!(transport.value(), b"hello");
/// ```
///
/// # Panics
///
/// It is stricter than real transports, to catch mistakes: pausing or resuming after
/// `stop_producing`, `lose_connection`, `lose_connection_with_reset` or `abort_connection`, and
/// unregistering a producer where
/// there is none, panic.
///
/// # Differences from Twisted
///
/// As on real transports, what is written after the close is dropped, and a pull producer is asked
/// for its first piece when it is registered. To ask for more, take [`producer`](Self::producer).
pub struct StringTransport {
    written: RefCell<Vec<u8>>,
    producer: RefCell<Option<Producer>>,
    reading: Cell<ProducerState>,
    closing: Cell<Closing>,
    write_closed: Cell<bool>,
    limits: Cell<BufferLimits>,
    host: Address,
    peer: Address,
}

/// What the protocol told the transport as a producer: whether to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProducerState {
    /// From the beginning, and after `resume_producing`.
    Producing,
    /// After `pause_producing`.
    Paused,
    /// After `stop_producing`.
    Stopped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    No,
    Lose,
    LoseWithReset,
    Abort,
}

impl StringTransport {
    /// A transport between two IPv4 addresses that are reserved for examples (RFC 5737).
    pub fn new() -> Rc<Self> {
        let address = |last| Address::Ipv4(SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, last), 1234));
        Self::with_addresses(address(1), address(2))
    }

    /// A transport with these addresses: of this side, and of the other.
    pub fn with_addresses(host: Address, peer: Address) -> Rc<Self> {
        Rc::new(Self {
            written: RefCell::default(),
            producer: RefCell::default(),
            reading: Cell::new(ProducerState::Producing),
            closing: Cell::new(Closing::No),
            write_closed: Cell::new(false),
            limits: Cell::default(),
            host,
            peer,
        })
    }

    /// Itself as what protocols take.
    pub fn as_transport(self: &Rc<Self>) -> Rc<dyn Transport> {
        self.clone()
    }

    /// All bytes that were written since the beginning or [`clear`](Self::clear).
    pub fn value(&self) -> Vec<u8> {
        self.written.borrow().clone()
    }

    /// Forgets what was written.
    pub fn clear(&self) {
        self.written.borrow_mut().clear();
    }

    /// Whether the connection is to be closed: by `lose_connection`, `lose_connection_with_reset`,
    /// `abort_connection` or `stop_producing`.
    pub fn disconnecting(&self) -> bool {
        self.closing.get() != Closing::No
    }

    /// Whether `abort_connection` was called.
    pub fn aborting(&self) -> bool {
        self.closing.get() == Closing::Abort
    }

    /// Whether `lose_connection_with_reset` was called, and no `abort_connection`.
    pub fn losing_with_reset(&self) -> bool {
        self.closing.get() == Closing::LoseWithReset
    }

    /// Whether `lose_write_connection` was called.
    pub fn write_closed(&self) -> bool {
        self.write_closed.get()
    }

    /// What the protocol last told it as a producer.
    #[doc(alias = "producerState")]
    pub fn producer_state(&self) -> ProducerState {
        self.reading.get()
    }

    /// The producer that the protocol registered.
    pub fn producer(&self) -> Option<Producer> {
        self.producer.borrow().clone()
    }

    fn takes_writes(&self) -> bool {
        match self.closing.get() {
            Closing::No => !self.write_closed.get(),
            // A producer may finish before the connection closes.
            Closing::Lose | Closing::LoseWithReset => self.producer.borrow().is_some(),
            Closing::Abort => false,
        }
    }

    fn set_reading(&self, state: ProducerState) {
        assert!(
            self.reading.get() != ProducerState::Stopped && !self.disconnecting(),
            "cannot become {state:?}: the transport is stopped or disconnecting"
        );
        self.reading.set(state);
    }
}

impl PushProducer for StringTransport {
    fn pause_producing(&self) {
        self.set_reading(ProducerState::Paused);
    }

    fn resume_producing(&self) {
        self.set_reading(ProducerState::Producing);
    }

    fn stop_producing(&self) {
        self.reading.set(ProducerState::Stopped);
        self.lose_connection();
    }
}

impl Transport for StringTransport {
    fn write(&self, data: &[u8]) {
        if self.takes_writes() {
            self.written.borrow_mut().extend_from_slice(data);
        }
    }

    fn write_sequence(&self, chunks: Vec<Chunk>) {
        for chunk in &chunks {
            self.write(chunk);
        }
    }

    fn lose_connection(&self) {
        if self.closing.get() == Closing::No {
            self.closing.set(Closing::Lose);
        }
    }

    fn lose_connection_with_reset(&self) {
        if !self.aborting() {
            self.closing.set(Closing::LoseWithReset);
        }
    }

    fn abort_connection(&self) {
        self.closing.set(Closing::Abort);
        let producer = self.producer.take();
        if let Some(producer) = producer {
            producer.stop_producing();
        }
    }

    fn peer(&self) -> Address {
        self.peer.clone()
    }

    fn host(&self) -> Address {
        self.host.clone()
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        if self.producer.borrow().is_some() {
            return Err(AlreadyProducing);
        }
        if self.aborting() {
            producer.stop_producing();
            return Ok(());
        }
        self.producer.replace(Some(producer.clone()));
        if let Producer::Pull(producer) = producer {
            producer.resume_producing();
        }
        Ok(())
    }

    fn unregister_producer(&self) {
        let producer = self.producer.take();
        let was_finished = self.write_closed.get() || self.disconnecting();
        assert!(
            producer.is_some() || was_finished,
            "cannot unregister a producer: none is registered"
        );
    }

    fn set_buffer_limits(&self, limits: BufferLimits) {
        self.limits.set(limits);
    }

    fn buffer_limits(&self) -> BufferLimits {
        self.limits.get()
    }

    fn as_half_closeable(&self) -> Option<&dyn HalfCloseableTransport> {
        Some(self)
    }
}

impl HalfCloseableTransport for StringTransport {
    fn lose_write_connection(&self) {
        self.write_closed.set(true);
    }
}

impl fmt::Debug for StringTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StringTransport")
            .field("written", &format_args!("\"{}\"", self.value().escape_ascii()))
            .field("reading", &self.reading.get())
            .field("closing", &self.closing.get())
            .finish_non_exhaustive()
    }
}
