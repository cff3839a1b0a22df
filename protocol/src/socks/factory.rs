//! [`SocksFactory`]: the proxy; Twisted's `SOCKSv4Factory`.
//!
//! Invariant: what is set is set before the first connection.

use alloc::rc::Rc;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use interfaces::{Address, Deliver, Factory, ReactorTcp, ReactorTime, Resolver};

use super::connection::SocksConnection;
use super::request::SocksRequest;
use super::server_handshake::Passwords;
use crate::relay::RelayOptions;

/// The abilities of a reactor that a proxy needs. Every reactor that has them is one.
pub trait SocksReactor: ReactorTcp + ReactorTime + Resolver {}

impl<R: ReactorTcp + ReactorTime + Resolver> SocksReactor for R {}

/// Makes proxies of SOCKS 4, 4a and 5, which their first byte tells apart.
///
/// Without further options any client that can connect may go anywhere that this host can: listen on the
/// loopback, or ask for [passwords](Self::passwords), or [`authorize`](Self::authorize) requests.
///
/// A client that has not made its request within 30 s is cut off; a destination has 30 s to answer, and a
/// connection that BIND waits for 2 minutes to come. Then the pair is a [relay](crate::relay)'s, with its
/// back-pressure, half-close and time limits.
///
/// # Examples
///
/// ```
/// # use ropewalk_protocol as protocol;
/// # use std::rc::Rc;
/// # use interfaces::Factory;
/// use protocol::socks::{SocksFactory, SocksReactor};
///
/// fn proxy(reactor: Rc<dyn SocksReactor>) -> Rc<dyn Factory> {
///     SocksFactory::new(reactor)
///         .authorize(|request, address| request.port == 443 && !address.ip().is_loopback())
///         .into_rc()
/// }
/// ```
///
/// # Differences from Twisted
///
/// - Twisted has versions 4 and 4a, and its BIND fails.
/// - A request that is wrong is refused in order: another version, an unknown command, bytes behind the
///   request, or before its answer. Twisted's fails inside.
/// - BIND's second answer has the address of the peer that connected.
/// - The end of one direction is passed on, and the other one goes on; Twisted closes both.
#[derive(Clone)]
pub struct SocksFactory {
    pub(super) context: SocksContext,
}

/// The reactor and the options, which all connections of one proxy share.
#[derive(Clone)]
pub(super) struct SocksContext {
    pub(super) reactor: Rc<dyn SocksReactor>,
    pub(super) passwords: Option<Passwords>,
    pub(super) authorize: Authorize,
    pub(super) relay: RelayOptions,
    pub(super) request_time: Duration,
    pub(super) connect_time: Duration,
    pub(super) bind_time: Duration,
}

type Authorize = Rc<dyn Fn(&SocksRequest, SocketAddr) -> bool>;

impl SocksFactory {
    /// A proxy that connects and listens by this reactor.
    pub fn new(reactor: Rc<dyn SocksReactor>) -> Self {
        Self {
            context: SocksContext {
                reactor,
                passwords: None,
                authorize: Rc::new(|_, _| true),
                // A client tries again itself.
                relay: RelayOptions::default().with_retry(None),
                request_time: Duration::from_secs(30),
                connect_time: Duration::from_secs(30),
                bind_time: Duration::from_secs(120),
            },
        }
    }

    /// Asks whether a request may go to an address, before anything is opened: of a name each of its
    /// addresses, so that a name cannot lead where its address may not. Twisted's `authorize`.
    #[must_use]
    pub fn authorize(
        mut self,
        allows: impl Fn(&SocksRequest, SocketAddr) -> bool + 'static,
    ) -> Self {
        self.context.authorize = Rc::new(allows);
        self
    }

    /// Asks for a name and a password (RFC 1929), which travel as they are. Clients without are refused,
    /// those of version 4 too, which has no password.
    #[must_use]
    pub fn passwords(mut self, is_right: impl Fn(&str, &str) -> bool + 'static) -> Self {
        self.context.passwords = Some(Rc::new(is_right));
        self
    }

    /// Other time limits of the pairs. What they say of another try is left out.
    #[must_use]
    pub fn relay_options(mut self, options: RelayOptions) -> Self {
        self.context.relay = options.with_retry(None);
        self
    }

    /// Another time for a client to make its request.
    #[must_use]
    pub fn request_time(mut self, time: Duration) -> Self {
        self.context.request_time = time;
        self
    }

    /// Another time for each address of the destination to answer.
    #[must_use]
    pub fn connect_time(mut self, time: Duration) -> Self {
        self.context.connect_time = time;
        self
    }

    /// Another time for the connection that BIND waits for.
    #[must_use]
    pub fn bind_time(mut self, time: Duration) -> Self {
        self.context.bind_time = time;
        self
    }

    /// Done: what endpoints take.
    pub fn into_rc(self) -> Rc<dyn Factory> {
        Rc::new(self)
    }
}

impl Factory for SocksFactory {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        Some(SocksConnection::new(self.context.clone(), peer.clone()))
    }
}

impl fmt::Debug for SocksFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocksFactory")
            .field("asks_for_passwords", &self.context.passwords.is_some())
            .finish_non_exhaustive()
    }
}
