//! Handing an event to the protocol of a stream, and what follows when it returns.
//!
//! Invariant: after every delivery the stream is flushed if it was written to, and the tasks that
//! woke have run.

use std::rc::Rc;

use interfaces::{Deliver, Event, Reason, Transport};

use crate::core::{Core, Slot};
use crate::stream::{Origin, Running, Stream};
use crate::sys::{Sys, Token};
use interfaces::Address;

impl<S: Sys> Core<S> {
    /// Runs the protocol with this event.
    #[inline]
    pub(crate) fn deliver(&self, running: &Running<S>, event: Event<'_>) {
        let stream = &running.stream;
        let outer = self.agenda.current.replace(Some(stream.token));
        let deliver = || running.deliver.deliver(event);
        let delivered = self.call_without_tasks("protocol", Some(stream.peer_address()), deliver);
        self.agenda.current.set(outer);
        if let Err(message) = delivered {
            stream.doom(self, Reason::Panicked(message));
        }
        if stream.io.dirty.get() {
            self.flush(running);
        }
        self.run_woken_tasks();
    }

    /// Does something with the stream that a token names; answers whether there is one. The
    /// protocol may lose its last owner by it, so it is let go of as foreign code.
    pub(crate) fn with_running(&self, token: Token, act: impl FnOnce(&Running<S>)) -> bool {
        let slots = self.slots.borrow();
        let Some(Slot::Stream(running)) = slots.find(token) else { return false };
        let running = running.clone();
        drop(slots);
        act(&running);
        self.let_go("protocol", running);
        true
    }

    /// Puts a connection that stands, and is registered under `token`, into its slot and tells its
    /// protocol.
    pub(crate) fn start(
        &self,
        token: Token,
        socket: S::Stream,
        ends: (Address, Option<Address>),
        origin: Origin,
        deliver: Rc<dyn Deliver>,
    ) {
        let (peer, host) = ends;
        let stream = Stream::new(self, token, socket, peer, host, origin);
        let running = Running { stream: Rc::clone(&stream), deliver };
        let slot = self.slots.borrow_mut().replace(token, Slot::Stream(running.clone()));
        // The tenant before was a placeholder or an attempt, whose drop may be foreign code.
        drop(slot);
        let transport: Rc<dyn Transport> = stream;
        self.deliver(&running, Event::ConnectionMade(&transport));
        self.let_go("protocol", running);
    }
}
