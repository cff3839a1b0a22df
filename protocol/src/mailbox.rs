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

use interfaces::{OwnedEvent, Reason, Transport};

use crate::lost_waiters::{LostWaiter, LostWaiters};

/// Where the connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Waiting,
    Connected,
    Ended,
}

/// The connection's state and the queue, in three words together: a queue and waiters are rare, so the
/// state moves into their allocation for as long as there are any.
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
    waiters: LostWaiters,
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
    /// `connection_lost` is running, or is not called: the transport stays until it has returned.
    Ending(Option<Rc<dyn Transport>>),
    /// Boxed, so that the tag of the usual states is one word that is compared at once.
    Lost(Box<LostConnection>),
}

struct LostConnection {
    reason: Reason,
    /// Until the loan of its protocol has ended.
    transport: Option<Rc<dyn Transport>>,
}

/// An event or a call that waits for the running call to return.
pub(crate) enum Queued<P> {
    Event(OwnedEvent),
    Call(Box<dyn FnOnce(&mut P)>),
    CallWith(Box<dyn FnOnce(&mut P, &Rc<dyn Transport>)>),
}

/// What a protocol lets go of when its connection has ended. Dropping it runs foreign code.
pub(crate) struct Remains<P> {
    queue: VecDeque<Queued<P>>,
    waiters: LostWaiters,
}

impl<P> Remains<P> {
    /// Runs `before`, drops the calls that are not made any more, then tells the waiters.
    pub(crate) fn tell_after(self, before: impl FnOnce(), reason: &Reason) {
        let queue = self.queue;
        self.waiters.tell_after(
            move || {
                before();
                drop(queue);
            },
            reason,
        );
    }
}

impl Link {
    #[inline(always)]
    fn phase(&self) -> Phase {
        match self {
            Self::Connected(_) | Self::HalfCloseable(_) => Phase::Connected,
            Self::Waiting | Self::Claimed => Phase::Waiting,
            Self::Ending(_) | Self::Lost(_) => Phase::Ended,
        }
    }

    fn transport(&self) -> Option<&Rc<dyn Transport>> {
        match self {
            Self::Connected(transport) | Self::HalfCloseable(transport) => Some(transport),
            Self::Ending(transport) => transport.as_ref(),
            Self::Waiting | Self::Claimed | Self::Lost(_) => None,
        }
    }

    fn into_transport(self) -> Option<Rc<dyn Transport>> {
        match self {
            Self::Connected(transport) | Self::HalfCloseable(transport) => Some(transport),
            Self::Ending(transport) => transport,
            Self::Lost(lost) => lost.transport,
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

    /// The transport, if the connection stands. As in [`is_idle`](Self::is_idle), no call is in the usual path.
    #[inline(always)]
    pub(crate) fn connected(&self) -> Option<Rc<dyn Transport>> {
        let plain = self.with(|contents| match contents {
            Contents::Empty(Link::Connected(transport) | Link::HalfCloseable(transport)) => {
                Some(transport.clone())
            }
            Contents::Empty(_) | Contents::Filled(_) => None,
        });
        plain.or_else(|| self.connected_with_waiters())
    }

    #[cold]
    fn connected_with_waiters(&self) -> Option<Rc<dyn Transport>> {
        self.with_link(|link| match link.phase() {
            Phase::Connected => link.transport().cloned(),
            Phase::Waiting | Phase::Ended => None,
        })
    }

    /// Whether the connection stands and nothing is queued. The usual contents are told by one comparison, with
    /// nothing moved: no call is in that path.
    #[inline(always)]
    pub(crate) fn is_idle(&self) -> bool {
        let is_plain = self.with(|contents| match contents {
            Contents::Empty(link) => link.phase() == Phase::Connected,
            Contents::Filled(_) => false,
        });
        is_plain || self.is_idle_with_waiters()
    }

    /// Whether the connection of a protocol with waiters stands and nothing is queued.
    #[cold]
    fn is_idle_with_waiters(&self) -> bool {
        self.with(|contents| match contents {
            Contents::Empty(_) => false,
            Contents::Filled(filled) => {
                filled.link.phase() == Phase::Connected && filled.queue.is_empty()
            }
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

    /// Nothing is called from now on, but the transport stays until [`take_lost`](Self::take_lost).
    pub(crate) fn end(&self) {
        self.with_link(|link| {
            let transport = mem::replace(link, Link::Waiting).into_transport();
            *link = Link::Ending(transport);
        });
    }

    /// The reason, once `connection_lost` has returned.
    pub(crate) fn reason(&self) -> Option<Reason> {
        self.with_link(|link| match link {
            Link::Lost(lost) => Some(lost.reason.clone()),
            Link::Connected(_)
            | Link::HalfCloseable(_)
            | Link::Waiting
            | Link::Claimed
            | Link::Ending(_) => None,
        })
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
                other @ (Link::Waiting | Link::Claimed | Link::Ending(_) | Link::Lost(_)) => other,
            }
        });
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.with(|contents| match contents {
            Contents::Empty(_) => true,
            Contents::Filled(filled) => filled.queue.is_empty(),
        })
    }

    #[cold]
    pub(crate) fn post(&self, entry: Queued<P>) {
        let mut filled = self.take().into_filled();
        filled.queue.push_back(entry);
        self.put_back(Contents::Filled(filled));
    }

    /// Adds a waiter, before the connection is lost; returns its number.
    #[cold]
    pub(crate) fn add_waiter(&self, waiter: Rc<dyn LostWaiter>) -> u64 {
        let mut filled = self.take().into_filled();
        let number = filled.waiters.add(waiter);
        self.put_back(Contents::Filled(filled));
        number
    }

    /// Takes a waiter out, for the caller to drop.
    #[cold]
    pub(crate) fn remove_waiter(&self, number: u64) -> Option<Rc<dyn LostWaiter>> {
        match self.take() {
            Contents::Empty(link) => {
                self.put_back(Contents::Empty(link));
                None
            }
            Contents::Filled(mut filled) => {
                let waiter = filled.waiters.remove(number);
                self.put_back(Filled::into_contents(filled));
                waiter
            }
        }
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
                self.put_back(Filled::into_contents(filled));
                entry
            }
        }
    }

    /// The connection is lost, for this reason. Its transport stays until [`take_lost`](Self::take_lost).
    #[cold]
    pub(crate) fn lose(&self, reason: Reason) {
        self.with_link(|link| {
            let transport = mem::replace(link, Link::Waiting).into_transport();
            *link = Link::Lost(Box::new(LostConnection { reason, transport }));
        });
    }

    /// Of a lost connection the reason and the transport, once, for the caller to drop with nothing held.
    #[cold]
    pub(crate) fn take_lost(&self) -> Option<(Reason, Option<Rc<dyn Transport>>)> {
        self.with_link(|link| match link {
            Link::Lost(lost) => Some((lost.reason.clone(), lost.transport.take())),
            Link::Connected(_)
            | Link::HalfCloseable(_)
            | Link::Waiting
            | Link::Claimed
            | Link::Ending(_) => None,
        })
    }

    /// Takes the queue and the waiters out, for the caller to tell with nothing held.
    #[cold]
    pub(crate) fn clear(&self) -> Remains<P> {
        let (link, queue, waiters) = match self.take() {
            Contents::Empty(link) => (link, VecDeque::new(), LostWaiters::default()),
            Contents::Filled(filled) => (filled.link, filled.queue, filled.waiters),
        };
        self.put_back(Contents::Empty(link));
        Remains { queue, waiters }
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

impl<P> Contents<P> {
    fn into_filled(self) -> Box<Filled<P>> {
        match self {
            Self::Empty(link) => {
                Box::new(Filled { link, queue: VecDeque::new(), waiters: LostWaiters::default() })
            }
            Self::Filled(filled) => filled,
        }
    }
}

impl<P> Filled<P> {
    /// Gives the allocation back when nothing is in it.
    fn into_contents(filled: Box<Self>) -> Contents<P> {
        match filled.queue.is_empty() && filled.waiters.is_empty() {
            true => Contents::Empty(filled.link),
            false => Contents::Filled(filled),
        }
    }
}
