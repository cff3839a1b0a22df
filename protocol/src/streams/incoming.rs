//! [`Incoming`]: the connections of a port, to be accepted one after the other.
//!
//! Invariant: no more than [`WAITING_MAX`] connections wait to be accepted.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll, Waker};

use deferred::Deferred;
use interfaces::{Address, Deliver, Factory, ListeningPort, StreamServerEndpoint};

use super::shared::StreamShared;
use super::stream_protocol::StreamProtocol;
use super::{ReadHalf, WriteHalf, halves};
use crate::ProtocolRef;

/// How many connections wait to be accepted. Beyond them the port lets its clients wait in the kernel's
/// queue; a port that cannot refuses them.
const WAITING_MAX: usize = 64;

type Halves = (ReadHalf, WriteHalf);

/// Listens. Fires with the connections that come.
///
/// # Errors
///
/// Those of [`StreamServerEndpoint::listen`].
pub fn listen(endpoint: &dyn StreamServerEndpoint) -> Deferred<Incoming> {
    let queue = Rc::new(IncomingQueue::default());
    let factory = Rc::new(IncomingFactory { queue: queue.clone() });
    endpoint.listen(factory).add_callback(move |port| Ok(Incoming { port, queue }))
}

/// The connections of one port. Dropped, it stops to listen, and those that wait are aborted.
pub struct Incoming {
    port: Rc<dyn ListeningPort>,
    queue: Rc<IncomingQueue>,
}

impl Incoming {
    /// The next connection.
    pub async fn accept(&mut self) -> (ReadHalf, WriteHalf) {
        poll_fn(|context| self.poll_accept(context)).await
    }

    /// As [`accept`](Self::accept), for implementations of `Future` and `Stream`.
    pub fn poll_accept(&mut self, context: &Context<'_>) -> Poll<(ReadHalf, WriteHalf)> {
        self.queue.poll_accept(context)
    }

    /// The port, for its address, and to stop it: what was accepted before still comes.
    pub fn port(&self) -> &Rc<dyn ListeningPort> {
        &self.port
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.queue.is_closed.set(true);
        let _stopping = self.port.stop_listening();
        let waiting = self.queue.waiting.take();
        drop(waiting);
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("port", &self.port)
            .field("waiting", &self.queue.waiting.borrow().len())
            .finish_non_exhaustive()
    }
}

/// The connections that wait to be accepted.
#[derive(Default)]
struct IncomingQueue {
    waiting: RefCell<VecDeque<(Halves, IncomingPlace)>>,
    /// How many there are with those that are built and not made yet.
    taken: Cell<usize>,
    acceptor: Cell<Option<Waker>>,
    /// The ports that wait for a place.
    ports: RefCell<Vec<Waker>>,
    is_closed: Cell<bool>,
}

impl IncomingQueue {
    fn push(&self, halves: Halves, place: IncomingPlace) {
        if self.is_closed.get() {
            // Their drop aborts.
            return drop(halves);
        }
        self.waiting.borrow_mut().push_back((halves, place));
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.wake();
        }
    }

    fn poll_accept(&self, context: &Context<'_>) -> Poll<Halves> {
        let next = self.waiting.borrow_mut().pop_front();
        let Some((halves, place)) = next else {
            let before = self.acceptor.replace(Some(context.waker().clone()));
            drop(before);
            return Poll::Pending;
        };
        drop(place);
        Poll::Ready(halves)
    }

    fn has_place(&self, on_the_way: usize) -> bool {
        self.taken.get().saturating_add(on_the_way) < WAITING_MAX
    }

    fn take_place(self: &Rc<Self>) -> IncomingPlace {
        self.taken.set(self.taken.get() + 1);
        IncomingPlace(Rc::downgrade(self))
    }
}

/// The place of a connection from the call that builds its protocol until it is accepted; its drop gives it
/// back.
struct IncomingPlace(Weak<IncomingQueue>);

impl Drop for IncomingPlace {
    fn drop(&mut self) {
        let Some(queue) = self.0.upgrade() else { return };
        queue.taken.set(queue.taken.get() - 1);
        let ports = queue.ports.take();
        ports.into_iter().for_each(Waker::wake);
    }
}

struct IncomingFactory {
    queue: Rc<IncomingQueue>,
}

impl Factory for IncomingFactory {
    fn build_protocol(&self, _: &Address) -> Option<Rc<dyn Deliver>> {
        if self.queue.is_closed.get() || !self.queue.has_place(0) {
            return None;
        }
        let shared = Rc::new(StreamShared::default());
        let (made, place) = (shared.clone(), self.queue.take_place());
        let on_made = Box::new(move || announce(place, &made));
        Some(ProtocolRef::new(StreamProtocol::new(shared, Some(on_made))).as_deliver())
    }

    fn poll_ready(&self, on_the_way: usize, waker: &Waker) -> Poll<()> {
        if self.queue.has_place(on_the_way) {
            return Poll::Ready(());
        }
        let is_known = self.queue.ports.borrow().iter().any(|port| port.will_wake(waker));
        if !is_known {
            let waker = waker.clone();
            self.queue.ports.borrow_mut().push(waker);
        }
        Poll::Pending
    }
}

fn announce(place: IncomingPlace, shared: &Rc<StreamShared>) {
    let halves = halves(shared);
    match place.0.upgrade() {
        Some(queue) => queue.push(halves, place),
        // Nothing accepts any more; their drop aborts.
        None => drop(halves),
    }
}
