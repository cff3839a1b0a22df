//! [`PipeEnd`]: one watched descriptor, in one direction or both.
//!
//! Invariant: each end of a flush or of a read says what follows, so that no edge is lost: the system
//! will report, or the tenant lists itself as still ready.

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use interfaces::{BufferLimits, OsError};
use protocol::transport::Unsent;

use super::outlet::Outlet;
use crate::buffers::offer::offer;
use crate::core::Core;
use crate::sys::os_error::os_error;
use crate::sys::{DescriptorSys, Ready, Reporting, StreamSys, Token};

/// One descriptor that is read, written, or both.
pub(crate) struct PipeEnd<S: DescriptorSys> {
    token: Token,
    /// Out while it is asked something, and for good when it is closed.
    descriptor: Cell<Option<S::Descriptor>>,
    reporting: Reporting,
    pub(crate) outlet: Outlet,
    /// The last write came short: the system will report room.
    blocked: Cell<bool>,
    /// There may be something to read.
    readable: Cell<bool>,
    /// The system reported the end of one direction at least.
    hung_up: Cell<bool>,
    /// On the list of those that are still ready.
    listed: Cell<bool>,
}

/// What one read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// This number of bytes.
    Bytes(usize),
    /// The end of file.
    End,
    /// Nothing for now; the system will report more.
    Nothing,
    /// Nothing yet: to be tried again.
    Interrupted,
    Failed(OsError),
}

/// How one flush ended.
#[derive(Clone, Debug)]
pub(crate) enum Flushed {
    /// All is sent, and the producer, if there is one, has no more for now.
    All,
    /// The system will report room.
    Blocked,
    /// The budget of this turn is spent, or a signal came: to be continued.
    Unfinished,
    Broken(OsError),
    /// The producer panicked, with this message.
    Panicked(Rc<str>),
}

impl<S: StreamSys + DescriptorSys> PipeEnd<S> {
    /// Has a descriptor watched under `token`.
    ///
    /// # Errors
    ///
    /// When the system cannot watch it; it is closed.
    pub(crate) fn open(
        sys: &S,
        token: Token,
        descriptor: S::Descriptor,
        limits: BufferLimits,
    ) -> io::Result<Self> {
        let reporting = sys.register_descriptor(&descriptor, token)?;
        Ok(Self {
            token,
            descriptor: Cell::new(Some(descriptor)),
            reporting,
            outlet: Outlet::new(limits),
            blocked: Cell::new(false),
            readable: Cell::new(true),
            hung_up: Cell::new(false),
            listed: Cell::new(false),
        })
    }

    pub(crate) fn token(&self) -> Token {
        self.token
    }

    /// Asks the descriptor, if it is not closed. No system call runs foreign code, so no caller finds it
    /// missing.
    pub(crate) fn ask<R>(&self, sys: &S, ask: impl FnOnce(&S, &S::Descriptor) -> R) -> Option<R> {
        let descriptor = self.descriptor.take()?;
        let answer = ask(sys, &descriptor);
        self.descriptor.set(Some(descriptor));
        Some(answer)
    }

    /// Takes in what the system reported.
    pub(crate) fn note(&self, ready: Ready) {
        if ready.writable {
            self.blocked.set(false);
        }
        if ready.readable || ready.read_closed {
            self.readable.set(true);
        }
        if ready.read_closed {
            self.hung_up.set(true);
        }
    }

    /// Whether the other end is gone. The system has reported it, and is asked whether it is true of both
    /// directions.
    pub(crate) fn has_hung_up(&self, core: &Core<S>) -> bool {
        self.hung_up.get() && self.is_abandoned(core)
    }

    /// Whether the other end is gone, reported or not.
    pub(crate) fn is_abandoned(&self, core: &Core<S>) -> bool {
        let ask = |sys: &S, descriptor: &S::Descriptor| sys.has_hung_up(descriptor);
        self.ask(&core.sys, ask).unwrap_or(false)
    }

    /// Whether there may be something to read.
    pub(crate) fn may_bring_bytes(&self) -> bool {
        self.readable.get()
    }

    /// Lists the tenant as one that is still ready.
    pub(crate) fn list(&self, core: &Core<S>) {
        if !self.listed.replace(true) {
            core.list_still_ready(self.token);
        }
    }

    pub(crate) fn unlist(&self) {
        self.listed.set(false);
    }

    /// How many reads a turn has: one for a file, which always has more.
    pub(crate) fn reads_per_turn(&self, core: &Core<S>) -> usize {
        match self.reporting {
            Reporting::ByPoll => core.limits.reads_per_turn,
            Reporting::AlwaysReady => 1,
        }
    }

    /// Reads once.
    pub(crate) fn read(&self, core: &Core<S>, buffer: &mut [u8]) -> Received {
        let answer = self.ask(&core.sys, |sys, descriptor| sys.read_descriptor(descriptor, buffer));
        match answer {
            None => Received::Nothing,
            Some(Ok(0)) => Received::End,
            Some(Ok(length)) => Received::Bytes(length),
            Some(Err(error)) => match error.kind() {
                io::ErrorKind::Interrupted => Received::Interrupted,
                io::ErrorKind::WouldBlock => {
                    self.readable.set(false);
                    Received::Nothing
                }
                _ => Received::Failed(os_error(&error)),
            },
        }
    }

    /// Sends what is queued and has the producer make more, until the descriptor takes no more, nothing
    /// new comes, or the budget of this turn is spent.
    pub(crate) fn flush(&self, core: &Core<S>) -> Flushed {
        for _ in 0..core.limits.refills_per_turn {
            match self.send_queued(core) {
                Flushed::All => {}
                other => return other,
            }
            match core.call("producer", None, || self.outlet.refill()) {
                Ok(true) if self.outlet.unsent() > 0 => {}
                Ok(_) => return Flushed::All,
                Err(message) => {
                    self.outlet.refill_panicked();
                    return Flushed::Panicked(message);
                }
            }
        }
        Flushed::Unfinished
    }

    fn send_queued(&self, core: &Core<S>) -> Flushed {
        let Some(mut unsent) = self.outlet.take() else { return Flushed::All };
        let mut flushed = Flushed::All;
        while !unsent.is_empty() && matches!(flushed, Flushed::All) {
            flushed = self.send_once(core, &mut unsent);
        }
        self.outlet.keep_rest(unsent, &core.pipe_pool);
        flushed
    }

    fn send_once(&self, core: &Core<S>, unsent: &mut Unsent) -> Flushed {
        if self.blocked.get() {
            return Flushed::Blocked;
        }
        let answer = self.ask(&core.sys, |sys, descriptor| {
            offer(unsent, |pieces| sys.write_descriptor(descriptor, pieces))
        });
        match answer {
            None => Flushed::Blocked,
            Some(Ok(0)) => Flushed::Unfinished,
            // A descriptor that took less than it was offered takes more next, or answers `WouldBlock`.
            Some(Ok(sent)) => {
                unsent.advance(sent);
                Flushed::All
            }
            Some(Err(error)) => match error.kind() {
                io::ErrorKind::WouldBlock => {
                    self.blocked.set(true);
                    Flushed::Blocked
                }
                io::ErrorKind::Interrupted => Flushed::Unfinished,
                _ => Flushed::Broken(os_error(&error)),
            },
        }
    }

    /// Closes the descriptor and drops the unsent bytes.
    pub(crate) fn close(&self, core: &Core<S>) {
        self.outlet.clear(&core.pipe_pool);
        self.abandon(&core.sys);
    }

    /// Closes the descriptor.
    pub(crate) fn abandon(&self, sys: &S) {
        if let Some(descriptor) = self.descriptor.take() {
            if self.reporting == Reporting::ByPoll {
                sys.deregister_descriptor(&descriptor);
            }
            drop(descriptor);
        }
    }

    /// Tells the producer, if there is one, that its bytes are taken no more.
    pub(crate) fn stop_producer(&self, core: &Core<S>) {
        if let Some(producer) = self.outlet.take_producer() {
            drop(core.call("producer", None, || {
                producer.stop_producing();
                drop(producer);
            }));
        }
    }
}
