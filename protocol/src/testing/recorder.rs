//! A protocol that remembers what reached it; Twisted's `AccumulatingProtocol`.
//!
//! Invariant: an event is recorded before its hook runs.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;

use interfaces::{HalfCloseableProtocol, HandshakeListener, Protocol, Reason, Transport};

/// One call of a protocol's method.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Seen {
    /// `connection_made`
    ConnectionMade,
    /// `data_received`, with the bytes of this one call.
    DataReceived(Vec<u8>),
    /// `read_connection_lost`
    ReadConnectionLost,
    /// `write_connection_lost`
    WriteConnectionLost,
    /// `handshake_completed`
    HandshakeCompleted,
    /// `connection_lost`, with its reason.
    ConnectionLost(Reason),
    /// `unknown_event`, with its number: an event that no layer knows.
    UnknownEvent(u32),
}

/// What a [`Recorder`] saw; a clone is the same record. Readable at any time, also from a hook.
#[derive(Clone, Default)]
pub struct Record {
    seen: Rc<RefCell<Vec<Seen>>>,
    transport: Rc<RefCell<Option<Rc<dyn Transport>>>>,
}

impl Record {
    /// An empty record.
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything, in order.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.borrow().clone()
    }

    /// The names of the methods, in order, each run of `data_received` once: what most claims are
    /// about.
    pub fn calls(&self) -> Vec<&'static str> {
        let mut calls: Vec<_> = self.seen.borrow().iter().map(Seen::name).collect();
        calls.dedup_by(|next, last| next == last && *last == "data_received");
        calls
    }

    /// All bytes received, joined.
    pub fn received(&self) -> Vec<u8> {
        let seen = self.seen.borrow();
        let pieces = seen.iter().filter_map(|seen| match seen {
            Seen::DataReceived(data) => Some(data.as_slice()),
            _ => None,
        });
        pieces.collect::<Vec<_>>().concat()
    }

    /// How often the method of this name was called: `"data_received"`…
    pub fn count(&self, name: &str) -> usize {
        self.seen.borrow().iter().filter(|seen| seen.name() == name).count()
    }

    /// Why the connection was lost, if it was.
    pub fn lost(&self) -> Option<Reason> {
        self.seen.borrow().iter().find_map(|seen| match seen {
            Seen::ConnectionLost(reason) => Some(reason.clone()),
            _ => None,
        })
    }

    /// The transport, from `connection_made` on, also when the connection is lost: so that a test
    /// can show what a dead transport does. [`forget`](Self::forget) lets go of it.
    ///
    /// # Panics
    ///
    /// When there was no `connection_made`.
    pub fn transport(&self) -> Rc<dyn Transport> {
        self.transport.borrow().clone().expect("connection_made was not called yet")
    }

    /// Lets go of the transport and empties the record.
    pub fn forget(&self) {
        let transport = self.transport.take();
        self.seen.take();
        drop(transport);
    }

    fn add(&self, seen: Seen) {
        self.seen.borrow_mut().push(seen);
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Record").field(&self.seen()).finish()
    }
}

impl Seen {
    /// The name of the method that was called.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ConnectionMade => "connection_made",
            Self::DataReceived(_) => "data_received",
            Self::ReadConnectionLost => "read_connection_lost",
            Self::WriteConnectionLost => "write_connection_lost",
            Self::HandshakeCompleted => "handshake_completed",
            Self::ConnectionLost(_) => "connection_lost",
            Self::UnknownEvent(_) => "unknown_event",
        }
    }
}

type Hook = Box<dyn FnMut(&Rc<dyn Transport>)>;

/// Records all that it is told, and does what its hooks say.
///
/// ```
/// # use ropewalk_protocol as protocol;
/// use protocol::ProtocolRef;
/// use protocol::testing::{Record, Recorder, memory::Pair};
///
/// let (client, server) = (Record::new(), Record::new());
/// let greeter = Recorder::new(&server).on_made(|transport| transport.write(b"hello"));
/// let pair = Pair::new(
///     ProtocolRef::new(Recorder::new(&client)).as_deliver(),
///     ProtocolRef::new(greeter).as_deliver(),
/// );
/// pair.flush();
/// assert_eq!(client.received(), b"hello");
/// ```
pub struct Recorder {
    record: Record,
    half_closeable: bool,
    on_made: Hook,
    on_data: Box<dyn FnMut(&Rc<dyn Transport>, &[u8])>,
    on_read_lost: Hook,
    on_write_lost: Hook,
    on_lost: Box<dyn FnMut(&Reason)>,
}

impl Recorder {
    /// A protocol that records what it is told, without the half-close role.
    pub fn new(record: &Record) -> Self {
        Self {
            record: record.clone(),
            half_closeable: false,
            on_made: Box::new(|_| {}),
            on_data: Box::new(|_, _| {}),
            on_read_lost: Box::new(|_| {}),
            on_write_lost: Box::new(|_| {}),
            on_lost: Box::new(|_| {}),
        }
    }

    /// Gives it the half-close role.
    pub fn half_closeable(mut self) -> Self {
        self.half_closeable = true;
        self
    }

    /// Runs in `connection_made`.
    pub fn on_made(mut self, hook: impl FnMut(&Rc<dyn Transport>) + 'static) -> Self {
        self.on_made = Box::new(hook);
        self
    }

    /// Runs in `data_received`.
    pub fn on_data(mut self, hook: impl FnMut(&Rc<dyn Transport>, &[u8]) + 'static) -> Self {
        self.on_data = Box::new(hook);
        self
    }

    /// Runs in `read_connection_lost`, and gives it the half-close role.
    pub fn on_read_lost(mut self, hook: impl FnMut(&Rc<dyn Transport>) + 'static) -> Self {
        self.on_read_lost = Box::new(hook);
        self.half_closeable()
    }

    /// Runs in `write_connection_lost`, and gives it the half-close role.
    pub fn on_write_lost(mut self, hook: impl FnMut(&Rc<dyn Transport>) + 'static) -> Self {
        self.on_write_lost = Box::new(hook);
        self.half_closeable()
    }

    /// Runs in `connection_lost`.
    pub fn on_lost(mut self, hook: impl FnMut(&Reason) + 'static) -> Self {
        self.on_lost = Box::new(hook);
        self
    }
}

impl Protocol for Recorder {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        let before = self.record.transport.replace(Some(transport.clone()));
        drop(before);
        self.record.add(Seen::ConnectionMade);
        (self.on_made)(transport);
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        self.record.add(Seen::DataReceived(data.to_vec()));
        (self.on_data)(transport, data);
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.record.add(Seen::ConnectionLost(reason.clone()));
        (self.on_lost)(reason);
    }

    fn unknown_event(&mut self, _: &Rc<dyn Transport>, number: u32) {
        self.record.add(Seen::UnknownEvent(number));
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        if self.half_closeable { Some(self) } else { None }
    }

    fn as_handshake_listener(&mut self) -> Option<&mut dyn HandshakeListener> {
        Some(self)
    }
}

impl HalfCloseableProtocol for Recorder {
    fn read_connection_lost(&mut self, transport: &Rc<dyn Transport>) {
        self.record.add(Seen::ReadConnectionLost);
        (self.on_read_lost)(transport);
    }

    fn write_connection_lost(&mut self, transport: &Rc<dyn Transport>) {
        self.record.add(Seen::WriteConnectionLost);
        (self.on_write_lost)(transport);
    }
}

impl HandshakeListener for Recorder {
    fn handshake_completed(&mut self, _transport: &Rc<dyn Transport>) {
        self.record.add(Seen::HandshakeCompleted);
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("calls", &self.record.calls())
            .field("half_closeable", &self.half_closeable)
            .finish_non_exhaustive()
    }
}
