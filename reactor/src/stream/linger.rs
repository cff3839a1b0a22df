//! Sockets whose connection is over for their protocol, but not yet for the peer.
//!
//! ```text
//!            end of file is sent                      ┌─ its end of file came, or the time is over:
//!  Done ────────────────────────► waits for the peer ─┤  closed
//!            a reset is to follow                     └─ (while the reactor stops) it has all, and is silent
//!  Aborted ─────────────────────► waits for acknowledgements ── all came, or none for a time: reset
//! ```
//!
//! A socket that is closed while it holds unread bytes sends a reset, and the kernel throws away
//! what it had not sent yet (RFC 1122 section 4.2.2.13; tcp(7)). So what comes is read and dropped until
//! the peer's own end of file or [`Limits::linger`], and longer while the peer takes what was sent. A reset of our own throws away as much, so it waits
//! until the peer has acknowledged everything, or nothing for as long as [`Limits::unacknowledged`].
//! Where no descriptor is left, the oldest of them goes at once.
//! Invariant: a lingering socket has no protocol, and one timer as long as it is in its slot.
//!
//! [`Limits::linger`]: crate::Limits::linger
//! [`Limits::unacknowledged`]: crate::Limits::unacknowledged

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use interfaces::DelayedCall;

use super::Stream;
use super::flags::Origin;
use crate::core::Core;
use crate::core::stage::Stage;
use crate::core::tenant::{Kind, Tenant};
use crate::sys::{Ready, StreamSys, Token};

/// The first and the longest pause between two looks at what is acknowledged. Each pause is twice the one
/// before; an acknowledgement begins anew.
const LOOK_AFTER: Duration = Duration::from_millis(1);
const LOOK_AFTER_MAX: Duration = Duration::from_millis(250);

/// How many times [`Limits::unacknowledged`](crate::Limits::unacknowledged) such a socket lives at the
/// most.
const UNACKNOWLEDGED_LIMITS: u32 = 10;

/// A socket that only waits for its peer.
pub(crate) struct Lingering<S: StreamSys> {
    token: Token,
    socket: S::Stream,
    origin: Origin,
    finish: Finish,
    /// Whether the peer's system tells what it has, which the one of a UNIX peer need not.
    is_tcp: bool,
    /// The peer sent something while it was waited for.
    heard: Cell<bool>,
    acknowledged: Cell<Acknowledged>,
    began: Duration,
    timer: RefCell<Option<DelayedCall>>,
    /// On the list of those that are still ready.
    listed: Cell<bool>,
    /// What the connection occupies until its socket is closed.
    guard: RefCell<Option<Rc<dyn Any>>>,
}

/// How such a socket ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finish {
    /// With the end of file, which was sent.
    InOrder,
    Reset,
}

/// What the last look has found.
#[derive(Clone, Copy, Debug)]
struct Acknowledged {
    bytes_left: usize,
    /// When the number last changed.
    since: Duration,
    pause: Duration,
}

/// How much of the peer's bytes was read and dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Discarded {
    /// All that is there.
    Empty,
    /// As much as one turn allows.
    Budget,
    /// All, and no more will come.
    EndOfFile,
    /// The connection is broken.
    Broken,
}

impl<S: StreamSys> Stream<S> {
    /// Sends the end of file, if that was not done, and makes the tenant that waits for the peer's
    /// own under the same token, if that did not come already. What is not known to be readable now
    /// will be reported.
    pub(super) fn linger(&self, core: &Core<S>, socket: S::Stream) -> Option<Rc<Lingering<S>>> {
        let is_said = self.io.eof.sent() || send_end_of_file(&core.sys, &socket).is_ok();
        if !is_said {
            self.io.origin.close_socket(core, socket);
            return None;
        }
        let lingering = self.lingering(core, socket, Finish::InOrder)?;
        if core.run_state.stage() == Stage::Disconnecting {
            lingering.wait(core, LOOK_AFTER, Lingering::look);
        } else {
            lingering.wait(core, core.limits.linger, Lingering::time_is_over);
        }
        Some(lingering)
    }

    /// Makes the tenant that resets the connection when the peer has acknowledged what was sent, if it
    /// has not done so already.
    pub(super) fn linger_to_reset(
        &self,
        core: &Core<S>,
        socket: S::Stream,
    ) -> Option<Rc<Lingering<S>>> {
        if core.sys.unacknowledged_bytes(&socket) == 0 {
            core.sys.reset_on_close(&socket);
            self.io.origin.close_socket(core, socket);
            return None;
        }
        let lingering = self.lingering(core, socket, Finish::Reset)?;
        lingering.wait(core, LOOK_AFTER, Lingering::look);
        Some(lingering)
    }

    /// Drops what the peer has sent; closes the socket if nothing is left to wait for.
    fn lingering(
        &self,
        core: &Core<S>,
        socket: S::Stream,
        finish: Finish,
    ) -> Option<Rc<Lingering<S>>> {
        let lingering = Rc::new(Lingering {
            token: self.token,
            socket,
            origin: self.io.origin,
            finish,
            is_tcp: self.peer.is_tcp(),
            heard: Cell::new(false),
            acknowledged: Cell::new(Acknowledged {
                bytes_left: usize::MAX,
                since: core.sys.now(),
                pause: LOOK_AFTER,
            }),
            began: core.sys.now(),
            timer: RefCell::default(),
            listed: Cell::new(false),
            guard: RefCell::default(),
        });
        let discarded = match self.io.readable.get() {
            true => lingering.discard_between_events(core),
            false => Discarded::Empty,
        };
        match discarded {
            Discarded::Empty => {}
            Discarded::EndOfFile if finish == Finish::Reset => {}
            Discarded::Budget => lingering.list(core),
            Discarded::EndOfFile | Discarded::Broken => {
                lingering.forget(core);
                return None;
            }
        }
        core.expendable.add(lingering.began, self.token);
        Some(lingering)
    }
}

impl<S: StreamSys> Lingering<S> {
    /// Keeps this until the socket is closed.
    pub(super) fn keep(&self, guard: Option<Rc<dyn Any>>) {
        let before = self.guard.replace(guard);
        debug_assert!(before.is_none(), "it is asked for once");
    }

    /// Sets the timer anew.
    fn wait(self: &Rc<Self>, core: &Core<S>, after: Duration, then: fn(Rc<Self>, &Core<S>)) {
        let (me, core_me) = (Rc::downgrade(self), core.me.clone());
        let timed = move || {
            if let (Some(lingering), Some(core)) = (me.upgrade(), core_me.upgrade()) {
                then(lingering, &core);
            }
        };
        let timer = core.call_later(after, Box::new(timed));
        let old = self.timer.replace(Some(timer));
        if let Some(old) = old {
            // It may be this very call that runs.
            let _ = old.cancel();
        }
    }

    /// [`Limits::linger`](crate::Limits::linger) is over. A peer that still takes what was sent keeps the
    /// socket for as long again: closed now, its next byte would be answered with a reset, and the kernel
    /// would drop the rest.
    fn time_is_over(self: Rc<Self>, core: &Core<S>) {
        let bytes_left = if self.is_tcp { core.sys.unacknowledged_bytes(&self.socket) } else { 0 };
        let before = self.acknowledged.get();
        if bytes_left == 0 || bytes_left >= before.bytes_left || self.is_too_long(core) {
            return self.stop(core);
        }
        self.acknowledged.set(Acknowledged { bytes_left, ..before });
        self.wait(core, core.limits.linger, Self::time_is_over);
    }

    /// Asks how much is acknowledged, and ends the socket if nothing is left to wait for.
    fn look(self: Rc<Self>, core: &Core<S>) {
        let unacknowledged = || core.sys.unacknowledged_bytes(&self.socket);
        let bytes_left = if self.is_tcp { unacknowledged() } else { 0 };
        let waits = match self.finish {
            Finish::InOrder => bytes_left > 0 || self.heard.get(),
            Finish::Reset => bytes_left > 0 && !self.is_unanswered(core, bytes_left),
        };
        if !waits || core.sys.take_error(&self.socket).is_err() {
            return self.stop(core);
        }
        let before = self.acknowledged.get();
        let (since, pause) = match bytes_left == before.bytes_left {
            true => (before.since, (before.pause * 2).min(LOOK_AFTER_MAX)),
            false => (core.sys.now(), LOOK_AFTER),
        };
        self.acknowledged.set(Acknowledged { bytes_left, since, pause });
        self.wait(core, pause, Self::look);
    }

    /// Whether the peer has acknowledged nothing for too long.
    fn is_unanswered(&self, core: &Core<S>, bytes_left: usize) -> bool {
        let before = self.acknowledged.get();
        let silence = core.sys.now().saturating_sub(before.since);
        bytes_left == before.bytes_left && silence >= core.limits.unacknowledged
            || self.is_too_long(core)
    }

    /// A peer that takes a byte now and then does not hold the descriptor for ever.
    fn is_too_long(&self, core: &Core<S>) -> bool {
        let age = core.sys.now().saturating_sub(self.began);
        age >= core.limits.unacknowledged.saturating_mul(UNACKNOWLEDGED_LIMITS)
    }

    fn list(&self, core: &Core<S>) {
        if !self.listed.replace(true) {
            core.list_still_ready(self.token);
        }
    }

    /// Makes what closes the socket a reset, if it ends so, and lets go of it.
    fn forget(&self, core: &Core<S>) {
        if self.finish == Finish::Reset {
            core.sys.reset_on_close(&self.socket);
        }
        if self.origin == Origin::Adopted {
            core.sys.deregister(&self.socket);
        }
    }

    /// As [`discard`](Self::discard), in the closing phase, when no event has the read buffer.
    fn discard_between_events(&self, core: &Core<S>) -> Discarded {
        let mut buffer = core.take_read_buffer();
        let discarded = self.discard(core, &mut buffer);
        core.keep_read_buffer(buffer);
        discarded
    }

    /// Reads and drops the peer's bytes.
    fn discard(&self, core: &Core<S>, buffer: &mut [u8]) -> Discarded {
        for _ in 0..core.limits.reads_per_turn {
            match core.sys.read(&self.socket, buffer) {
                Ok(0) => return Discarded::EndOfFile,
                Ok(_) => self.heard.set(true),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Discarded::Empty,
                    io::ErrorKind::Interrupted => {}
                    _ => return Discarded::Broken,
                },
            }
        }
        Discarded::Budget
    }
}

impl<S: StreamSys> Tenant<S> for Lingering<S> {
    fn ready(self: Rc<Self>, core: &Core<S>, ready: Ready, buffer: &mut [u8]) {
        // Room to write is reported, too, and is of no interest.
        if !ready.readable && !ready.read_closed {
            return;
        }
        match self.discard(core, buffer) {
            Discarded::Empty => {}
            Discarded::Budget => self.list(core),
            // Behind an end of file a reset shows as no error of reading.
            Discarded::EndOfFile if self.finish == Finish::Reset => {
                if core.sys.take_error(&self.socket).is_err() {
                    self.stop(core);
                }
            }
            Discarded::EndOfFile | Discarded::Broken => self.stop(core),
        }
    }

    fn stop(self: Rc<Self>, core: &Core<S>) {
        drop(core.remove(self.token));
        core.expendable.remove(self.began, self.token);
        let timer = self.timer.take();
        if let Some(timer) = timer {
            // It may be this very call that runs.
            let _ = timer.cancel();
        }
        self.forget(core);
        let guard = self.guard.take();
        // The last owner of the socket, but for a dispatch that has a clone of it for a moment.
        drop(self);
        core.drop_guarded("guard", guard);
    }

    /// A peer that has everything and is silent is not waited for. One that still sends would get a
    /// reset by a close now, and may not read what it was sent before.
    fn drain(self: Rc<Self>, core: &Core<S>) {
        self.look(core);
    }

    fn abandon(&self, sys: &S) {
        if self.finish == Finish::Reset {
            sys.reset_on_close(&self.socket);
        }
    }

    fn unlist(&self) {
        self.listed.set(false);
    }

    fn kind(&self) -> Kind {
        Kind::Lingering
    }
}

impl Origin {
    /// Closes a socket. One that another process may hold open too would still be reported.
    pub(super) fn close_socket<S: StreamSys>(self, core: &Core<S>, socket: S::Stream) {
        if self == Self::Adopted {
            core.sys.deregister(&socket);
        }
        drop(socket);
    }
}

/// shutdown(2), tried again when it was interrupted.
pub(super) fn send_end_of_file<S: StreamSys>(sys: &S, socket: &S::Stream) -> io::Result<()> {
    loop {
        match sys.shutdown_write(socket) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            answer => return answer,
        }
    }
}
