//! Handing an event to the protocol of a stream, and what follows when it returns.
//!
//! Invariant: after every delivery the stream is flushed if it was written to, and the tasks that
//! woke have run.

use std::any::Any;
use std::rc::Rc;

use interfaces::{Address, Deliver, Event, Reason, Transport};

use crate::core::{Core, Slot};
use crate::stream::flags::Origin;
use crate::stream::{Running, Stream};
use crate::sys::{Sys, Token};

impl<S: Sys> Core<S> {
    /// Runs the protocol with an event that is not bytes.
    #[inline(never)]
    pub(crate) fn announce(&self, running: &Running<S>, event: Event<'_>) {
        self.deliver(running, event);
    }

    /// Runs the protocol with this event. This, and what it is inlined into, is what each message
    /// passes through: one function from the poll to the protocol and back to the socket.
    #[inline(always)]
    pub(crate) fn deliver(&self, running: &Running<S>, event: Event<'_>) {
        let stream = &running.stream;
        let outbox = &self.desk.outbox;
        let outer = outbox.owner();
        if outer != Token::NOBODY {
            self.queue_written(outer);
        }
        outbox.begin(stream.token);
        let delivered = self.catch(|| running.deliver.deliver(event));
        if let Err(payload) = delivered {
            self.protocol_panicked(stream, payload);
        }
        outbox.end(outer);
        stream.send_written(&self.sys);
        if stream.io.dirty.get() {
            self.flush_again(running);
        }
        self.run_woken_tasks();
    }

    #[cold]
    fn protocol_panicked(&self, stream: &Rc<Stream<S>>, payload: Box<dyn Any + Send>) {
        let message = self.panicked_for(stream, "protocol", payload);
        stream.doom(self, Reason::Panicked(message));
    }

    /// Makes the outbox free, as another callback runs inside of that which wrote to it.
    #[cold]
    pub(crate) fn queue_written(&self, owner: Token) {
        let slots = self.slots.borrow();
        if let Some(Slot::Stream(running)) = slots.find(owner) {
            running.stream.queue_written();
        }
    }

    /// Does something with the stream that a token names; answers whether there is one. The
    /// protocol may lose its last owner by it, so it is let go of as foreign code.
    pub(crate) fn with_running(&self, token: Token, act: impl FnOnce(&Running<S>)) -> bool {
        let slots = self.slots.borrow();
        let Some(Slot::Stream(running)) = slots.find(token) else { return false };
        let running = running.clone();
        drop(slots);
        act(&running);
        self.release(running);
        true
    }

    /// Lets go of a stream that was worked on. Its protocol is foreign code only when this is its
    /// last owner.
    #[inline(always)]
    pub(crate) fn release(&self, running: Running<S>) {
        let Running { stream, deliver } = running;
        self.let_go_of(deliver);
        self.let_go_of(stream);
    }

    #[inline(always)]
    fn let_go_of<T: ?Sized>(&self, shared: Rc<T>) {
        if Rc::strong_count(&shared) > 1 {
            drop(shared);
        } else {
            self.let_go("protocol", shared);
        }
    }

    /// Puts a connection that stands, and is registered under `token`, into its slot and tells its
    /// protocol.
    pub(crate) fn start(
        &self,
        token: Token,
        socket: S::Stream,
        ends: (Address, Option<Rc<Address>>),
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
        self.announce(&running, Event::ConnectionMade(&transport));
        self.release(running);
    }
}
