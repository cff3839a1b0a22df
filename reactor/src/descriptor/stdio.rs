//! [`Stdio`]: two descriptors as one connection; Twisted's `stdio.StandardIO`.
//!
//! One tenant in two slots, one for each direction, so that a report says which it is about. The close
//! machine is the transport kit's [`StreamState`].
//!
//! Invariant: both slots are taken until `connection_lost`, and a direction that has ended has no
//! descriptor.

mod transport;

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::{Rc, Weak};

use deferred::Failure;
use interfaces::{Deliver, Event, OsError, Reason, StdioError, Transport};
use protocol::transport::{Drained, Eof, Lost, Next, StreamState};

use super::outlet::CapExceeded;
use super::pipe::{Flushed, PipeEnd, Received};
use crate::core::Core;
use crate::core::foreign::drop_quietly;
use crate::core::tenant::{Kind, Slot, Tenant};
use crate::sys::os_error::os_error;
use crate::sys::{DescriptorSys, Ready, StreamSys, Token};

/// A connection that is read from one descriptor and written to another.
pub(crate) struct Stdio<S: StreamSys + DescriptorSys> {
    me: Weak<Self>,
    core: Weak<Core<S>>,
    input: PipeEnd<S>,
    output: PipeEnd<S>,
    protocol: RefCell<Option<Rc<dyn Deliver>>>,
    state: Cell<StreamState>,
    /// `connection_made` was called.
    begun: Cell<bool>,
    paused: Cell<bool>,
    /// The reason of the end, once it is decided, or once the reactor stops.
    ending: RefCell<Option<Reason>>,
}

impl<S: StreamSys + DescriptorSys> Stdio<S> {
    /// Gives both descriptors a slot and has them watched. The protocol is told on the next turn.
    ///
    /// # Errors
    ///
    /// When the system cannot watch one of them; both are closed.
    pub(crate) fn open(
        core: &Core<S>,
        input: S::Descriptor,
        output: S::Descriptor,
        protocol: Rc<dyn Deliver>,
    ) -> Result<(), StdioError> {
        let input = open_end(core, input, "input")?;
        let output = open_end(core, output, "output").inspect_err(|_| {
            input.close(core);
            drop(core.remove(input.token()));
        })?;
        let stdio = Rc::new_cyclic(|me| Self {
            me: me.clone(),
            core: core.me.clone(),
            input,
            output,
            protocol: RefCell::new(Some(protocol)),
            state: Cell::new(StreamState::OPEN),
            begun: Cell::new(false),
            paused: Cell::new(false),
            ending: RefCell::default(),
        });
        for token in [stdio.input.token(), stdio.output.token()] {
            // The slot was reserved, so nothing foreign is in it.
            drop(core.replace(token, Slot::Other(Some(stdio.clone()))));
        }
        stdio.input.list(core);
        Ok(())
    }

    fn step<R>(&self, input: impl FnOnce(StreamState) -> (StreamState, R)) -> R {
        let (state, follows) = input(self.state.get());
        self.state.set(state);
        follows
    }

    fn begin(&self, core: &Core<S>) {
        if !self.begun.replace(true)
            && let Some(me) = self.me.upgrade()
        {
            let transport: Rc<dyn Transport> = me;
            self.deliver(core, Event::ConnectionMade(&transport));
        }
    }

    /// Runs the protocol with an event; a panic ends the connection.
    fn deliver(&self, core: &Core<S>, event: Event<'_>) {
        let protocol = self.protocol.borrow().clone();
        let Some(protocol) = protocol else { return };
        let is_last = matches!(event, Event::ConnectionLost(_));
        let told = core.call("protocol", None, || {
            core.running_prefix.set((!is_last).then(|| protocol.log_prefix()));
            protocol.deliver(event);
            drop(protocol);
        });
        core.running_prefix.set(None);
        if let Err(message) = told {
            self.schedule_close(core, Reason::Panicked(message));
        }
    }

    fn wants_to_read(&self) -> bool {
        !self.paused.get() && self.state.get().receives()
    }

    fn read(&self, core: &Core<S>, buffer: &mut [u8]) {
        for _ in 0..self.input.reads_per_turn(core) {
            if !self.wants_to_read() {
                return;
            }
            match self.input.read(core, buffer) {
                Received::Bytes(length) => {
                    self.deliver(core, Event::DataReceived(&mut buffer[..length]));
                }
                Received::Nothing => return,
                Received::Interrupted => break,
                Received::End => return self.end_of_input(core),
                Received::Failed(error) => return self.schedule_close(core, lost("input", error)),
            }
        }
        self.input.list(core);
    }

    fn is_half_closeable(&self, core: &Core<S>) -> bool {
        let protocol = self.protocol.borrow().clone();
        let Some(protocol) = protocol else { return false };
        match core.call("protocol", None, || protocol.is_half_closeable()) {
            Ok(answer) => answer,
            Err(message) => {
                self.schedule_close(core, Reason::Panicked(message));
                false
            }
        }
    }

    fn end_of_input(&self, core: &Core<S>) {
        let half_closeable = self.is_half_closeable(core);
        let unsent = self.output.outlet.unsent() > 0;
        match self.step(|state| state.eof(half_closeable, unsent)) {
            // The protocol ended the connection when it was asked.
            Eof::Nothing => {}
            Eof::Deliver => {
                self.input.close(core);
                self.deliver(core, Event::ReadConnectionLost);
                // Where the reader of the output is gone too, that is told next.
                self.output.list(core);
            }
            Eof::Flush => {
                self.output.stop_producer(core);
                self.output.list(core);
            }
            Eof::Close => self.decide(core, Reason::Done),
        }
    }

    fn flush(&self, core: &Core<S>) {
        if !self.state.get().sends() {
            return;
        }
        match self.output.flush(core) {
            Flushed::All => self.drained(core),
            Flushed::Blocked => {}
            Flushed::Unfinished => self.output.list(core),
            Flushed::Broken(error) => return self.output_broken(core, error),
            Flushed::Panicked(message) => {
                return self.schedule_close(core, Reason::Panicked(message));
            }
        }
        if self.state.get().sends() && self.output.has_hung_up(core) {
            self.reader_gone(core);
        }
    }

    fn drained(&self, core: &Core<S>) {
        let has_producer = self.output.outlet.has_producer();
        match self.step(|state| state.drained(has_producer)) {
            Drained::Nothing => {}
            Drained::EndWriting => {
                self.output.close(core);
                self.deliver(core, Event::WriteConnectionLost);
            }
            Drained::EndWritingAndClose | Drained::Close => self.decide(core, Reason::Done),
            Drained::Reset => self.decide(core, Reason::Aborted),
        }
    }

    /// The reader of the output is gone, which no write has told.
    fn reader_gone(&self, core: &Core<S>) {
        let is_open = matches!(self.state.get(), StreamState::Open { .. });
        // Where the writer of the input is gone too, its end is told in its place in the order of the bytes.
        if self.paused.get() && self.is_all_gone(core) && !(is_open && self.is_half_closeable(core))
        {
            return;
        }
        self.output_broken(core, OsError::from_raw_os_error(libc::EPIPE));
    }

    /// Whether both other ends are gone, and the end of the input was not told.
    fn is_all_gone(&self, core: &Core<S>) -> bool {
        self.state.get().receives() && self.input.is_abandoned(core)
    }

    /// The output takes no more. Where its reader is gone, a half-closeable protocol goes on with the input
    /// alone; any other error, as of a disk that is full, ends the connection. Where the writer of the input
    /// is gone as well, what it wrote and the end of it come first, unless the protocol does not read.
    fn output_broken(&self, core: &Core<S>, error: OsError) {
        let is_open = matches!(self.state.get(), StreamState::Open { .. });
        let reader_is_gone = error.raw_os_error() == libc::EPIPE;
        if reader_is_gone && !self.paused.get() && self.is_all_gone(core) {
            return self.input.list(core);
        }
        let half_closeable = reader_is_gone && is_open && self.is_half_closeable(core);
        if !half_closeable {
            return self.schedule_close(core, lost("output", error));
        }
        self.output.close(core);
        self.output.stop_producer(core);
        // As after our own end of output, with nothing left to send.
        self.step(StreamState::lose_write);
        if self.step(|state| state.drained(false)) == Drained::EndWriting {
            self.deliver(core, Event::WriteConnectionLost);
        }
    }

    /// Decides the end; the first decision counts. A later step of the loop carries it out.
    fn schedule_close(&self, core: &Core<S>, reason: Reason) {
        if self.step(StreamState::abort) == Next::Close {
            // Nothing more is sent, also where a producer's call has decided it.
            self.output.outlet.clear(&core.pipe_pool);
            self.ending.replace(Some(reason));
            self.output.list(core);
        }
    }

    /// The state's machine has decided the end.
    fn decide(&self, core: &Core<S>, reason: Reason) {
        let reason = self.ending.take().unwrap_or(reason);
        self.ending.replace(Some(reason));
        self.output.list(core);
    }

    fn follow(&self, core: &Core<S>, next: Next, reason: Reason) {
        match next {
            Next::Nothing => {}
            Next::Flush => self.output.list(core),
            Next::Close => self.decide(core, reason),
        }
    }

    /// Ends the connection: the descriptors go, the producer and the protocol are told.
    fn close(&self, core: &Core<S>, reason: &Reason) {
        self.begin(core);
        if self.step(StreamState::lost) == Lost::Before {
            return;
        }
        for end in [&self.input, &self.output] {
            end.close(core);
        }
        self.output.stop_producer(core);
        self.deliver(core, Event::ConnectionLost(reason));
        let slots = [&self.input, &self.output].map(|end| core.remove(end.token()));
        core.drop_guarded("protocol", (self.protocol.take(), slots));
    }

    fn queued(&self, core: &Core<S>, queued: Result<(), CapExceeded>) {
        match queued {
            Ok(()) => self.output.list(core),
            Err(exceeded) => self.schedule_close(core, exceeded.into()),
        }
    }

    fn accepts_writes(&self) -> bool {
        self.state.get().accepts_writes(self.output.outlet.has_producer())
    }

    fn is_idle(&self) -> bool {
        self.output.outlet.unsent() == 0 && !self.output.outlet.has_producer()
    }
}

fn open_end<S: StreamSys + DescriptorSys>(
    core: &Core<S>,
    descriptor: S::Descriptor,
    direction: &'static str,
) -> Result<PipeEnd<S>, StdioError> {
    let token: Token = core.reserve();
    let opened: io::Result<_> = PipeEnd::open(&core.sys, token, descriptor, core.limits.buffer);
    opened.map_err(|error| {
        drop(core.remove(token));
        StdioError { direction, source: os_error(&error) }
    })
}

fn lost(direction: &'static str, error: OsError) -> Reason {
    Reason::Lost(Failure::new(StdioError { direction, source: error }))
}

impl<S: StreamSys + DescriptorSys> Tenant<S> for Stdio<S> {
    fn ready(self: Rc<Self>, core: &Core<S>, ready: Ready, buffer: &mut [u8]) {
        self.begin(core);
        if ready.token == self.input.token() {
            self.input.note(ready);
            self.read(core, buffer);
        } else {
            self.output.note(ready);
            self.flush(core);
        }
        if self.state.get() == StreamState::Closing && ready.token == self.output.token() {
            let reason = self.ending.take().unwrap_or(Reason::Done);
            self.close(core, &reason);
        }
    }

    fn stop(self: Rc<Self>, core: &Core<S>) {
        self.close(core, &core.run_state.stage().reason_of_end());
    }

    fn drain(self: Rc<Self>, core: &Core<S>) {
        self.begin(core);
        let (unsent, has_producer) =
            (self.output.outlet.unsent() > 0, self.output.outlet.has_producer());
        match self.step(|state| state.stop(unsent, has_producer)) {
            Next::Close => return self.close(core, &Reason::Stopped),
            Next::Flush => drop(self.ending.replace(Some(Reason::Stopped))),
            Next::Nothing => {}
        }
        self.output.stop_producer(core);
        self.output.list(core);
    }

    fn abandon(&self, sys: &S) {
        self.state.set(StreamState::Lost);
        self.input.abandon(sys);
        self.output.abandon(sys);
        drop_quietly((self.output.outlet.take_producer(), self.protocol.take()));
    }

    fn unlist(&self) {
        // Either slot may be the one on the list; a second listing costs a spurious step.
        self.input.unlist();
        self.output.unlist();
    }

    fn kind(&self) -> Kind {
        Kind::Stdio
    }
}
