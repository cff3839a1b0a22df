//! The outgoing side of a request, as the endpoint of its pair.
//!
//! Invariant: nothing is opened before the address is known and allowed.

use alloc::rc::{Rc, Weak};
use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::net::SocketAddr;

use deferred::{CancelHandle, Deferred, Failure};
use interfaces::{Address, ConnectTcp, Factory, StreamClientEndpoint, Transport};

use super::accept_one::accept_one;
use super::answer::Refusal;
use super::connection::SocksConnection;
use super::factory::SocksReactor;
use super::request::{SocksCommand, SocksHost, SocksRequest, SocksVersion};

/// Connects to the destination, or accepts a connection from it.
pub(super) struct SocksDial {
    connection: Weak<SocksConnection>,
    request: SocksRequest,
}

impl SocksDial {
    pub(super) fn new(connection: &Rc<SocksConnection>, request: SocksRequest) -> Self {
        Self { connection: Rc::downgrade(connection), request }
    }
}

/// The address that a grant tells: of CONNECT in version 5 the proxy's own one of the new connection, and
/// otherwise the peer's, as in Twisted.
pub(super) fn address_of_grant(
    request: (SocksVersion, SocksCommand),
    transport: &dyn Transport,
) -> Address {
    match request {
        (SocksVersion::V5, SocksCommand::Connect) => transport.host(),
        (SocksVersion::V4, _) | (_, SocksCommand::Bind) => transport.peer(),
    }
}

impl StreamClientEndpoint for SocksDial {
    /// Fires when the connection is made. It does not fail, for a pair aborts its other side then: a client
    /// is told, and the end of its connection cancels this.
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        let Some(connection) = self.connection.upgrade() else {
            return Deferred::fail(deferred::Cancelled);
        };
        let working = Rc::<RefCell<Option<CancelHandle>>>::default();
        let handle = working.clone();
        let (connected, promise) = Deferred::with_canceller(move || {
            let handle = handle.take();
            if let Some(handle) = handle {
                handle.cancel();
            }
            None
        });
        let work = find(&connection, &self.request, factory);
        working.replace(Some(work.cancel_handle()));
        let _told = work.add_both(move |result| {
            match result {
                Ok(()) => promise.callback(()),
                Err(failure) => {
                    // One that was cancelled has no client any more.
                    let refusal = match failure.downcast_ref::<NotAllowed>() {
                        Some(NotAllowed) => Refusal::NotAllowed,
                        None => Refusal::of(&failure),
                    };
                    if connection.is_answering() {
                        connection.refuse(refusal, Some(promise));
                    }
                }
            }
            Ok::<_, Failure>(())
        });
        connected
    }
}

/// Resolves, asks whether it is allowed, and connects or accepts.
fn find(
    connection: &Rc<SocksConnection>,
    request: &SocksRequest,
    factory: Rc<dyn Factory>,
) -> Deferred<()> {
    let context = connection.context.clone();
    let addresses = match &request.host {
        SocksHost::Ip(ip) => Deferred::succeed(vec![SocketAddr::new(*ip, request.port)]),
        SocksHost::Name(name) => context.reactor.resolve_host_name(name, request.port),
    };
    let (connection, request) = (Rc::downgrade(connection), request.clone());
    addresses.add_callback(move |mut addresses| {
        addresses.retain(|address| (context.authorize)(&request, *address));
        let Some(connection) = connection.upgrade().filter(|_| !addresses.is_empty()) else {
            return Deferred::fail(NotAllowed);
        };
        match request.command {
            SocksCommand::Connect => {
                addresses.reverse();
                try_each(context.reactor.clone(), context.connect_time, addresses, factory)
            }
            SocksCommand::Bind => accept_one(&connection, addresses, factory),
        }
    })
}

/// Connects to the last address, and if that fails to the one before it, and so on.
fn try_each(
    reactor: Rc<dyn SocksReactor>,
    time: core::time::Duration,
    mut addresses: Vec<SocketAddr>,
    factory: Rc<dyn Factory>,
) -> Deferred<()> {
    let Some(address) = addresses.pop() else { return Deferred::fail(NotAllowed) };
    let options = ConnectTcp::new(address).with_timeout(time);
    let trying = reactor.connect_tcp(&options, factory.clone());
    trying.add_errback(move |failure: Failure| {
        if addresses.is_empty() || failure.check::<deferred::Cancelled>() {
            return Deferred::fail(failure);
        }
        try_each(reactor, time, addresses, factory)
    })
}

/// No address of the request is allowed.
#[derive(Clone, Copy, Debug)]
struct NotAllowed;

impl core::fmt::Display for NotAllowed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the request is not allowed")
    }
}

impl core::error::Error for NotAllowed {}
