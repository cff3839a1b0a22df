//! The kind `haproxy` of endpoint strings: the rest of the string is the endpoint that it wraps.
//!
//! | | by name, before the wrapped kind | |
//! |---|---|---|
//! | server | `trust` (loopback,unix) | addresses, prefixes, `loopback`, `unix`, with commas between |
//! | | `timeout` (5) | the time that a header has |
//! | client | `version` (2) | the header's form, 1 or 2 |
//! | | `crc32c` (0) | whether a header of version 2 has a checksum |
//!
//! Invariant: what is behind the wrapped kind is its own, and so is every name before it but these.

use alloc::rc::Rc;

use interfaces::{Address, ReactorTime, StreamClientEndpoint, StreamServerEndpoint};

use super::{ProxyClientConfig, ProxyServerConfig};
use super::{ProxyClientEndpoint, ProxyRefusal, ProxyServerEndpoint};
use crate::preread::RefusalObserver;
use crate::{Arguments, ClientParser, ParseError, Parsed, Registry, ServerParser};

/// The kind, and the name of the layer.
const KIND: &str = "haproxy";

/// Adds the kind `haproxy`, server and client, to a registry.
///
/// ```
/// # use ropewalk_endpoints::{Registry, haproxy};
/// # fn example(registry: Registry, reactor: impl interfaces::ReactorTime + 'static) {
/// let registry = haproxy::register(registry, reactor);
/// let server = registry.server(r"haproxy:trust=10.0.0.0/8,fd00\:\:/8:tcp:80");
/// let client = registry.client("haproxy:version=1:tcp:192.0.2.1:80");
/// # }
/// ```
///
/// # Differences from Twisted
///
/// - Only peers in `trust` may send a header: unless it is given, this machine alone. The header has the
///   time `timeout`.
/// - There is a client.
/// - The wrapped string is taken as it stands: an escaped `=` is not lost.
pub fn register(registry: Registry, clock: impl ReactorTime + 'static) -> Registry {
    register_with_observer(registry, clock, |_, _| {})
}

/// As [`register`], with an observer that is called with the peer of each connection that a server
/// refuses, as [`ProxyFactory::with_observer`](super::ProxyFactory::with_observer) has it.
pub fn register_with_observer(
    registry: Registry,
    clock: impl ReactorTime + 'static,
    observer: impl Fn(&Address, ProxyRefusal) + 'static,
) -> Registry {
    let server = ProxyServerParser { clock: Rc::new(clock), observer: Rc::new(observer) };
    registry.with_server(server).with_client(ProxyClientParser)
}

struct ProxyServerParser {
    clock: Rc<dyn ReactorTime>,
    observer: RefusalObserver<ProxyRefusal>,
}

struct ProxyClientParser;

impl ServerParser for ProxyServerParser {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn examples(&self) -> &'static [&'static str] {
        &["haproxy:tcp:80", r"haproxy:trust=10.0.0.0/8:tcp:80"]
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let (config, wrapped) = ProxyServerConfig::read_around(&arguments)?;
        let inner = wrapped.server()?;
        let (clock, observer) = (self.clock.clone(), self.observer.clone());
        let endpoint = ProxyServerEndpoint::shared(inner.endpoint, clock, observer);
        let endpoint = Rc::new(endpoint.with_options(config.options));
        Ok(arguments.parsed_around(endpoint, KIND, inner.description))
    }
}

impl ClientParser for ProxyClientParser {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn examples(&self) -> &'static [&'static str] {
        &["haproxy:tcp:192.0.2.1:80", "haproxy:version=1:tcp:192.0.2.1:80"]
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let (config, wrapped) = ProxyClientConfig::read_around(&arguments)?;
        let inner = wrapped.client()?;
        let endpoint =
            Rc::new(ProxyClientEndpoint::new(inner.endpoint).with_options(config.options));
        Ok(arguments.parsed_around(endpoint, KIND, inner.description))
    }
}
