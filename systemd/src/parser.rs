//! The `systemd:` string; Twisted's `_SystemdParser`.
//!
//! Invariant: parsing looks at no descriptor, so that a string can be checked on any machine.

use std::rc::Rc;

use endpoints::{Arguments, ParseError, Parsed, Registry, ServerParser};
use interfaces::{ReactorSocket, StreamServerEndpoint};

use crate::{
    AdoptedStreamServerEndpoint, Domain, ListenFds, Notifier, Selector, StoredServerEndpoint,
    SystemdServerConfig,
};

/// Adds `systemd:` servers to a registry: `systemd:domain=INET:index=0`, `systemd:name=web`.
///
/// | argument | means | default |
/// |---|---|---|
/// | `domain` | `INET`, `INET6` or `UNIX`, which the socket has to be | any of them |
/// | `index` | its place among the inherited ones, from 0 | |
/// | `name` | the name of one or several, which are one port | |
/// | `otherwise` | a server string, to listen on where none of that name was inherited; the service manager keeps its socket for the next process ([`StoredServerEndpoint`]) | |
///
/// By position they come in this order. Exactly one of `index` and `name` is given.
///
/// # Differences from Twisted
///
/// `domain` may be left out, and `otherwise` is new. Of several sockets of one name Twisted listens on the
/// last one. A negative index, which Twisted counts from the end, is an error.
/// `listen` checks that the descriptor exists and is of that family; parsing does not.
pub fn register(
    registry: Registry,
    reactor: impl ReactorSocket + 'static,
    inherited: ListenFds,
) -> Registry {
    registry.with_server(SystemdParser { reactor: Rc::new(reactor), inherited })
}

/// Reads `systemd:` strings, for [`register`].
struct SystemdParser {
    reactor: Rc<dyn ReactorSocket>,
    inherited: ListenFds,
}

impl ServerParser for SystemdParser {
    fn kind(&self) -> &'static str {
        "systemd"
    }

    fn examples(&self) -> &'static [&'static str] {
        &["systemd:name=web", "systemd:index=0", r"systemd:name=web:otherwise=tcp\:80"]
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let (config, otherwise) = SystemdServerConfig::read_with(&arguments)?;
        let SystemdServerConfig { domain, selector, .. } = config;
        let endpoint = match (otherwise.server()?, selector) {
            (Some(stored), Selector::Name(name)) => self.stored(name, domain, stored.endpoint),
            (_, selector) => self.adopted(selector, domain),
        };
        Ok(arguments.parsed(endpoint, ["systemd"]))
    }
}

impl SystemdParser {
    fn adopted(&self, selector: Selector, domain: Option<Domain>) -> Rc<dyn StreamServerEndpoint> {
        let (reactor, inherited) = (self.reactor.clone(), self.inherited.clone());
        Rc::new(AdoptedStreamServerEndpoint::new(reactor, inherited, selector, domain))
    }

    fn stored(
        &self,
        name: String,
        domain: Option<Domain>,
        otherwise: Rc<dyn StreamServerEndpoint>,
    ) -> Rc<dyn StreamServerEndpoint> {
        let (reactor, inherited) = (self.reactor.clone(), self.inherited.clone());
        let name = (name, domain);
        Rc::new(StoredServerEndpoint::new(
            reactor,
            inherited,
            name,
            otherwise,
            Notifier::from_environment,
        ))
    }
}
