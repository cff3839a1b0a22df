//! The `systemd:` string; Twisted's `_SystemdParser`.
//!
//! Invariant: parsing looks at no descriptor, so that a string can be checked on any machine.

use std::rc::Rc;

use endpoints::{Argument, Arguments, ParseError, Parsed, Registry, ServerParser};
use interfaces::{ReactorSocket, StreamServerEndpoint};

use crate::{
    AdoptedStreamServerEndpoint, Domain, LISTEN_FDS_MAX, ListenFds, Notifier, Selector,
    StoredServerEndpoint,
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
        let names = ["domain", "index", "name", "otherwise"];
        let [domain, index, name, otherwise] = arguments.bind(names)?;
        let domain = parse_domain(&domain)?;
        let selector = parse_selector(&index, &name)?;
        let endpoint = match (otherwise.server()?, selector) {
            (None, selector) => self.adopted(selector, domain),
            (Some(stored), Selector::Name(name)) => self.stored(name, domain, stored.endpoint),
            (Some(_), Selector::Index(_)) => return Err(otherwise.excluded_by(&index)),
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

fn parse_domain(domain: &Argument<'_>) -> Result<Option<Domain>, ParseError> {
    let Some(name) = domain.text()? else { return Ok(None) };
    let known = Domain::from_name(name).ok_or_else(|| domain.error("INET, INET6 or UNIX"))?;
    Ok(Some(known))
}

fn parse_selector(index: &Argument<'_>, name: &Argument<'_>) -> Result<Selector, ParseError> {
    match (index.is_given(), name.is_given()) {
        (true, true) => Err(name.excluded_by(index)),
        (false, false) => Err(index.refuse("a `systemd` server needs `index` or `name`")),
        (false, true) => Ok(Selector::Name(name.required()?.into())),
        (true, false) => {
            let number = index.number(0..=u64::from(LISTEN_FDS_MAX) - 1)?;
            Ok(Selector::Index(number as usize))
        }
    }
}
