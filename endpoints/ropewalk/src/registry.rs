//! The registry that knows every kind of endpoint of this build; Twisted's plugin look-up.
//!
//! Invariant: features add kinds and change no signature, so that turning one on breaks no caller.

use std::rc::Rc;

use endpoints::{
    HttpConnectClientParser, Registry, SocksClientParser, SrvClientParser, StdioServerParser,
    VsockClientParser, VsockServerParser,
};
use interfaces::{
    ReactorFdSet, ReactorSocket, ReactorStdio, ReactorTcp, ReactorTime, ReactorUdp, ReactorUnix,
    Resolver,
};

/// Every ability of a reactor that some kind of endpoint needs.
///
/// Implemented for everything that has them, so nothing needs to implement it by hand.
pub trait EndpointReactor:
    ReactorTcp
    + ReactorUnix
    + ReactorUdp
    + ReactorSocket
    + ReactorFdSet
    + ReactorStdio
    + ReactorTime
    + Resolver
    + 'static
{
}

impl<R> EndpointReactor for R where
    R: ReactorTcp
        + ReactorUnix
        + ReactorUdp
        + ReactorSocket
        + ReactorFdSet
        + ReactorStdio
        + ReactorTime
        + Resolver
        + 'static
{
}

/// A registry that knows `tcp`, `tcp6`, `unix`, `vsock`, `haproxy` and `sni`, servers of kind `stdio`, clients of kind
/// `srv`, `socks5` and `http-connect`, with the feature `tls` also
/// `ssl` and `tls`, and with the feature `systemd` also `systemd`.
///
/// Clients of kind `process` are not among them, as a program that knows these runs whatever its configuration
/// says: [`ProcessClientParser`](endpoints::ProcessClientParser) adds them.
///
/// With `systemd` it takes over the descriptors that the environment announces to this process
/// ([`ListenFds::from_environment`](systemd::ListenFds::from_environment)). When the announcement is
/// wrong, listening on a `systemd:` endpoint fails with the reason, and all else works.
///
/// # Examples
///
/// ```
/// let reactor = ropewalk::reactor::Reactor::new()?;
/// let registry = ropewalk::registry(reactor);
/// let kinds: Vec<_> = registry.server_kinds().collect();
/// assert!(kinds.contains(&"unix"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn registry(reactor: impl EndpointReactor) -> Registry {
    #[cfg(feature = "systemd")]
    {
        use systemd::ListenFds;
        let inherited = ListenFds::from_environment().unwrap_or_else(ListenFds::unavailable);
        registry_with_inherited(reactor, inherited)
    }
    #[cfg(not(feature = "systemd"))]
    with_own_sockets(Rc::new(reactor))
}

/// [`registry`], with the descriptors that `systemd:` endpoints listen on taken over before. For a
/// program that takes them over before it opens anything, or takes none.
#[cfg(feature = "systemd")]
pub fn registry_with_inherited(
    reactor: impl EndpointReactor,
    inherited: systemd::ListenFds,
) -> Registry {
    let reactor = Rc::new(reactor);
    systemd::register(with_own_sockets(Rc::clone(&reactor)), reactor, inherited)
}

/// The kinds whose sockets the reactor opens itself.
fn with_own_sockets(reactor: Rc<impl EndpointReactor>) -> Registry {
    let registry = Registry::standard(Rc::clone(&reactor))
        .with_server(StdioServerParser::new(Rc::clone(&reactor)))
        .with_client(SrvClientParser::new(Rc::clone(&reactor)))
        .with_client(SocksClientParser::new(Rc::clone(&reactor)))
        .with_client(HttpConnectClientParser::new(Rc::clone(&reactor)))
        .with_server(VsockServerParser::new(Rc::clone(&reactor)))
        .with_client(VsockClientParser::new(Rc::clone(&reactor)));
    let registry = endpoints::haproxy::register(registry, Rc::clone(&reactor));
    let registry = endpoints::sni::register(registry, Rc::clone(&reactor));
    #[cfg(feature = "tls")]
    let registry = tls::register(registry, reactor);
    registry
}
