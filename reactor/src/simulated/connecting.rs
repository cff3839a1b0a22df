//! How connections begin: listen, connect, the handshake, accept.
//!
//! Invariant: whatever failed left no name, port, descriptor or connection behind.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use interfaces::{Address, LockFile, UnixAddress};

use super::clock::Happening;
use super::connection::{Connection, End, EndId, Holder, Kind, Side, Wire};
use super::edge::{Watch, Way};
use super::links::Link;
use super::listener::Listening;
use super::names::{Leftover, Name, UNIX_NAME_BYTES_MAX, address_of, destination};
use super::pipe::Pipe;
use super::ready::Source;
use super::trace::Call;
use super::world::{World, errno};
use crate::sys::ConnectFault;

/// How often a request is sent again, after 1, 2, 4… seconds, as on Linux (`tcp_syn_retries`).
const RETRIES: u32 = 6;

impl World {
    pub(super) fn listen(
        &mut self,
        name: Name,
        backlog: u32,
        lock_file: LockFile,
    ) -> io::Result<u64> {
        self.descriptors.open()?;
        let bound = self.bind_listener(name, lock_file);
        let id = self.connections.new_number();
        let bound = self.noted(Call::Listen, id * 2, bound, |_| 0);
        let name = bound.inspect_err(|_| self.descriptors.open -= 1)?;
        let address = address_of(&name);
        self.names.listen(name.clone(), id);
        self.listeners.insert(id, Listening::new(name, address, backlog, lock_file));
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

    pub(super) fn connect_tcp(
        &mut self,
        address: SocketAddr,
        bind: Option<SocketAddr>,
    ) -> Result<EndId, ConnectFault> {
        let peer = destination(address);
        let local = bind.unwrap_or_else(|| SocketAddr::new(peer.ip(), 0));
        self.fault(self.faults.interrupted, libc::EINTR).map_err(ConnectFault::Connect)?;
        self.descriptors.open().map_err(ConnectFault::Connect)?;
        let fits = local.is_ipv4() == peer.is_ipv4();
        let bound = fits.then(|| self.names.bind(destination(local)));
        let bound = match bound {
            Some(Some(local)) => Ok(local),
            Some(None) if local.port() == 0 => Err(libc::EADDRNOTAVAIL),
            Some(None) => Err(libc::EADDRINUSE),
            None => Err(libc::EINVAL),
        };
        let local = bound.map_err(|number| {
            self.descriptors.open -= 1;
            ConnectFault::Bind(errno(number))
        })?;
        let names = [Address::from(local), Address::from(peer)];
        let id = self.new_connection(Kind::Tcp, names, Wire::Opening, Holder::Nobody);
        self.send_request(id, 0);
        Ok(EndId::client(id))
    }

    pub(super) fn connect_unix(&mut self, address: &UnixAddress) -> io::Result<EndId> {
        self.fault(self.faults.interrupted, libc::EINTR)?;
        let name = Name::of_unix(address).ok_or_else(|| errno(libc::EINVAL))?;
        if name.length() > UNIX_NAME_BYTES_MAX {
            return Err(errno(libc::ENAMETOOLONG));
        }
        let listener = self.find_unix(&name)?;
        if self.listeners.get(&listener).is_none_or(Listening::is_full) {
            return Err(errno(libc::EAGAIN));
        }
        self.descriptors.open()?;
        let names = [Address::from(UnixAddress::Unnamed), Address::from(address.clone())];
        let id = self.new_connection(Kind::Unix, names, Wire::Established, Holder::Nobody);
        self.queue(listener, id);
        Ok(EndId::client(id))
    }

    fn find_unix(&self, name: &Name) -> io::Result<u64> {
        self.names.find(name).ok_or_else(|| match name {
            Name::Path(path) if !self.names.leftovers.contains_key(path) => errno(libc::ENOENT),
            Name::Path(_) | Name::Abstract(_) | Name::Tcp(_) => errno(libc::ECONNREFUSED),
        })
    }

    fn new_connection(
        &mut self,
        kind: Kind,
        [client, server]: [Address; 2],
        wire: Wire,
        server_holder: Holder,
    ) -> u64 {
        let link = Link::chosen(&self.links, kind, &mut self.dice);
        let mut buffer = || self.dice.size(&self.links.buffer);
        let pipes = [Pipe::new(buffer(), buffer()), Pipe::new(buffer(), buffer())];
        let ends = [End::new(client, wire, Holder::Program), End::new(server, wire, server_holder)];
        self.connections.insert(Connection::new(kind, link, ends, pipes))
    }

    /// Puts a request on the wire.
    fn send_request(&mut self, id: u64, attempt: u32) {
        let Some(connection) = self.connections.get(id) else { return };
        let time = self.clock.after(connection.link.latency(&mut self.dice));
        self.clock.plan(time, Happening::Request(id, attempt));
    }

    pub(super) fn request_arrives(&mut self, id: u64, attempt: u32) {
        let Some(connection) = self.connections.get(id) else { return };
        let Some(address) = connection.end(Side::Server).name.as_socket_addr() else { return };
        let answer = self.clock.after(connection.link.latency(&mut self.dice));
        if self.names.black_holes.contains(&address.ip()) {
            return self.request_is_lost(id, attempt);
        }
        match self.names.find(&Name::Tcp(address)) {
            None => self.clock.plan(answer, Happening::Refused(id)),
            Some(listener) if self.listeners.get(&listener).is_none_or(Listening::is_full) => {
                self.request_is_lost(id, attempt);
            }
            Some(listener) => {
                self.clock.plan(answer, Happening::Established(id));
                // No segment may overtake the answer.
                if let Some(connection) = self.connections.get_mut(id) {
                    connection.outgoing(Side::Server).next_arrival(answer);
                }
                self.queue(listener, id);
            }
        }
    }

    /// The client asks again after twice the time, or gives up.
    fn request_is_lost(&mut self, id: u64, attempt: u32) {
        let again = self.clock.after(Duration::from_secs(1 << attempt).into());
        let next = match attempt {
            RETRIES => Happening::GivenUp(id),
            _ => Happening::Request(id, attempt + 1),
        };
        self.clock.plan(again, next);
    }

    fn queue(&mut self, listener: u64, id: u64) {
        if let Some(connection) = self.connections.get_mut(id) {
            let end = connection.end_mut(Side::Server);
            (end.wire, end.holder) = (Wire::Established, Holder::Queue);
        }
        if let Some(listening) = self.listeners.get_mut(&listener) {
            listening.push(id);
        }
        self.came(Source::Listener(listener));
    }

    pub(super) fn answer_arrives(&mut self, id: u64) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        let end = connection.end_mut(Side::Client);
        if (end.wire, end.holder) == (Wire::Opening, Holder::Program) {
            end.wire = Wire::Established;
            self.went(Source::End(EndId::client(id)));
        }
    }

    pub(super) fn attempt_fails(&mut self, id: u64, error: i32) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        let end = connection.end_mut(Side::Client);
        (end.wire, end.error) = (Wire::Broken, Some(error));
        self.rouse(Source::End(EndId::client(id)));
    }

    pub(super) fn accept(&mut self, listener: u64) -> io::Result<EndId> {
        self.fault(self.faults.interrupted, libc::EINTR)?;
        self.fault(self.faults.no_descriptor, libc::EMFILE)?;
        // Linux takes the descriptor first, so a process that has none left is told even if nobody
        // waits.
        self.descriptors.open()?;
        let id = self.accept_with_descriptor(listener);
        id.inspect_err(|_| self.descriptors.open -= 1)
    }

    fn accept_with_descriptor(&mut self, listener: u64) -> io::Result<EndId> {
        if self.dice.happens(self.faults.would_block) {
            return Err(self.accept_would_block(listener));
        }
        let id = EndId::server(self.pop(listener)?);
        if self.dice.happens(self.faults.aborted_accept) {
            self.held(id).end_mut(Side::Server).holder = Holder::Gone;
            self.send_reset(id);
            self.forget_if_unnoticed(id.connection());
            return Err(errno(libc::ECONNABORTED));
        }
        self.held(id).end_mut(Side::Server).holder = Holder::Program;
        Ok(id)
    }

    /// Takes one connection off the queue with the reserve descriptor, to be closed.
    pub(super) fn accept_with_reserve(&mut self, listener: u64) -> io::Result<EndId> {
        self.fault(self.faults.failed_shed, libc::EMFILE)?;
        let id = EndId::server(self.pop(listener)?);
        self.held(id).end_mut(Side::Server).holder = Holder::Program;
        self.descriptors.open += 1;
        Ok(id)
    }

    /// Takes the first connection off the queue; when there is none, the next one is reported.
    fn pop(&mut self, listener: u64) -> io::Result<u64> {
        let popped = self.listeners.get_mut(&listener).and_then(Listening::pop);
        popped.ok_or_else(|| self.accept_would_block(listener))
    }

    /// Whether a connection waits; when none does, the next one is reported.
    pub(super) fn connection_waits(&mut self, listener: u64) -> bool {
        let listening = self.listeners.get(&listener);
        let is_ready = listening.is_some_and(|listening| listening.level().readable);
        let waits = is_ready && !self.dice.happens(self.faults.would_block);
        if !waits {
            self.watching(Source::Listener(listener), Way::Read, Watch::would_block);
        }
        waits
    }

    fn accept_would_block(&mut self, listener: u64) -> io::Error {
        self.watching(Source::Listener(listener), Way::Read, Watch::would_block);
        errno(libc::EAGAIN)
    }
}
