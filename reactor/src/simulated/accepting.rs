//! How a server's side begins: listen, the queue of a listener, accept.
//!
//! Invariant: a call that fails leaves no name, port, descriptor or connection behind.

use std::io;
use std::rc::Rc;

use interfaces::{Address, ListenError, ListenTcp, ListenUnix, LockFile, OsError, UnixAddress};

use super::connection::{Holder, OnClose, Wire};
use super::edge::{Direction, SocketWatch};
use super::ids::{ConnectionId, EndId, ListenerId, Side, Source};
use super::kind::ChoiceKind;
use super::listener::ListenerState;
use super::names::{Leftover, Name, address_of};
use super::options::{CREDENTIALS, check_device};
use super::trace::SystemCall;
use super::world::{HELD, World, errno};
use crate::sys::os_error::os_error;

/// What accept4(2) answers when the system is short of something, or a firewall forbids it.
const ACCEPT_ERRORS: [i32; 4] = [libc::ENFILE, libc::ENOBUFS, libc::ENOMEM, libc::EPERM];

impl World {
    pub(super) fn listen_tcp(&mut self, options: &ListenTcp) -> Result<ListenerId, ListenError> {
        let (name, address) = (Name::Tcp(options.address), Address::from(options.address));
        if let (Err(error), Some(device)) =
            (check_device(&options.options), &options.options.device)
        {
            return Err(ListenError::Device {
                address,
                device: Rc::clone(device),
                source: os_error(&error),
            });
        }
        let listened = self.listen(name, options.backlog, LockFile::Ignored);
        let id = listened.map_err(|error| refused(address, &error))?;
        if let Some(listener) = self.listeners.get_mut(&id) {
            listener.options = options.options.clone();
        }
        Ok(id)
    }

    pub(super) fn listen_unix(&mut self, options: &ListenUnix) -> Result<ListenerId, ListenError> {
        let address = Address::from(options.address.clone());
        if let Some(length) = options.address.excess_length() {
            let limit = UnixAddress::NAME_BYTES_MAX;
            return Err(ListenError::NameTooLong { address, length, limit });
        }
        let Some(name) = Name::of_unix(&options.address) else {
            return Err(refused(address, &errno(libc::EINVAL)));
        };
        if let (Name::Path(path), LockFile::Used) = (&name, options.lock_file) {
            if self.names.leftovers.get(path) == Some(&Leftover::File) {
                return Err(ListenError::NotASocket { address });
            }
            if self.is_locked(&options.address) {
                return Err(ListenError::InUse { address, process: Some(CREDENTIALS.0) });
            }
        }
        let listened = self.listen(name, options.backlog, options.lock_file);
        listened.map_err(|error| refused(address, &error))
    }

    pub(super) fn listen(
        &mut self,
        name: Name,
        backlog: u32,
        lock_file: LockFile,
    ) -> io::Result<ListenerId> {
        self.descriptors.open()?;
        let bound = self.bind_listener(name, lock_file);
        let id = ListenerId(self.connections.new_number());
        let bound = self.noted(SystemCall::Listen, id.number(), bound, |_| 0);
        let name = bound.inspect_err(|_| self.descriptors.open -= 1)?;
        let address = address_of(&name);
        self.names.listen(name.clone(), id);
        self.listeners.insert(id, ListenerState::new(name, address, backlog, lock_file));
        Ok(id)
    }

    fn bind_listener(&mut self, name: Name, lock_file: LockFile) -> io::Result<Name> {
        let in_use = || errno(libc::EADDRINUSE);
        match &name {
            Name::Tcp(address) => self.names.bind(*address).map(Name::Tcp).ok_or_else(in_use),
            Name::Abstract(_) | Name::Path(_) if self.names.find(&name).is_some() => Err(in_use()),
            Name::Abstract(_) => Ok(name),
            Name::Path(path) => match (self.names.leftovers.get(path), lock_file) {
                (None, _) => Ok(name),
                // The lock tells that the server is dead, so its socket is removed.
                (Some(Leftover::DeadSocket), LockFile::Used) => {
                    self.names.leftovers.remove(path);
                    Ok(name)
                }
                (Some(_), _) => Err(in_use()),
            },
        }
    }

    pub(super) fn listener_address(&self, id: ListenerId) -> Address {
        self.listeners.get(&id).expect("a handle keeps its listener").address.clone()
    }

    /// Whether a listener holds the lock of this name.
    pub(super) fn is_locked(&self, address: &UnixAddress) -> bool {
        let name = Name::of_unix(address);
        let id = name.and_then(|name| self.names.find(&name));
        let found = id.and_then(|id| self.listeners.get(&id));
        found.is_some_and(|listener| listener.lock_file == LockFile::Used)
    }

    /// Puts a connection, whose server's end stands from now on, into a listener's queue.
    pub(super) fn queue(&mut self, listener: ListenerId, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(id) {
            let end = connection.end_mut(Side::Server);
            (end.wire, end.holder) = (Wire::Established, Holder::Queue);
        }
        if let Some(listening) = self.listeners.get_mut(&listener) {
            listening.push(id);
        }
        self.became_readable(Source::Listener(listener));
    }

    pub(super) fn accept(&mut self, listener: ListenerId) -> io::Result<EndId> {
        let accepted = self.take_descriptor_and_accept(listener);
        self.maybe_spurious(Source::Listener(listener));
        match &accepted {
            Ok(id) => self.meets(Source::End(*id)),
            Err(_) => self.meets(Source::Listener(listener)),
        }
        let number = listener.number();
        self.noted(SystemCall::Accept, number, accepted, |id| id.connection().answer())
    }

    fn take_descriptor_and_accept(&mut self, listener: ListenerId) -> io::Result<EndId> {
        if let Some(number) = self.accept_errors.pop_front() {
            return Err(errno(number));
        }
        self.fault(ChoiceKind::Interrupted, self.faults.interrupted, libc::EINTR)?;
        self.fault(ChoiceKind::NoDescriptor, self.faults.no_descriptor, libc::EMFILE)?;
        let forms = ACCEPT_ERRORS.len() as u64;
        let form = self.choices.fault(ChoiceKind::AcceptError, self.faults.accept_error, forms);
        if let Some(form) = form.checked_sub(1) {
            return Err(errno(ACCEPT_ERRORS[form as usize]));
        }
        // Linux takes the descriptor first, so a process that has none left is told even if no
        // connection waits.
        self.descriptors.open()?;
        let id = self.accept_with_descriptor(listener);
        id.inspect_err(|_| self.descriptors.open -= 1)
    }

    fn accept_with_descriptor(&mut self, listener: ListenerId) -> io::Result<EndId> {
        if self.choices.happens(ChoiceKind::AcceptWouldBlock, self.faults.would_block) {
            return Err(self.accept_would_block(listener));
        }
        let id = EndId::server(self.pop(listener)?);
        if self.choices.happens(ChoiceKind::AbortedAccept, self.faults.aborted_accept) {
            self.meets(Source::End(id));
            self.held(id).end_mut(Side::Server).holder = Holder::Closed;
            self.send_reset(id);
            self.remove_if_unheld(id.connection());
            return Err(errno(libc::ECONNABORTED));
        }
        let connection = self.connections.get_mut(id.connection()).expect(HELD);
        let end = connection.end_mut(Side::Server);
        end.holder = Holder::Program;
        if let Some(listener) = self.listeners.get(&listener) {
            end.set_options(&listener.options);
        }
        Ok(id)
    }

    /// Accepts one connection with the reserve descriptor, and closes it.
    pub(super) fn accept_and_close(&mut self, listener: ListenerId) -> io::Result<()> {
        let accepted = self.accept_with_reserve(listener);
        let number = listener.number();
        let accepted =
            self.noted(SystemCall::AcceptAndClose, number, accepted, |id| id.connection().answer());
        accepted.map(|id| {
            self.held(id).end_mut(Side::Server).on_close = OnClose::Reset;
            self.close(id);
        })
    }

    fn accept_with_reserve(&mut self, listener: ListenerId) -> io::Result<EndId> {
        let outcome =
            self.fault(ChoiceKind::FailedReserve, self.faults.failed_reserve, libc::EMFILE);
        self.meets(Source::Listener(listener));
        outcome?;
        let id = EndId::server(self.pop(listener)?);
        self.held(id).end_mut(Side::Server).holder = Holder::Program;
        self.descriptors.open += 1;
        Ok(id)
    }

    /// Takes the first connection off the queue; when there is none, the next one is reported.
    fn pop(&mut self, listener: ListenerId) -> io::Result<ConnectionId> {
        let popped = self.listeners.get_mut(&listener).and_then(ListenerState::pop);
        popped.ok_or_else(|| self.accept_would_block(listener))
    }

    /// Whether a connection waits; when none does, the next one is reported.
    pub(super) fn connection_waits(&mut self, listener: ListenerId) -> bool {
        let listening = self.listeners.get(&listener);
        let is_ready = listening.is_some_and(|listening| listening.level().readable);
        let waits = is_ready
            && !self.choices.happens(ChoiceKind::AcceptWouldBlock, self.faults.would_block);
        if !waits {
            self.watching(Source::Listener(listener), Direction::Read, SocketWatch::would_block);
        }
        self.trace.note(self.clock.now(), SystemCall::Look, listener.number(), i64::from(waits));
        waits
    }

    fn accept_would_block(&mut self, listener: ListenerId) -> io::Error {
        self.watching(Source::Listener(listener), Direction::Read, SocketWatch::would_block);
        errno(libc::EAGAIN)
    }
}

pub(super) fn refused(address: Address, error: &io::Error) -> ListenError {
    let number = error.raw_os_error().unwrap_or(libc::EIO);
    let hint = if number == libc::EADDRINUSE { "another socket listens there" } else { "" };
    ListenError::Refused { address, source: OsError::from_raw_os_error(number), hint: hint.into() }
}
