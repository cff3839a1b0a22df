//! The kinds of endpoints that every subcommand has, and what is told of their files and their clients.
//!
//! Invariant: what listens does so by the shared reactor, so that several workers have one port.

use deferred::Chain;
use endpoints::{
    HttpConnectClientParser, ProcessClientParser, Registry, SocksClientParser, SrvClientParser,
    StdioServerParser, VsockClientParser, VsockServerParser, haproxy, sni,
};
use interfaces::{Address, ReactorSocket, ReactorTcp, ReactorTime, ReactorUnix, Resolver};
use reactor::Reactor;
use ropewalk::tls::{Renewal, TlsStrings};

use crate::log::Kind;
use crate::report;

/// The kinds of endpoints that no feature adds. `own` is the worker's own reactor, for all that opens no shared port;
/// `sockets` shares the ports of kinds that are no TCP and no UNIX socket.
/// A client whose first bytes are refused is told.
pub(crate) fn standard(
    reactor: &(impl ReactorTcp + ReactorUnix + ReactorTime + Resolver + Clone + 'static),
    own: &Reactor,
    sockets: impl ReactorSocket + 'static,
) -> Registry {
    let registry = Registry::standard(reactor.clone())
        .with_client(SrvClientParser::new(own.clone()))
        .with_client(ProcessClientParser::new(own.clone()))
        .with_client(SocksClientParser::new(reactor.clone()))
        .with_client(HttpConnectClientParser::new(reactor.clone()))
        .with_client(VsockClientParser::new(own.clone()))
        .with_server(VsockServerParser::new(sockets))
        .with_server(StdioServerParser::new(own.clone()));
    let registry = haproxy::register_with_observer(registry, reactor.clone(), |peer, refusal| {
        refused(Kind::Proxy, peer, &refusal);
    });
    sni::register_with_observer(registry, reactor.clone(), |peer, refusal| {
        refused(Kind::Hello, peer, &refusal);
    })
}

fn refused(kind: Kind, peer: &Address, refusal: &(dyn std::error::Error + 'static)) {
    let chain = Chain(refusal);
    report::repeated(kind, format_args!("warning: refused the connection of {peer}: {chain}"));
}

/// The kinds of TLS. What is not used of a file of certificates is told, and that certificates were renewed.
pub(crate) fn strings() -> TlsStrings {
    TlsStrings::new()
        .with_observer(|told| {
            report::repeated(Kind::Files, format_args!("warning: {}", Chain(told)));
        })
        .with_renewal_observer(tell_renewal)
}

/// Tells the outcome of a look at the files of certificates.
pub(crate) fn tell_renewal(renewal: &Renewal) {
    match renewal {
        Renewal::Refused(_) => {
            report::repeated(Kind::Files, format_args!("warning: {renewal}"));
        }
        _ => report::note(renewal),
    }
}
