//! A datagram protocol that remembers what reached it.
//!
//! Invariant: an event is recorded before its hook runs, and nothing is borrowed while it does.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;

use interfaces::{Address, DatagramProtocol, DatagramTransport, DeliverDatagram, OsError};

use crate::datagram_protocol;

/// One call of a datagram protocol's method.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SeenDatagram {
    /// `start_protocol`
    Started,
    /// `datagram_received`, with the bytes and the sender.
    Received(Vec<u8>, Address),
    /// `datagram_truncated`, with the bytes, the length and the sender.
    Truncated(Vec<u8>, usize, Address),
    /// `connection_refused`
    Refused,
    /// `send_failed`, with the receiver and the error.
    SendFailed(Address, OsError),
    /// `stop_protocol`
    Stopped,
}

/// What a [`DatagramRecorder`] saw; a clone is the same record.
#[derive(Clone, Debug, Default)]
pub struct DatagramRecord {
    seen: Rc<RefCell<Vec<SeenDatagram>>>,
}

impl DatagramRecord {
    /// Everything, in order.
    pub fn seen(&self) -> Vec<SeenDatagram> {
        self.seen.borrow().clone()
    }

    /// The datagrams that were received whole, without their senders.
    pub fn received(&self) -> Vec<Vec<u8>> {
        let seen = self.seen.borrow();
        let data = seen.iter().filter_map(|seen| match seen {
            SeenDatagram::Received(data, _) => Some(data.clone()),
            _ => None,
        });
        data.collect()
    }

    /// The senders of the datagrams that were received whole.
    pub fn senders(&self) -> Vec<Address> {
        let seen = self.seen.borrow();
        let senders = seen.iter().filter_map(|seen| match seen {
            SeenDatagram::Received(_, sender) => Some(sender.clone()),
            _ => None,
        });
        senders.collect()
    }

    /// How often this was seen.
    pub fn count(&self, what: &SeenDatagram) -> usize {
        self.seen.borrow().iter().filter(|seen| *seen == what).count()
    }
}

type DatagramHook = Box<dyn FnMut(&SeenDatagram, &Rc<dyn DatagramTransport>)>;

/// Records every call, and runs a hook after it.
///
/// ```
/// use ropewalk_protocol::testing::{DatagramRecorder, SeenDatagram};
///
/// let (protocol, record) = DatagramRecorder::new(|seen, transport| {
///     if let SeenDatagram::Received(data, sender) = seen {
///         transport.send_to(data, sender).expect("it may be answered");
///     }
/// });
/// # drop(protocol);
/// assert!(record.seen().is_empty());
/// ```
pub struct DatagramRecorder {
    record: DatagramRecord,
    hook: DatagramHook,
}

impl DatagramRecorder {
    /// A protocol for a port with this hook, and its record.
    #[allow(clippy::new_ret_no_self, reason = "a port takes it erased")]
    pub fn new(
        hook: impl FnMut(&SeenDatagram, &Rc<dyn DatagramTransport>) + 'static,
    ) -> (Rc<dyn DeliverDatagram>, DatagramRecord) {
        let record = DatagramRecord::default();
        let recorder = Self { record: record.clone(), hook: Box::new(hook) };
        (datagram_protocol(recorder), record)
    }

    /// A protocol for a port without a hook, and its record.
    pub fn silent() -> (Rc<dyn DeliverDatagram>, DatagramRecord) {
        Self::new(|_, _| {})
    }

    fn note(&mut self, transport: &Rc<dyn DatagramTransport>, seen: SeenDatagram) {
        self.record.seen.borrow_mut().push(seen.clone());
        (self.hook)(&seen, transport);
    }
}

impl DatagramProtocol for DatagramRecorder {
    fn start_protocol(&mut self, transport: &Rc<dyn DatagramTransport>) {
        self.note(transport, SeenDatagram::Started);
    }

    fn datagram_received(
        &mut self,
        transport: &Rc<dyn DatagramTransport>,
        data: &[u8],
        sender: &Address,
    ) {
        self.note(transport, SeenDatagram::Received(data.to_vec(), sender.clone()));
    }

    fn datagram_truncated(
        &mut self,
        transport: &Rc<dyn DatagramTransport>,
        data: &[u8],
        length: usize,
        sender: &Address,
    ) {
        let sender = sender.clone();
        self.note(transport, SeenDatagram::Truncated(data.to_vec(), length, sender));
    }

    fn connection_refused(&mut self, transport: &Rc<dyn DatagramTransport>) {
        self.note(transport, SeenDatagram::Refused);
    }

    fn send_failed(
        &mut self,
        transport: &Rc<dyn DatagramTransport>,
        receiver: &Address,
        error: OsError,
    ) {
        self.note(transport, SeenDatagram::SendFailed(receiver.clone(), error));
    }

    fn stop_protocol(&mut self, transport: &Rc<dyn DatagramTransport>) {
        self.note(transport, SeenDatagram::Stopped);
    }
}

impl fmt::Debug for DatagramRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DatagramRecorder").field(&self.record).finish()
    }
}
