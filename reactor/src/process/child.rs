//! [`Child`]: a process that was spawned, as its transport, and as the tenant that sees its end.
//!
//! Invariant: the child is reaped at most once, and is signalled through its handle alone, which is
//! dropped when it is reaped; so no other process of its number is meant.

mod transport;

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::{Rc, Weak};
use std::time::Duration;

use interfaces::{
    ProcessProtocol, ProcessReason, ProcessTransport, Reason, SpawnError, SpawnProcess,
};

use super::child_pipe::ChildPipe;
use super::notifier::{Notice, Notifier};
use crate::core::Core;
use crate::core::foreign::drop_quietly;
use crate::core::tenant::{Kind, Tenant};
use crate::sys::os_error::os_error;
use crate::sys::{ChildEnd, ChildWatch, ProcessSys, Ready, Spawned, StreamSys, Token, Way};

/// The time between two looks at a child whose end nothing reports.
const LOOK_AFTER: Duration = Duration::from_millis(100);

/// A child process.
pub(crate) struct Child<S: StreamSys + ProcessSys> {
    me: Weak<Self>,
    core: Weak<Core<S>>,
    token: Token,
    /// Gone when the child was reaped.
    handle: RefCell<Option<S::Child>>,
    notifier: Notifier,
    pipes: RefCell<Vec<Rc<ChildPipe<S>>>>,
    stage: Cell<ChildStage>,
    paused: Cell<bool>,
    listed: Cell<bool>,
    looks: Cell<Looks>,
}

/// When a child is looked at whose end nothing reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looks {
    /// Its end is reported.
    Needless,
    /// No look is planned.
    None,
    /// A timer makes the next one.
    Later,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChildStage {
    Spawned,
    Running,
    Exited(ProcessReason),
    Ended,
}

impl<S: StreamSys + ProcessSys> Child<S> {
    /// Starts a program and gives it and its pipes their slots.
    ///
    /// # Errors
    ///
    /// [`SpawnError`].
    pub(crate) fn spawn(
        core: &Core<S>,
        options: &SpawnProcess,
        protocol: Box<dyn ProcessProtocol>,
    ) -> Result<Rc<dyn ProcessTransport>, SpawnError> {
        let spawned = match core.sys.spawn(options) {
            Ok(spawned) => spawned,
            Err(error) => {
                core.drop_guarded("process protocol", protocol);
                return Err(error);
            }
        };
        let child = Self::settle(core, protocol);
        child.open(core, options, spawned).map_err(|error| {
            child.kill_unseen(core);
            SpawnError::NotPrepared {
                program: options.program.to_string_lossy().into_owned(),
                need: "its end known",
                source: os_error(&error),
            }
        })?;
        Ok(child)
    }

    fn settle(core: &Core<S>, protocol: Box<dyn ProcessProtocol>) -> Rc<Self> {
        core.settle(|token| {
            Rc::new_cyclic(|me| Self {
                me: me.clone(),
                core: core.me.clone(),
                token,
                handle: RefCell::default(),
                notifier: Notifier::new(protocol),
                pipes: RefCell::default(),
                stage: Cell::new(ChildStage::Spawned),
                paused: Cell::new(false),
                listed: Cell::new(false),
                looks: Cell::new(Looks::Needless),
            })
        })
    }

    fn open(
        &self,
        core: &Core<S>,
        options: &SpawnProcess,
        spawned: Spawned<S::Child, S::Descriptor>,
    ) -> io::Result<()> {
        let Spawned { child, ends } = spawned;
        let watch = core.sys.register_child(&child, self.token);
        self.handle.replace(Some(child));
        match watch? {
            ChildWatch::BySignal { is_first: true } => look_at_all_by_signal(core),
            ChildWatch::ByLooks => self.looks.set(Looks::None),
            ChildWatch::BySignal { is_first: false } | ChildWatch::ByPoll | ChildWatch::Ended => {}
        }
        for end in ends {
            self.open_pipe(core, options, end)?;
        }
        self.list(core);
        Ok(())
    }

    fn open_pipe(
        &self,
        core: &Core<S>,
        options: &SpawnProcess,
        end: ChildEnd<S::Descriptor>,
    ) -> io::Result<()> {
        let pipe = ChildPipe::open(core, &self.me, end, options.buffer)?;
        self.pipes.borrow_mut().push(pipe);
        Ok(())
    }

    /// Kills a process that cannot be watched, whose protocol is told nothing. It stays in its slot until
    /// it is reaped.
    fn kill_unseen(&self, core: &Core<S>) {
        self.stage.set(ChildStage::Running);
        let pipes = self.pipes.take();
        for pipe in pipes {
            pipe.give_up(core);
        }
        // One that has ended already needs no signal.
        let _ = self.with_handle(|sys, handle| sys.signal_child(handle, libc::SIGKILL));
        self.looks.set(Looks::None);
        self.list(core);
        core.drop_guarded("process protocol", self.notifier.take());
    }

    fn list(&self, core: &Core<S>) {
        if !self.listed.replace(true) {
            core.list_still_ready(self.token);
        }
    }

    fn transport(&self) -> Option<Rc<dyn ProcessTransport>> {
        self.me.upgrade().map(|child| child as Rc<dyn ProcessTransport>)
    }

    fn tell(&self, core: &Core<S>, notice: Notice) {
        if let Some(transport) = self.transport() {
            self.notifier.tell(core, &transport, notice);
        }
    }

    /// Tells the protocol that the process runs, before anything else.
    pub(super) fn begin(&self, core: &Core<S>) {
        if self.stage.get() == ChildStage::Spawned {
            self.stage.set(ChildStage::Running);
            self.tell(core, Notice::ConnectionMade);
        }
    }

    /// Hands bytes to the protocol.
    ///
    /// # Errors
    ///
    /// The message of a panic.
    pub(super) fn deliver(
        &self,
        core: &Core<S>,
        child_fd: i32,
        data: &[u8],
    ) -> Result<(), Rc<str>> {
        match self.transport() {
            Some(transport) => self.notifier.deliver(core, &transport, child_fd, data),
            None => Ok(()),
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused.get()
    }

    /// A pipe has closed.
    pub(super) fn pipe_closed(&self, core: &Core<S>, child_fd: i32, reason: Reason) {
        self.tell(core, Notice::ChildConnectionLost(child_fd, reason));
        if let ChildStage::Exited(reason) = self.stage.get() {
            self.end_if_over(core, reason);
        }
    }

    /// Reaps the process, if it has ended.
    fn look_for_exit(&self, core: &Core<S>) {
        let answer = self.with_handle(|sys, handle| sys.try_wait(handle));
        let reason = match answer {
            None => return,
            Some(Ok(None)) => return self.look_again_later(core),
            Some(Ok(Some(status))) => ProcessReason::from(status),
            Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {
                return self.list(core);
            }
            Some(Err(error)) => ProcessReason::Unknown(os_error(&error)),
        };
        let handle = self.handle.take();
        if let Some(handle) = handle {
            core.sys.deregister_child(&handle);
        }
        self.stage.set(ChildStage::Exited(reason));
        self.tell(core, Notice::ProcessExited(reason));
        self.end_if_over(core, reason);
    }

    /// Looks at the child once more after a while, if nothing reports its end.
    fn look_again_later(&self, core: &Core<S>) {
        if self.looks.get() != Looks::None {
            return;
        }
        self.looks.set(Looks::Later);
        let child = self.me.clone();
        let look = move || {
            if let Some(child) = child.upgrade()
                && let Some(core) = child.core.upgrade()
            {
                child.looks.set(Looks::None);
                child.list(&core);
            }
        };
        core.call_later(LOOK_AFTER, Box::new(look));
    }

    fn with_handle<R>(&self, ask: impl FnOnce(&S, &S::Child) -> R) -> Option<R> {
        let core = self.core.upgrade()?;
        let handle = self.handle.borrow();
        handle.as_ref().map(|handle| ask(&core.sys, handle))
    }

    fn end_if_over(&self, core: &Core<S>, reason: ProcessReason) {
        let is_over = self.pipes.borrow().iter().all(|pipe| pipe.is_closed());
        if !is_over || self.stage.replace(ChildStage::Ended) == ChildStage::Ended {
            return;
        }
        let slot = core.remove(self.token);
        self.tell(core, Notice::ProcessEnded(reason));
        core.drop_guarded("process protocol", slot);
    }

    fn pipe(&self, wanted: impl Fn(&ChildPipe<S>) -> bool) -> Option<Rc<ChildPipe<S>>> {
        self.pipes.borrow().iter().find(|pipe| wanted(pipe)).cloned()
    }

    /// The pipe to the child's descriptor; a terminal is the way to 0.
    fn pipe_to(&self, child_fd: i32) -> Option<Rc<ChildPipe<S>>> {
        self.pipe(|pipe| match pipe.way {
            Way::ToChild => pipe.child_fd == child_fd,
            Way::FromChild => false,
            Way::Both => child_fd == 0,
        })
    }

    fn all_pipes(&self) -> Vec<Rc<ChildPipe<S>>> {
        self.pipes.borrow().clone()
    }
}

/// Has every `SIGCHLD` look at all children: the system does not say which of them it is about.
fn look_at_all_by_signal<S: StreamSys + ProcessSys>(core: &Core<S>) {
    let me = core.me.clone();
    let look = move || {
        let Some(core) = me.upgrade() else { return };
        let tokens = core.slots.borrow().tokens();
        for token in tokens {
            if core.tenant(token).is_some_and(|tenant| tenant.kind() == Kind::Process) {
                core.list_still_ready(token);
            }
        }
    };
    core.signal_handlers.borrow_mut().push((libc::SIGCHLD, Rc::new(look)));
}

impl<S: StreamSys + ProcessSys> Tenant<S> for Child<S> {
    fn ready(self: Rc<Self>, core: &Core<S>, _: Ready, _: &mut [u8]) {
        self.begin(core);
        self.look_for_exit(core);
    }

    /// Its pipes are closed. While the reactor runs on, the process is reaped, and its end is told, when it
    /// comes.
    fn stop(self: Rc<Self>, core: &Core<S>) {
        self.begin(core);
        for pipe in self.all_pipes() {
            pipe.stop(core);
        }
        match self.stage.get() {
            ChildStage::Exited(reason) => self.end_if_over(core, reason),
            ChildStage::Running if core.run_state.stage().is_stopping() => {
                self.end_if_over(core, ProcessReason::Stopped);
            }
            ChildStage::Spawned | ChildStage::Running | ChildStage::Ended => {}
        }
    }

    /// The pipes to the child are drained first; the last one that closes ends the process for the
    /// protocol.
    fn drain(self: Rc<Self>, core: &Core<S>) {
        self.begin(core);
        self.look_for_exit(core);
        if self.stage.get() == ChildStage::Running {
            self.stage.set(ChildStage::Exited(ProcessReason::Stopped));
        }
        for pipe in self.all_pipes() {
            pipe.drain(core);
        }
        if let ChildStage::Exited(reason) = self.stage.get() {
            self.end_if_over(core, reason);
        }
    }

    fn abandon(&self, _: &S) {
        self.stage.set(ChildStage::Ended);
        drop(self.handle.take());
        self.pipes.take();
        drop_quietly(self.notifier.take());
    }

    fn unlist(&self) {
        self.listed.set(false);
    }

    fn kind(&self) -> Kind {
        Kind::Process
    }
}
