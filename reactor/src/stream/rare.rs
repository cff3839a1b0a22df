//! What only some streams have, out of the way of those that have it not; and who the peer is, in a
//! form that is small for the usual peer.
//!
//! Invariant: a stream without a producer, without limits of its own and without an error that waits
//! to be told owns one word for them.

use std::cell::Cell;
use std::net::SocketAddrV4;
use std::rc::Rc;

use interfaces::{Address, BufferLimits, OsError, Producer};

/// What only some streams have.
#[derive(Default)]
pub(crate) struct Extras {
    rare: Cell<Option<Box<Rare>>>,
}

#[derive(Default)]
struct Rare {
    producer: Option<Producer>,
    limits: Option<Box<BufferLimits>>,
    broken: Option<OsError>,
}

impl Extras {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.look(|_| Some(())).is_none()
    }

    /// Whether somebody makes the bytes.
    #[inline]
    pub(crate) fn has_producer(&self) -> bool {
        self.look(|rare| rare.producer.as_ref().map(|_| ())).is_some()
    }

    pub(crate) fn producer(&self) -> Option<Producer> {
        self.look(|rare| rare.producer.clone())
    }

    pub(crate) fn set_producer(&self, producer: Producer) {
        // There was none, so nothing foreign is dropped here.
        self.change(|rare| rare.producer = Some(producer));
    }

    pub(crate) fn take_producer(&self) -> Option<Producer> {
        if self.has_producer() { self.change(|rare| rare.producer.take()) } else { None }
    }

    #[inline]
    pub(crate) fn limits(&self) -> Option<BufferLimits> {
        self.look(|rare| rare.limits.as_deref().copied())
    }

    pub(crate) fn set_limits(&self, limits: BufferLimits) {
        self.change(|rare| rare.limits = Some(Box::new(limits)));
    }

    /// What writing, or `SO_ERROR`, said; told when what can still be read is read.
    #[inline]
    pub(crate) fn broken(&self) -> Option<OsError> {
        self.look(|rare| rare.broken)
    }

    pub(crate) fn set_broken(&self, error: OsError) {
        self.change(|rare| rare.broken = Some(error));
    }

    #[inline]
    fn look<R>(&self, look: impl FnOnce(&Rare) -> Option<R>) -> Option<R> {
        let rare = self.rare.take();
        let seen = rare.as_deref().and_then(look);
        self.rare.set(rare);
        seen
    }

    fn change<R>(&self, change: impl FnOnce(&mut Rare) -> R) -> R {
        let mut rare = self.rare.take().unwrap_or_default();
        let answer = change(&mut rare);
        self.rare.set(Some(rare));
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
