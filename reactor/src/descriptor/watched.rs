//! A descriptor that something else owns, and that is called when it is ready; Twisted's `addReader` and
//! `addWriter`.
//!
//! ```text
//!              ready: do_read, do_write      ready no more: nothing until the next report
//!   Watched ◀──────────────────────────┐
//!      │ report ──► called ── re-armed ┘
//!      │
//!      └─ removed · the other end is gone · an error of a call · a stop ──► out of epoll; the last three
//!                                                                          call connection_lost
//! ```
//!
//! Reports are edge-triggered; re-arming after each call has what is still ready reported again, so an
//! object that leaves bytes is called again, one turn later. Invariant: a tenant is in its slot exactly as
//! long as its object has an entry in the core with the same token.

use std::io;
use std::os::fd::AsRawFd as _;
use std::rc::Rc;

use deferred::Failure;
use interfaces::{FileDescriptor, OsError, ReadDescriptor, Reason, WatchError, WriteDescriptor};

use crate::core::Core;
use crate::core::tenant::{Kind, Tenant};
use crate::core::watched::{ObjectKey, WatchedEntry};
use crate::sys::os_error::os_error;
use crate::sys::{Found, Ready, StreamSys, Token, WatchSys};

/// What foreign code is called in a report about a panic.
const CALLBACK: &str = "descriptor";

/// One object in its slot.
pub(crate) struct Watched {
    key: ObjectKey,
    token: Token,
}

/// A role of an object.
pub(crate) enum Role {
    Reader(Rc<dyn ReadDescriptor>),
    Writer(Rc<dyn WriteDescriptor>),
}

impl Role {
    fn key(&self) -> ObjectKey {
        match self {
            Self::Reader(reader) => ObjectKey::of(reader),
            Self::Writer(writer) => ObjectKey::of(writer),
        }
    }

    fn object(&self) -> Rc<dyn FileDescriptor> {
        match self {
            Self::Reader(reader) => Rc::<dyn ReadDescriptor>::clone(reader),
            Self::Writer(writer) => Rc::<dyn WriteDescriptor>::clone(writer),
        }
    }

    /// Whether an entry has this role; gives it, if not.
    fn give(&self, entry: &mut WatchedEntry) -> bool {
        match self {
            Self::Reader(reader) => entry.reader.replace(Rc::clone(reader)).is_some(),
            Self::Writer(writer) => entry.writer.replace(Rc::clone(writer)).is_some(),
        }
    }
}

/// Begins to watch an object for one of its roles.
///
/// # Errors
///
/// [`WatchError`]; nothing is changed.
pub(crate) fn add<S: StreamSys + WatchSys>(core: &Core<S>, role: &Role) -> Result<(), WatchError> {
    let (key, object) = (role.key(), role.object());
    // Before anything is changed, as it is foreign.
    let descriptor = object.as_fd();
    if core.run_state.stage().has_disconnected() {
        return Err(WatchError::Stopping { descriptor: descriptor.as_raw_fd() });
    }
    let before = core.watched.find(key);
    let is_new = before.is_none();
    let mut entry = before.unwrap_or_else(|| {
        let token = core.settle(|token| Rc::new(Watched { key, token })).token;
        WatchedEntry { token, reader: None, writer: None }
    });
    if role.give(&mut entry) {
        return Ok(());
    }
    let (token, wanted) = (entry.token, entry.wanted().expect("a role was given"));
    let watched = match is_new {
        true => core.sys.watch(descriptor, token, wanted),
        false => core.sys.watch_anew(descriptor, token, wanted),
    };
    if let Err(error) = watched {
        if is_new {
            drop(core.remove(token));
        }
        return Err(watch_error(descriptor.as_raw_fd(), &error));
    }
    let old = core.watched.set(key, entry);
    drop(old);
    Ok(())
}

fn watch_error(descriptor: i32, error: &io::Error) -> WatchError {
    let source = os_error(error);
    match source.raw_os_error() {
        libc::EPERM => WatchError::NotPollable { descriptor, source },
        libc::EEXIST => WatchError::InUse { descriptor, source },
        _ => WatchError::Refused { descriptor, source },
    }
}

/// Takes one role from an object.
pub(crate) fn remove<S: StreamSys + WatchSys>(core: &Core<S>, role: &Role) {
    let key = role.key();
    let Some(mut entry) = core.watched.find(key) else { return };
    let taken = match role {
        Role::Reader(_) => entry.reader.take().map(drop),
        Role::Writer(_) => entry.writer.take().map(drop),
    };
    if taken.is_none() {
        return;
    }
    let Some(wanted) = entry.wanted() else {
        drop(take_out(core, key));
        return;
    };
    let watched = core.sys.watch_anew(role.object().as_fd(), entry.token, wanted);
    let token = entry.token;
    let old = core.watched.set(key, entry);
    drop(old);
    if let Err(error) = watched {
        Watched { key, token }.lose(core, &Reason::Lost(Failure::new(os_error(&error))));
    }
}

/// Removes every object, and returns them.
pub(crate) fn remove_all<S: StreamSys + WatchSys>(core: &Core<S>) -> Vec<Rc<dyn FileDescriptor>> {
    core.watched.keys().into_iter().filter_map(|key| take_out(core, key)).collect()
}

/// Ends the watch of an object, and returns the object.
fn take_out<S: StreamSys + WatchSys>(
    core: &Core<S>,
    key: ObjectKey,
) -> Option<Rc<dyn FileDescriptor>> {
    let entry = core.watched.remove(key)?;
    drop(core.remove(entry.token));
    let object = entry.object()?;
    drop(core.call_without_tasks(CALLBACK, None, || core.sys.unwatch(object.as_fd())));
    Some(object)
}

impl Watched {
    /// The entry of this very tenant.
    fn entry<S: StreamSys>(&self, core: &Core<S>) -> Option<WatchedEntry> {
        core.watched.find(self.key).filter(|entry| entry.token == self.token)
    }

    /// The directions that are ready.
    ///
    /// # Errors
    ///
    /// The other end is gone and nothing is left to be read. As in Twisted, what can be read is read
    /// first, and finds the end then.
    fn look<S: StreamSys + WatchSys>(&self, core: &Core<S>, ready: Ready) -> Result<Found, Reason> {
        if !ready.read_closed {
            let Ready { readable, writable, .. } = ready;
            return Ok(Found { readable, writable, hung_up: false });
        }
        // It tells of an end and of an error alike, and not whether there is something to read before.
        let nothing = Found { readable: false, writable: false, hung_up: false };
        let Some(entry) = self.entry(core) else { return Ok(nothing) };
        let is_reader = entry.reader.is_some();
        let Some(object) = entry.object() else { return Ok(nothing) };
        let look = || core.sys.look(object.as_fd());
        let found = core.call_without_tasks(CALLBACK, None, look).map_err(Reason::Panicked)?;
        core.drop_guarded(CALLBACK, object);
        match (found.hung_up && !found.readable, is_reader) {
            (false, _) => Ok(found),
            (true, true) => Err(Reason::Done),
            (true, false) => {
                Err(Reason::Lost(Failure::new(OsError::from_raw_os_error(libc::EPIPE))))
            }
        }
    }

    /// Calls the object for what is ready.
    ///
    /// # Errors
    ///
    /// The reason for which it is watched no more.
    fn call<S: StreamSys>(&self, core: &Core<S>, found: Found) -> Result<(), Reason> {
        let called = |answer: Result<Result<(), Reason>, Rc<str>>| {
            answer.unwrap_or_else(|message| Err(Reason::Panicked(message)))
        };
        let reader = self.entry(core).and_then(|entry| entry.reader);
        if let Some(reader) = reader.filter(|_| found.readable) {
            let answer = core.call(CALLBACK, None, || reader.do_read());
            core.drop_guarded(CALLBACK, reader);
            called(answer)?;
        }
        // The reader may have removed the writer.
        let writer = self.entry(core).and_then(|entry| entry.writer);
        if let Some(writer) = writer.filter(|_| found.writable) {
            let answer = core.call(CALLBACK, None, || writer.do_write());
            core.drop_guarded(CALLBACK, writer);
            called(answer)?;
        }
        Ok(())
    }

    /// Has what is still ready reported again.
    fn arm<S: StreamSys + WatchSys>(&self, core: &Core<S>) -> Result<(), Reason> {
        let Some(entry) = self.entry(core) else { return Ok(()) };
        let (Some(wanted), Some(object)) = (entry.wanted(), entry.object()) else { return Ok(()) };
        let arm = || core.sys.watch_anew(object.as_fd(), self.token, wanted);
        let armed = core.call_without_tasks(CALLBACK, None, arm).map_err(Reason::Panicked)?;
        core.drop_guarded(CALLBACK, object);
        armed.map_err(|error| Reason::Lost(Failure::new(os_error(&error))))
    }

    /// Ends the watch, and tells the object.
    fn lose<S: StreamSys + WatchSys>(&self, core: &Core<S>, reason: &Reason) {
        if self.entry(core).is_none() {
            return;
        }
        let Some(object) = take_out(core, self.key) else { return };
        drop(core.call(CALLBACK, None, || {
            object.connection_lost(reason);
            drop(object);
        }));
    }
}

impl<S: StreamSys + WatchSys> Tenant<S> for Watched {
    fn ready(self: Rc<Self>, core: &Core<S>, ready: Ready, _: &mut [u8]) {
        let answer = match self.look(core, ready) {
            Ok(found) => self.call(core, found),
            Err(reason) => Err(reason),
        };
        if let Err(reason) = answer.and_then(|()| self.arm(core)) {
            self.lose(core, &reason);
        }
    }

    fn stop(self: Rc<Self>, core: &Core<S>) {
        let reason = core.run_state.stage().reason_of_end();
        self.lose(core, &reason);
    }

    /// The poll goes with the reactor, and the object stays its owner's.
    fn abandon(&self, _: &S) {}

    fn kind(&self) -> Kind {
        Kind::Watched
    }
}
