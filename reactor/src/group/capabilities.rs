//! What a [`Member`] can do: its reactor's abilities, with ports that the group shares.
//!
//! Invariant: what does not listen is the reactor's own.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use deferred::Deferred;
use interfaces::{
    Address, AddressFamily, AdoptError, ConnectTcp, ConnectUnix, DatagramTransport, DelayedCall,
    DeliverDatagram, Factory, FromThread, ListenError, ListenTcp, ListenUnix, ListeningPort,
    NotRunning, Phase, ReactorCore, ReactorSocket, ReactorTcp, ReactorThreads, ReactorTime,
    ReactorUnix, Resolver, SystemEvent, ThreadOutcome, Trigger, TriggerId,
};

use super::member::Member;
use super::runner::Spread;

impl ReactorTcp for Member {
    fn listen_tcp(
        &self,
        options: &ListenTcp,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        match self.spread() {
            Spread::FewestConnections => self.share_tcp(options, factory),
            Spread::ReusePort => self.listen_reusing(options, factory),
        }
    }

    fn connect_tcp(&self, options: &ConnectTcp, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.reactor().connect_tcp(options, factory)
    }
}

impl ReactorUnix for Member {
    fn listen_unix(
        &self,
        options: &ListenUnix,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        self.share_unix(options, factory)
    }

    fn connect_unix(&self, options: &ConnectUnix, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.reactor().connect_unix(options, factory)
    }
}

impl ReactorSocket for Member {
    fn adopt_stream_port(
        &self,
        descriptor: OwnedFd,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        self.share_adopted(descriptor, factory)
    }

    fn open_stream_port(
        &self,
        address: &Address,
        open: &mut dyn FnMut() -> Result<OwnedFd, ListenError>,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        self.share_opened(address, open, factory)
    }

    fn adopt_stream_connection(
        &self,
        descriptor: OwnedFd,
        factory: Rc<dyn Factory>,
    ) -> Result<(), AdoptError> {
        self.reactor().adopt_stream_connection(descriptor, factory)
    }

    fn adopt_datagram_port(
        &self,
        descriptor: OwnedFd,
        packet_bytes_max: usize,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, ListenError> {
        self.reactor().adopt_datagram_port(descriptor, packet_bytes_max, protocol)
    }
}

impl ReactorTime for Member {
    fn now(&self) -> Duration {
        self.reactor().now()
    }

    fn call_later(&self, delay: Duration, call: Box<dyn FnOnce()>) -> DelayedCall {
        ReactorTime::call_later(self.reactor(), delay, call)
    }

    fn delayed_calls(&self) -> Vec<DelayedCall> {
        self.reactor().delayed_calls()
    }
}

impl Resolver for Member {
    fn resolve_host_name(&self, host: &str, port: u16) -> Deferred<Vec<SocketAddr>> {
        self.reactor().resolve_host_name(host, port)
    }

    fn resolve_family(
        &self,
        host: &str,
        port: u16,
        family: AddressFamily,
    ) -> Deferred<Vec<SocketAddr>> {
        self.reactor().resolve_family(host, port, family)
    }
}

impl ReactorThreads for Member {
    fn remote(&self) -> Arc<dyn FromThread> {
        ReactorThreads::remote(self.reactor())
    }

    fn call_in_thread(&self, work: Box<dyn FnOnce() + Send>, done: Box<dyn FnOnce(ThreadOutcome)>) {
        self.reactor().call_in_thread(work, done);
    }

    fn suggest_thread_pool_size(&self, threads: usize) {
        self.reactor().suggest_thread_pool_size(threads);
    }
}

impl ReactorCore for Member {
    fn running(&self) -> bool {
        self.reactor().running()
    }

    /// Stops this member alone; [`stop_all`](Member::stop_all) stops the group.
    fn stop(&self) -> Result<(), NotRunning> {
        self.reactor().stop()
    }

    /// As [`stop`](ReactorCore::stop), this member alone.
    fn crash(&self) {
        self.reactor().crash();
    }

    fn fire_system_event(&self, event: SystemEvent) {
        self.reactor().fire_system_event(event);
    }

    fn add_system_event_trigger(
        &self,
        phase: Phase,
        event: SystemEvent,
        trigger: Trigger,
    ) -> TriggerId {
        self.reactor().add_system_event_trigger(phase, event, trigger)
    }

    fn remove_system_event_trigger(&self, id: TriggerId) -> bool {
        self.reactor().remove_system_event_trigger(id)
    }

    fn call_when_running(&self, call: Box<dyn FnOnce()>) {
        self.reactor().call_when_running(call);
    }
}
