//! [`ChildPipe`]: one pipe of a child, or its terminal; Twisted's `ProcessReader` and `ProcessWriter`.
//!
//! ```text
//!   Open ── close, bytes unsent or a producer registered ──▶ Finishing
//!     │ close, end of file, error                                │ all sent, error
//!     └───────────────────────▶ Closing ◀────────────────────────┘
//!                                  │ a later step
//!                                  ▼
//!                               Closed: child_connection_lost
//! ```
//!
//! A terminal that is `Finishing` is read and its bytes are dropped: its child may have to write before it
//! reads on, and a read tells of the child's end, which the system does not report as room. Invariant: in
//! `Closing` and `Closed` the descriptor is closed, and the child is told of `Closed` once.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::{Rc, Weak};

use deferred::Failure;
use interfaces::{AlreadyProducing, BufferLimits, Chunk, OsError, Producer, Reason, WindowSize};

use super::child::Child;
use crate::core::Core;
use crate::core::tenant::{Kind, Slot, Tenant};
use crate::descriptor::outlet::CapExceeded;
use crate::descriptor::pipe::{Flushed, PipeEnd, Received};
use crate::sys::{ChildEnd, ProcessSys, Ready, StreamSys, Way};

/// One pipe of a child.
pub(super) struct ChildPipe<S: StreamSys + ProcessSys> {
    child: Weak<Child<S>>,
    pub(super) child_fd: i32,
    pub(super) way: Way,
    end: PipeEnd<S>,
    stage: Cell<PipeStage>,
    /// The reason of the end, once it is decided.
    ending: RefCell<Option<Reason>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PipeStage {
    Open,
    Finishing,
    Closing,
    Closed,
}

impl<S: StreamSys + ProcessSys> ChildPipe<S> {
    /// Gives the pipe a slot and has it watched.
    ///
    /// # Errors
    ///
    /// When the system cannot watch it.
    pub(super) fn open(
        core: &Core<S>,
        child: &Weak<Child<S>>,
        end: ChildEnd<S::Descriptor>,
        limits: BufferLimits,
    ) -> io::Result<Rc<Self>> {
        let token = core.reserve();
        let ChildEnd { child_fd, way, descriptor } = end;
        let opened = PipeEnd::open(&core.sys, token, descriptor, limits);
        let end = opened.inspect_err(|_| drop(core.remove(token)))?;
        let pipe = Rc::new(Self {
            child: child.clone(),
            child_fd,
            way,
            end,
            stage: Cell::new(PipeStage::Open),
            ending: RefCell::default(),
        });
        drop(core.replace(token, Slot::Other(Some(pipe.clone()))));
        Ok(pipe)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.stage.get() == PipeStage::Closed
    }

    fn is_read(&self) -> bool {
        self.way != Way::ToChild
    }

    pub(super) fn is_written(&self) -> bool {
        self.way != Way::FromChild
    }

    fn accepts_writes(&self) -> bool {
        match self.stage.get() {
            PipeStage::Open => self.is_written(),
            PipeStage::Finishing => self.end.outlet.has_producer(),
            PipeStage::Closing | PipeStage::Closed => false,
        }
    }

    /// Queues bytes; they are sent on the turn that follows.
    pub(super) fn write(&self, core: &Core<S>, data: &[u8]) {
        if self.accepts_writes() {
            self.queued(core, self.end.outlet.queue_bytes(data, &core.pipe_pool));
        }
    }

    pub(super) fn write_sequence(&self, core: &Core<S>, chunks: Vec<Chunk>) {
        if self.accepts_writes() {
            self.queued(core, self.end.outlet.queue_chunks(chunks, &core.pipe_pool));
        }
    }

    fn queued(&self, core: &Core<S>, queued: Result<(), CapExceeded>) {
        match queued {
            Ok(()) => self.end.list(core),
            Err(exceeded) => self.close_soon(core, exceeded.into()),
        }
    }

    pub(super) fn register_producer(
        &self,
        core: &Core<S>,
        producer: Producer,
    ) -> Result<(), AlreadyProducing> {
        match self.stage.get() {
            PipeStage::Open if self.is_written() => {
                self.end.outlet.register(producer)?;
                self.end.list(core);
            }
            PipeStage::Open | PipeStage::Finishing | PipeStage::Closing | PipeStage::Closed => {
                producer.stop_producing();
            }
        }
        Ok(())
    }

    pub(super) fn unregister_producer(&self, core: &Core<S>) {
        let producer = self.end.outlet.take_producer();
        if producer.is_some() && self.stage.get() == PipeStage::Finishing {
            self.end.list(core);
        }
    }

    pub(super) fn limits(&self) -> BufferLimits {
        self.end.outlet.limits()
    }

    pub(super) fn set_limits(&self, limits: BufferLimits) {
        self.end.outlet.set_limits(limits);
    }

    /// Sets the size of the window, if the terminal is not closed.
    pub(super) fn set_window_size(
        &self,
        core: &Core<S>,
        window: WindowSize,
    ) -> Option<io::Result<()>> {
        self.end.ask(&core.sys, |sys, terminal| sys.set_window_size(terminal, window))
    }

    /// Closes behind the queued bytes and the producer.
    pub(super) fn lose(&self, core: &Core<S>) {
        if self.stage.get() != PipeStage::Open {
            return;
        }
        if self.end.outlet.unsent() == 0 && !self.end.outlet.has_producer() {
            self.close_soon(core, Reason::Done);
        } else {
            self.stage.set(PipeStage::Finishing);
            self.end.list(core);
        }
    }

    /// Decides the end; the first decision counts. The descriptor is closed now, and the protocol told on
    /// a later turn.
    fn close_soon(&self, core: &Core<S>, reason: Reason) {
        match self.stage.get() {
            PipeStage::Open | PipeStage::Finishing => {
                self.stage.set(PipeStage::Closing);
                self.ending.borrow_mut().get_or_insert(reason);
                self.end.close(core);
                self.end.list(core);
            }
            PipeStage::Closing | PipeStage::Closed => {}
        }
    }

    /// Closes now, and tells the protocol.
    fn close(&self, core: &Core<S>, reason: Reason) {
        if self.stage.replace(PipeStage::Closed) == PipeStage::Closed {
            return;
        }
        let reason = self.ending.take().unwrap_or(reason);
        self.end.close(core);
        // The child holds this pipe, too, so nothing foreign is dropped with the slot.
        drop(core.remove(self.end.token()));
        self.end.stop_producer(core);
        if let Some(child) = self.child.upgrade() {
            child.pipe_closed(core, self.child_fd, reason);
        }
    }

    /// Closes a pipe whose protocol is told nothing.
    pub(super) fn give_up(&self, core: &Core<S>) {
        self.stage.set(PipeStage::Closed);
        self.end.close(core);
        drop(core.remove(self.end.token()));
    }

    fn flush(&self, core: &Core<S>) {
        match self.end.flush(core) {
            Flushed::All => self.flushed(core),
            Flushed::Blocked => self.look_for_hang_up(core),
            Flushed::Unfinished => self.end.list(core),
            Flushed::Broken(error) if self.is_read() && self.stage.get() == PipeStage::Open => {
                self.no_more_writing(core, error);
            }
            Flushed::Broken(error) => self.close(core, lost(error)),
            Flushed::Panicked(message) => self.close(core, Reason::Panicked(message)),
        }
    }

    fn flushed(&self, core: &Core<S>) {
        match self.stage.get() {
            PipeStage::Finishing if !self.end.outlet.has_producer() => {
                self.close(core, Reason::Done)
            }
            PipeStage::Open | PipeStage::Finishing => self.look_for_hang_up(core),
            PipeStage::Closing | PipeStage::Closed => {}
        }
    }

    /// No process has the terminal open any more. What they wrote before is read first.
    fn no_more_writing(&self, core: &Core<S>, error: OsError) {
        self.ending.borrow_mut().get_or_insert_with(|| lost(error));
        self.end.outlet.clear(&core.pipe_pool);
        self.end.stop_producer(core);
    }

    /// The child may have closed a pipe that it reads. No byte is lost by that if all are sent.
    fn look_for_hang_up(&self, core: &Core<S>) {
        if self.way == Way::ToChild && self.end.has_hung_up(core) {
            self.hung_up(core, OsError::from_raw_os_error(libc::EPIPE));
        }
    }

    /// The other end is gone, which loses the bytes that are unsent.
    fn hung_up(&self, core: &Core<S>, error: OsError) {
        let in_order = self.end.outlet.unsent() == 0 && !self.end.outlet.has_producer();
        self.close(core, if in_order { Reason::Done } else { lost(error) });
    }

    fn read(&self, core: &Core<S>, child: &Rc<Child<S>>, buffer: &mut [u8]) {
        for _ in 0..self.end.reads_per_turn(core) {
            let stage = self.stage.get();
            match stage {
                PipeStage::Open if child.is_paused() => return,
                PipeStage::Open | PipeStage::Finishing => {}
                PipeStage::Closing | PipeStage::Closed => return,
            }
            match self.end.read(core, buffer) {
                Received::Bytes(_) if stage == PipeStage::Finishing => {}
                Received::Bytes(length) => {
                    let told = child.deliver(core, self.child_fd, &buffer[..length]);
                    if let Err(message) = told {
                        return self.close_soon(core, Reason::Panicked(message));
                    }
                }
                Received::Nothing => return,
                Received::Interrupted => break,
                Received::End => {
                    return self.hung_up(core, OsError::from_raw_os_error(libc::EIO));
                }
                Received::Failed(error) => return self.read_failed(core, error),
            }
        }
        self.end.list(core);
    }

    /// A terminal that no process has open any more answers `EIO`.
    fn read_failed(&self, core: &Core<S>, error: OsError) {
        if self.way == Way::Both && error.raw_os_error() == libc::EIO {
            self.hung_up(core, error);
        } else {
            self.close(core, lost(error));
        }
    }

    /// The protocol wants to read again.
    pub(super) fn resume_reading(&self, core: &Core<S>) {
        if self.stage.get() == PipeStage::Open && self.is_read() && self.end.may_bring_bytes() {
            self.end.list(core);
        }
    }
}

fn lost(error: OsError) -> Reason {
    Reason::Lost(Failure::new(error))
}

impl<S: StreamSys + ProcessSys> Tenant<S> for ChildPipe<S> {
    fn ready(self: Rc<Self>, core: &Core<S>, ready: Ready, buffer: &mut [u8]) {
        let Some(child) = self.child.upgrade() else { return };
        child.begin(core);
        self.end.note(ready);
        if self.is_written() && matches!(self.stage.get(), PipeStage::Open | PipeStage::Finishing) {
            self.flush(core);
        }
        if self.is_read() {
            self.read(core, &child, buffer);
        }
        if self.stage.get() == PipeStage::Closing {
            self.close(core, Reason::Done);
        }
    }

    fn stop(self: Rc<Self>, core: &Core<S>) {
        if let Some(child) = self.child.upgrade() {
            child.begin(core);
        }
        self.close(core, core.run_state.stage().reason_of_end());
    }

    fn drain(self: Rc<Self>, core: &Core<S>) {
        let finishes = matches!(self.stage.get(), PipeStage::Open | PipeStage::Finishing)
            && self.end.outlet.unsent() > 0;
        self.end.stop_producer(core);
        if finishes {
            self.lose(core);
        } else {
            self.stop(core);
        }
    }

    fn abandon(&self, sys: &S) {
        self.stage.set(PipeStage::Closed);
        self.end.abandon(sys);
        drop(self.end.outlet.take_producer());
    }

    fn unlist(&self) {
        self.end.unlist();
    }

    fn kind(&self) -> Kind {
        Kind::Pipe
    }
}
