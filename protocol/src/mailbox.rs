//! The connection as its protocol's cell knows it, and the queue of what came while the protocol ran;
//! Twisted has no queue, there the call is simply made.
//!
//! Invariant: entries are taken in the order in which they were posted, and an empty queue owns no
//! memory.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use core::cell::Cell;
use core::mem;

use interfaces::{OwnedEvent, Transport};

/// Where the connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Waiting,
    Connected,
    Ended,
}

/// The connection's state and the queue, in three words together: a queue is rare, so the state moves
/// into the queue's allocation for as long as there is one.
///
/// Each method puts the contents back before it returns, so nothing is borrowed while an entry runs
/// or is dropped. The queue has no bound of its own: the protocol's own running call causes each
/// entry.
pub(crate) struct Mailbox<P> {
    contents: Cell<Contents<P>>,
}

enum Contents<P> {
    Empty(Link),
    Filled(Box<Filled<P>>),
}

struct Filled<P> {
    link: Link,
    queue: VecDeque<Queued<P>>,
}

/// The state of the connection, with what belongs to it. The usual ones are the first, so that one
/// comparison tells them from all others.
enum Link {
    Connected(Rc<dyn Transport>),
    /// Connected, and the protocol said last that it is half-closeable.
    HalfCloseable(Rc<dyn Transport>),
    Waiting,
    /// Waiting, and a connection is promised.
    Claimed,
    /// The transport stays until [`Mailbox::clear`].
    Ended(Option<Rc<dyn Transport>>),
}

/// An event or a call that waits for the running call to return.
pub(crate) enum Queued<P> {
    Event(OwnedEvent),
    Call(Box<dyn FnOnce(&mut P)>),
    CallWith(Box<dyn FnOnce(&mut P, &Rc<dyn Transport>)>),
}

/// What a protocol lets go of when its connection has ended. Dropping it runs foreign code.
pub(crate) struct Remains<P> {
    _transport: Option<Rc<dyn Transport>>,
    _queue: VecDeque<Queued<P>>,
}

impl Link {
    #[inline(always)]
    fn phase(&self) -> Phase {
        match self {
            Self::Connected(_) | Self::HalfCloseable(_) => Phase::Connected,
            Self::Waiting | Self::Claimed => Phase::Waiting,
            Self::Ended(_) => Phase::Ended,
        }
    }

    fn transport(&self) -> Option<&Rc<dyn Transport>> {
        match self {
            Self::Connected(transport) | Self::HalfCloseable(transport) => Some(transport),
            Self::Ended(transport) => transport.as_ref(),
            Self::Waiting | Self::Claimed => None,
        }
    }

    fn into_transport(self) -> Option<Rc<dyn Transport>> {
        match self {
            Self::Connected(transport) | Self::HalfCloseable(transport) => Some(transport),
            Self::Ended(transport) => transport,
            Self::Waiting | Self::Claimed => None,
        }
    }
}

impl<P> Mailbox<P> {
    pub(crate) fn new() -> Self {
        Self { contents: Cell::new(Contents::Empty(Link::Waiting)) }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.with_link(|link| link.phase())
    }

    /// The transport: from `connection_made` until the `connection_lost` call has returned.
    pub(crate) fn transport(&self) -> Option<Rc<dyn Transport>> {
        self.with_link(|link| link.transport().cloned())
    }

    /// The transport, if the connection stands.
    #[inline(always)]
    pub(crate) fn connected(&self) -> Option<Rc<dyn Transport>> {
        self.with(|contents| match contents {
            Contents::Empty(Link::Connected(transport) | Link::HalfCloseable(transport)) => {
                Some(transport.clone())
            }
            Contents::Empty(Link::Waiting | Link::Claimed | Link::Ended(_)) => None,
            Contents::Filled(filled) => filled.connected(),
        })
    }

    /// Whether the connection stands and nothing is queued.
    #[inline(always)]
    pub(crate) fn is_idle(&self) -> bool {
        self.with(|contents| match contents {
            Contents::Empty(link) => link.phase() == Phase::Connected,
            Contents::Filled(_) => false,
        })
    }

    /// Whether the caller is the first to promise a connection to the protocol.
    pub(crate) fn claim(&self) -> bool {
        self.with_link(|link| {
            let first = matches!(link, Link::Waiting);
            if first {
                *link = Link::Claimed;
            }
            first
        })
    }

    pub(crate) fn connect(&self, transport: &Rc<dyn Transport>) {
        self.with_link(|link| {
            debug_assert!(link.transport().is_none(), "a connection begins once");
            *link = Link::Connected(transport.clone());
        });
    }

    /// Nothing is called from now on, but the transport stays until [`clear`](Self::clear).
    pub(crate) fn end(&self) {
        self.with_link(|link| {
            let transport = mem::replace(link, Link::Waiting).into_transport();
            *link = Link::Ended(transport);
        });
    }

    pub(crate) fn half_closeable(&self) -> bool {
        self.with_link(|link| matches!(link, Link::HalfCloseable(_)))
    }

    /// Remembers what a connected protocol answered.
    pub(crate) fn set_half_closeable(&self, answer: bool) {
        self.with_link(|link| {
            *link = match mem::replace(link, Link::Waiting) {
                Link::Connected(transport) | Link::HalfCloseable(transport) => match answer {
                    true => Link::HalfCloseable(transport),
                    false => Link::Connected(transport),
                },
                other @ (Link::Waiting | Link::Claimed | Link::Ended(_)) => other,
            }
        });
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.with(|contents| matches!(contents, Contents::Empty(_)))
    }

    #[cold]
    pub(crate) fn post(&self, entry: Queued<P>) {
        let mut filled = match self.take() {
            Contents::Empty(link) => Box::new(Filled { link, queue: VecDeque::new() }),
            Contents::Filled(filled) => filled,
        };
        filled.queue.push_back(entry);
        self.put_back(Contents::Filled(filled));
    }

    /// Takes the first entry out; the queue is given back with the last one.
    pub(crate) fn next(&self) -> Option<Queued<P>> {
        match self.take() {
            Contents::Empty(link) => {
                self.put_back(Contents::Empty(link));
                None
            }
            Contents::Filled(mut filled) => {
                let entry = filled.queue.pop_front();
                self.put_back(match filled.queue.is_empty() {
                    true => Contents::Empty(filled.link),
                    false => Contents::Filled(filled),
                });
                entry
            }
        }
    }

    /// Takes the transport and the queue out, for the caller to drop with nothing held.
    #[cold]
    pub(crate) fn clear(&self) -> Remains<P> {
        let (link, queue) = match self.take() {
            Contents::Empty(link) => (link, VecDeque::new()),
            Contents::Filled(filled) => (filled.link, filled.queue),
        };
        self.put_back(Contents::Empty(Link::Ended(None)));
        Remains { _transport: link.into_transport(), _queue: queue }
    }

    #[inline(always)]
    fn with_link<R>(&self, work: impl FnOnce(&mut Link) -> R) -> R {
        self.with(|contents| match contents {
            Contents::Empty(link) => work(link),
            Contents::Filled(filled) => work(&mut filled.link),
        })
    }

    /// `work` runs no foreign code and does not panic.
    #[inline(always)]
    fn with<R>(&self, work: impl FnOnce(&mut Contents<P>) -> R) -> R {
        let mut contents = self.take();
        let answer = work(&mut contents);
        self.put_back(contents);
        answer
    }

    #[inline(always)]
    fn take(&self) -> Contents<P> {
        self.contents.replace(Contents::Empty(Link::Waiting))
    }

    #[inline(always)]
    fn put_back(&self, contents: Contents<P>) {
        // Known to hold no transport and no queue; `forget` saves the drop check.
        mem::forget(self.contents.replace(contents));
    }
}

impl<P> Filled<P> {
    #[cold]
    fn connected(&self) -> Option<Rc<dyn Transport>> {
        match self.link.phase() {
            Phase::Connected => self.link.transport().cloned(),
            Phase::Waiting | Phase::Ended => None,
        }
    }
}
