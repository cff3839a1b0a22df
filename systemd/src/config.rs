//! [`SystemdServerConfig`]: the strings of kind `systemd`, as a value.
//!
//! Invariant: no descriptor is looked at.

use std::rc::Rc;

use endpoints::{
    Argument, Arguments, EndpointConfig, ParseError, Registry, ServerString, Side, Value,
    endpoint_config,
};
use interfaces::StreamServerEndpoint;

use crate::{Domain, LISTEN_FDS_MAX, Selector};

const NAMES: [&str; 4] = ["domain", "index", "name", "otherwise"];

/// A string of a server of kind `systemd`.
///
/// # Examples
///
/// ```
/// use ropewalk_systemd::{Domain, SystemdServerConfig};
///
/// let mut server: SystemdServerConfig = "systemd:name=web".parse()?;
/// server.domain = Some(Domain::Unix);
/// assert_eq!(server.to_string(), "systemd:domain=UNIX:name=web");
/// # Ok::<(), endpoints::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SystemdServerConfig {
    /// The family that the socket has to be of. Default any.
    pub domain: Option<Domain>,
    /// Which of the inherited sockets it is.
    pub selector: Selector,
    /// The server to listen on where no socket of the name was inherited; then the service manager keeps its socket.
    pub otherwise: Option<ServerString>,
}

impl SystemdServerConfig {
    /// The sockets of this place or name, of any family.
    pub fn new(selector: Selector) -> Self {
        Self { domain: None, selector, otherwise: None }
    }

    /// The endpoint, of a registry that knows `systemd`.
    ///
    /// # Errors
    ///
    /// [`ParseError`], at its place in the string that the value prints.
    pub fn server(&self, registry: &Registry) -> Result<Rc<dyn StreamServerEndpoint>, ParseError> {
        registry.server(&self.endpoint_string()?)
    }

    /// The value, and the argument of the endpoint that it listens on otherwise.
    pub(crate) fn read_with<'s>(
        arguments: &'s Arguments<'_>,
    ) -> Result<(Self, Argument<'s>), ParseError> {
        let [domain, index, name, otherwise] = arguments.bind(NAMES)?;
        let (domain, selector) = (read_domain(&domain)?, read_selector(&index, &name)?);
        let stored = otherwise.server_string()?;
        if stored.is_some() && matches!(selector, Selector::Index(_)) {
            return Err(otherwise.excluded_by(&index));
        }
        Ok((Self { domain, selector, otherwise: stored }, otherwise))
    }
}

fn read_domain(domain: &Argument<'_>) -> Result<Option<Domain>, ParseError> {
    let Some(name) = domain.text()? else { return Ok(None) };
    let known = Domain::from_name(name).ok_or_else(|| domain.error("INET, INET6 or UNIX"))?;
    Ok(Some(known))
}

fn read_selector(index: &Argument<'_>, name: &Argument<'_>) -> Result<Selector, ParseError> {
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

impl EndpointConfig for SystemdServerConfig {
    const SIDE: Side = Side::Server;
    const KINDS: &'static [&'static str] = &["systemd"];

    fn read(arguments: &mut Arguments<'_>) -> Result<Self, ParseError> {
        Ok(Self::read_with(arguments)?.0)
    }

    fn arguments(&self) -> Vec<(&'static str, Value)> {
        let (index, name) = match &self.selector {
            Selector::Index(index) => (Value::Number(*index as u64), None),
            Selector::Name(name) => (Value::Absent, Some(&**name)),
        };
        let values = [
            Value::text_or_absent(self.domain.map(Domain::name)),
            index,
            Value::text_or_absent(name),
            Value::text_or_absent(self.otherwise.as_ref().map(ServerString::as_str)),
        ];
        NAMES.into_iter().zip(values).collect()
    }
}

endpoint_config!(SystemdServerConfig, ServerString);
