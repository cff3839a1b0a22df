//! Handing an event to the protocol of a stream, and what follows when it returns.
//!
//! Invariant: after every delivery the stream is flushed if it was written to, and the tasks that
//! woke have run.

use std::any::Any;
use std::rc::Rc;

use interfaces::{Event, Reason, Transport as _};

use super::{Running, Stream};
use crate::core::Core;
use crate::core::tenant::Slot;
use crate::sys::{StreamSys, Token};

impl<S: StreamSys> Running<S> {
    /// Runs the protocol with an event that is not bytes.
    #[inline(never)]
    pub(super) fn announce(&self, core: &Core<S>, event: Event<'_>) {
        self.deliver(core, event);
    }

    /// Runs the protocol with this event. This, and what it is inlined into, is what each message
    /// passes through: one function from the poll to the protocol and back to the socket.
    #[inline(always)]
    pub(super) fn deliver(&self, core: &Core<S>, event: Event<'_>) {
        let stream = &self.stream;
        let outer = stream.shared.write_buffer.owner();
        if outer != Token::NOBODY {
            Stream::queue_written_by(core, outer);
        }
        let entered = stream.shared.write_buffer.enter(stream.token);
        if let Err(payload) = core.catch(|| self.protocol.deliver(event)) {
            stream.protocol_panicked(core, payload);
        }
        entered.finish(|bytes| stream.send_written(&core.sys, bytes));
        if stream.io.dirty.get() {
            self.flush_again(core);
        }
        core.run_woken_tasks();
    }

    /// What logs call the protocol that runs now, if one does and its connection is not over.
    pub(crate) fn current_prefix(core: &Core<S>) -> Option<&'static str> {
        Self::prefix_of(core, core.streams.write_buffer.owner())
    }

    /// What logs call the protocol of the stream that a token names.
    pub(super) fn prefix_of(core: &Core<S>, token: Token) -> Option<&'static str> {
        let mut prefix = None;
        Self::with(core, token, |running| prefix = Some(running.protocol.log_prefix()));
        prefix
    }

    /// Does something with the stream that a token names; tells whether there is one. The protocol
    /// may lose its last owner by it, so it is dropped as foreign code.
    pub(crate) fn with(core: &Core<S>, token: Token, act: impl FnOnce(&Self)) -> bool {
        let slots = core.slots.borrow();
        let Some(Slot::Stream(running)) = slots.find(token) else { return false };
        let running = running.clone();
        drop(slots);
        act(&running);
        running.release(core);
        true
    }

    /// Drops the clone that was worked on. Its protocol is foreign code only where this was the last
    /// owner.
    #[inline(always)]
    pub(crate) fn release(self, core: &Core<S>) {
        let Self { stream, protocol } = self;
        release(core, protocol);
        release(core, stream);
    }
}

#[inline(always)]
fn release<S: StreamSys, T: ?Sized>(core: &Core<S>, shared: Rc<T>) {
    if Rc::strong_count(&shared) > 1 {
        drop(shared);
    } else {
        core.drop_guarded("protocol", shared);
    }
}

impl<S: StreamSys> Stream<S> {
    /// Runs foreign code that belongs to this stream; see [`Core::call_without_tasks`].
    #[inline]
    pub(super) fn call<R>(
        &self,
        core: &Core<S>,
        callback: &'static str,
        foreign: impl FnOnce() -> R,
    ) -> Result<R, Rc<str>> {
        match core.catch(foreign) {
            Ok(answer) => Ok(answer),
            Err(payload) => Err(self.panicked(core, callback, payload)),
        }
    }

    #[cold]
    #[inline(never)]
    fn panicked(
        &self,
        core: &Core<S>,
        callback: &'static str,
        payload: Box<dyn Any + Send>,
    ) -> Rc<str> {
        core.panicked(callback, Some(&self.peer()), payload)
    }

    #[cold]
    fn protocol_panicked(&self, core: &Core<S>, payload: Box<dyn Any + Send>) {
        let message = self.panicked(core, "protocol", payload);
        self.schedule_close(Reason::Panicked(message));
    }

    /// Empties the write buffer into its owner's queue, as another callback runs inside the owner's.
    #[cold]
    fn queue_written_by(core: &Core<S>, owner: Token) {
        if let Some(stream) = Self::find(core, owner) {
            stream.queue_written();
        }
    }

    /// A turn inside a callback sends what the callback has written so far: detaches the write buffer
    /// and returns its owner, which [`resume_running`](Self::resume_running) takes.
    #[inline]
    pub(crate) fn suspend_running(core: &Core<S>) -> Token {
        let owner = core.streams.write_buffer.owner();
        if owner != Token::NOBODY {
            Self::queue_written_by(core, owner);
            core.streams.dirty.borrow_mut().push(owner);
        }
        core.streams.write_buffer.set_owner(Token::NOBODY)
    }

    /// The turn inside the callback is over.
    #[inline]
    pub(crate) fn resume_running(core: &Core<S>, owner: Token) {
        core.streams.write_buffer.set_owner(owner);
    }
}
