//! How a client's side begins: connect and the handshake.
//!
//! Invariant: a connect that fails leaves no port, descriptor or connection behind.

use std::io;
use std::time::Duration;

use interfaces::{Address, ConnectTcp, UnixAddress};

use super::clock::NetworkEvent;
use super::connection::{Connection, End, Family, Holder, Wire};
use super::ids::{ConnectionId, EndId, ListenerId, Side, Source};
use super::kind::ChoiceKind;
use super::links::Link;
use super::listener::ListenerState;
use super::names::{Name, destination};
use super::nanos::Nanos;
use super::options::check_device;
use super::pipe::Pipe;
use super::trace::SystemCall;
use super::world::{World, errno};
use crate::sys::ConnectFault;

/// How often a request is sent again, after 1, 2, 4… seconds, as on Linux (`tcp_syn_retries`).
const RETRIES: u32 = 6;

impl World {
    pub(super) fn connect_tcp(&mut self, options: &ConnectTcp) -> Result<EndId, ConnectFault> {
        let begun = self.begin_tcp(options);
        let answer = match &begun {
            Ok(id) => id.connection().answer(),
            Err(
                ConnectFault::Device(error)
                | ConnectFault::Bind(error)
                | ConnectFault::Connect(error),
            ) => -i64::from(error.raw_os_error().unwrap_or(i32::MAX)),
        };
        self.trace.note(self.clock.now(), SystemCall::Connect, 0, answer);
        begun
    }

    fn begin_tcp(&mut self, options: &ConnectTcp) -> Result<EndId, ConnectFault> {
        let peer = destination(options.address);
        let local = options.bind_address.unwrap_or_else(|| {
            let mut local = peer;
            local.set_port(0);
            local
        });
        self.fault(ChoiceKind::Interrupted, self.faults.interrupted, libc::EINTR)
            .map_err(ConnectFault::Connect)?;
        check_device(&options.options).map_err(ConnectFault::Device)?;
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
        let id = self.new_connection(Family::Tcp, names, Wire::Opening, Holder::Pending);
        self.held(EndId::client(id)).end_mut(Side::Client).set_options(&options.options);
        self.send_request(id, 0);
        Ok(EndId::client(id))
    }

    pub(super) fn connect_unix(&mut self, address: &UnixAddress) -> io::Result<EndId> {
        let begun = self.begin_unix(address);
        self.noted(SystemCall::Connect, 0, begun, |id| id.connection().answer())
    }

    fn begin_unix(&mut self, address: &UnixAddress) -> io::Result<EndId> {
        self.fault(ChoiceKind::Interrupted, self.faults.interrupted, libc::EINTR)?;
        let name = Name::of_unix(address).ok_or_else(|| errno(libc::EINVAL))?;
        if address.excess_length().is_some() {
            return Err(errno(libc::ENAMETOOLONG));
        }
        let listener = self.find_unix(&name)?;
        if self.listeners.get(&listener).is_none_or(ListenerState::is_full) {
            return Err(errno(libc::EAGAIN));
        }
        self.descriptors.open()?;
        let names = [Address::from(UnixAddress::Unnamed), Address::from(address.clone())];
        let id = self.new_connection(Family::Unix, names, Wire::Established, Holder::Pending);
        self.queue(listener, id);
        Ok(EndId::client(id))
    }

    fn find_unix(&self, name: &Name) -> io::Result<ListenerId> {
        self.names.find(name).ok_or_else(|| match name {
            Name::Path(path) if !self.names.leftovers.contains_key(path) => errno(libc::ENOENT),
            Name::Path(_) | Name::Abstract(_) | Name::Tcp(_) => errno(libc::ECONNREFUSED),
        })
    }

    fn new_connection(
        &mut self,
        family: Family,
        [client, server]: [Address; 2],
        wire: Wire,
        server_holder: Holder,
    ) -> ConnectionId {
        let link = Link::chosen(&self.links, family, &mut self.choices);
        let mut buffer = || self.choices.size(ChoiceKind::Buffer, &self.links.buffer);
        let pipes = [Pipe::new(buffer(), buffer()), Pipe::new(buffer(), buffer())];
        let ends = [End::new(client, wire, Holder::Program), End::new(server, wire, server_holder)];
        self.fault_counts.begin();
        let id = self.connections.insert(Connection::new(family, link, ends, pipes));
        self.remember(id);
        id
    }

    /// Puts a request on the wire.
    fn send_request(&mut self, id: ConnectionId, attempt: u32) {
        let Some(connection) = self.connections.get(id) else { return };
        let time = self.clock.after(connection.link.latency(&mut self.choices));
        self.clock.schedule(time, NetworkEvent::Request(id, attempt));
    }

    pub(super) fn request_arrives(&mut self, id: ConnectionId, attempt: u32) {
        let Some(connection) = self.connections.get(id) else { return };
        let Some(address) = connection.end(Side::Server).name.as_socket_addr() else { return };
        let answer = self.clock.after(connection.link.latency(&mut self.choices));
        let client = connection.end(Side::Client).name.as_socket_addr().map(|client| client.ip());
        let is_cut = client.is_some_and(|client| self.names.is_cut(client, address.ip()));
        if is_cut || self.names.black_holes.contains(&address.ip()) {
            return self.request_is_lost(id, attempt);
        }
        match self.names.find(&Name::Tcp(address)) {
            None => self.clock.schedule(answer, NetworkEvent::Refused(id)),
            Some(listener) if self.listeners.get(&listener).is_none_or(ListenerState::is_full) => {
                self.request_is_lost(id, attempt);
            }
            Some(listener) => {
                self.clock.schedule(answer, NetworkEvent::Established(id));
                // No segment may overtake the answer.
                if let Some(connection) = self.connections.get_mut(id) {
                    connection.outgoing(Side::Server).next_arrival(answer, Nanos::ZERO);
                }
                self.queue(listener, id);
            }
        }
    }

    /// The client asks again after twice the time, or gives up.
    fn request_is_lost(&mut self, id: ConnectionId, attempt: u32) {
        let again = self.clock.after(Duration::from_secs(1 << attempt).into());
        let next = match attempt {
            RETRIES => NetworkEvent::GivenUp(id),
            _ => NetworkEvent::Request(id, attempt + 1),
        };
        self.clock.schedule(again, next);
    }

    pub(super) fn answer_arrives(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        let end = connection.end_mut(Side::Client);
        if (end.wire, end.holder) == (Wire::Opening, Holder::Program) {
            end.wire = Wire::Established;
            self.became_writable(Source::End(EndId::client(id)));
        }
    }

    pub(super) fn attempt_fails(&mut self, id: ConnectionId, error: i32) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        let end = connection.end_mut(Side::Client);
        (end.wire, end.error) = (Wire::Broken, Some(error));
        self.rearm(Source::End(EndId::client(id)));
    }
}
