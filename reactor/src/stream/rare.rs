//! Rarely used per-stream state (producer, own limits, pending error, an end other than the usual,
//! descriptors), boxed so that an idle stream pays one word; and a compact peer address.
//!
//! Invariant: a stream that was never set any of these allocates nothing here.

use std::cell::Cell;
use std::net::SocketAddrV4;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use interfaces::{Address, BufferLimits, OsError, Producer, PullProducer, PushProducer, Reason};
use protocol::transport::ProducerSlot;

use super::descriptors::{SendDescriptors, WaitingDescriptors};
use super::roles::Held;

/// The state that most streams never have.
#[derive(Default)]
pub(crate) struct RareState {
    fields: Cell<Option<Box<RareFields>>>,
}

#[derive(Default)]
struct RareFields {
    producer: ProducerSlot,
    limits: Option<Box<BufferLimits>>,
    broken: Option<OsError>,
    is_gone: bool,
    ending: Option<Reason>,
    resets_behind: bool,
    /// What waits to be sent, boxed as few of these streams have it.
    descriptors: Option<Box<SendDescriptors>>,
    held: Option<Box<Held>>,
}

impl RareState {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.look(|_| Some(())).is_none()
    }

    /// Whether a producer is registered.
    #[inline]
    pub(crate) fn has_producer(&self) -> bool {
        self.look(|fields| fields.producer.is_registered().then_some(())).is_some()
    }

    /// The registered producer, if it makes pieces when it is asked.
    pub(crate) fn pull_producer(&self) -> Option<Rc<dyn PullProducer>> {
        self.look(|fields| fields.producer.pull())
    }

    /// Registers a producer where none is registered, so that no foreign value is dropped here.
    pub(crate) fn register_producer(&self, producer: Producer) {
        debug_assert!(!self.has_producer());
        let registered = self.change(|fields| fields.producer.register(producer));
        debug_assert!(registered.is_ok());
    }

    pub(crate) fn take_producer(&self) -> Option<Producer> {
        if self.has_producer() { self.change(|fields| fields.producer.unregister()) } else { None }
    }

    /// The producer that may have finished; see [`ProducerSlot::push`].
    pub(crate) fn push_producer(&self) -> Option<Rc<dyn PushProducer>> {
        self.look(|fields| fields.producer.push())
    }

    /// The push producer that is to be told to wait; see [`ProducerSlot::pause`].
    pub(crate) fn pause_producer(&self) -> Option<Rc<dyn PushProducer>> {
        self.look(|fields| fields.producer.pause())
    }

    /// The push producer that is to be told to go on; see [`ProducerSlot::resume`].
    pub(crate) fn resume_producer(&self) -> Option<Rc<dyn PushProducer>> {
        self.look(|fields| fields.producer.resume())
    }

    /// Whether a push producer waits to be told to go on.
    pub(crate) fn producer_is_paused(&self) -> bool {
        self.look(|fields| fields.producer.is_paused().then_some(())).is_some()
    }

    #[inline]
    pub(crate) fn limits(&self) -> Option<BufferLimits> {
        self.look(|fields| fields.limits.as_deref().copied())
    }

    pub(crate) fn set_limits(&self, limits: BufferLimits) {
        self.change(|fields| fields.limits = Some(Box::new(limits)));
    }

    /// The error of a write, or of `SO_ERROR`; the protocol is told of it behind the bytes that can
    /// still be read.
    #[inline]
    pub(crate) fn broken(&self) -> Option<OsError> {
        self.look(|fields| fields.broken)
    }

    pub(crate) fn set_broken(&self, error: OsError) {
        self.change(|fields| fields.broken = Some(error));
    }

    /// Whether the peer was found to be gone while reading was paused.
    pub(crate) fn is_gone(&self) -> bool {
        self.look(|fields| (fields.is_gone || fields.broken.is_some()).then_some(())).is_some()
    }

    pub(crate) fn set_gone(&self) {
        self.change(|fields| fields.is_gone = true);
    }

    /// The reason for `connection_lost` once the queue is sent, where it is another than the usual.
    pub(crate) fn take_ending(&self) -> Option<Reason> {
        if self.is_empty() { None } else { self.change(|fields| fields.ending.take()) }
    }

    /// The old reason is none of a user's values: only the reactor's own are set here.
    pub(crate) fn set_ending(&self, reason: Reason) {
        self.change(|fields| fields.ending = Some(reason));
    }

    /// Whether the connection ends with a reset, behind what the system has taken.
    pub(crate) fn resets_behind(&self) -> bool {
        self.look(|fields| fields.resets_behind.then_some(())).is_some()
    }

    pub(crate) fn set_resets_behind(&self) {
        self.change(|fields| fields.resets_behind = true);
    }

    /// How many descriptors wait to be sent.
    #[inline]
    pub(crate) fn waiting_descriptors(&self) -> usize {
        self.look(|fields| fields.descriptors.as_deref().map(SendDescriptors::len)).unwrap_or(0)
    }

    /// Adds a descriptor behind this number of unsent bytes; returns how many wait.
    pub(crate) fn push_descriptor(&self, unsent: usize, descriptor: OwnedFd) -> WaitingDescriptors {
        self.with_descriptors(|descriptors| descriptors.push(unsent, descriptor))
    }

    /// Changes what waits.
    pub(crate) fn with_descriptors<R>(&self, work: impl FnOnce(&mut SendDescriptors) -> R) -> R {
        self.change(|fields| work(fields.descriptors.get_or_insert_default()))
    }

    /// Closes the descriptors that wait to be sent.
    pub(crate) fn drop_descriptors(&self) {
        if self.waiting_descriptors() > 0 {
            self.change(|fields| fields.descriptors = None);
        }
    }

    /// Whether something was read that is not delivered yet.
    pub(crate) fn has_held(&self) -> bool {
        self.look(|fields| fields.held.as_ref().map(drop)).is_some()
    }

    pub(crate) fn take_held(&self) -> Option<Box<Held>> {
        if self.has_held() { self.change(|fields| fields.held.take()) } else { None }
    }

    pub(crate) fn set_held(&self, held: Box<Held>) {
        self.change(|fields| fields.held = Some(held));
    }

    #[inline]
    fn look<R>(&self, look: impl FnOnce(&RareFields) -> Option<R>) -> Option<R> {
        let fields = self.fields.take();
        let seen = fields.as_deref().and_then(look);
        self.fields.set(fields);
        seen
    }

    fn change<R>(&self, change: impl FnOnce(&mut RareFields) -> R) -> R {
        let mut fields = self.fields.take().unwrap_or_default();
        let answer = change(&mut fields);
        self.fields.set(Some(fields));
        answer
    }
}

/// The address of the other side.
pub(crate) enum Peer {
    Ipv4(SocketAddrV4),
    /// Any other is twice as large, and shared.
    Other(Rc<Address>),
}

impl Peer {
    pub(crate) fn new(address: Address) -> Self {
        match address {
            Address::Ipv4(v4) => Self::Ipv4(v4),
            other => Self::Other(Rc::new(other)),
        }
    }

    pub(crate) fn address(&self) -> Address {
        match self {
            Self::Ipv4(v4) => Address::Ipv4(*v4),
            Self::Other(other) => Address::clone(other),
        }
    }

    pub(crate) fn is_tcp(&self) -> bool {
        match self {
            Self::Ipv4(_) => true,
            Self::Other(other) => matches!(**other, Address::Ipv6(_)),
        }
    }

    pub(crate) fn is_unix(&self) -> bool {
        match self {
            Self::Ipv4(_) => false,
            Self::Other(other) => matches!(**other, Address::Unix(_)),
        }
    }
}
