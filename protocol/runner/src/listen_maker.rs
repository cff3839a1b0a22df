//! [`ListenMaker`]: a subcommand that serves a factory wherever `--listen` says; Twisted's web plugin has
//! such an option.
//!
//! Invariant: every endpoint is parsed before one is opened.

use std::fmt;
use std::rc::Rc;

use endpoints::Registry;
use interfaces::Factory;
use protocol::service::Service;

use crate::{MakeError, ServiceMaker};

/// The endpoint without an option, which is Twisted's.
const LISTEN: &str = "tcp:8080";

/// Serves a factory on endpoints: `--listen ENDPOINT`, once or several times, or a default.
pub struct ListenMaker<R> {
    name: String,
    description: String,
    default: String,
    make: Box<dyn Fn(&R) -> (Registry, Rc<dyn Factory>)>,
}

impl<R> ListenMaker<R> {
    /// A subcommand of this name. `make` is called once, with the reactor.
    pub fn new(
        name: impl Into<String>,
        description: impl Into<String>,
        make: impl Fn(&R) -> (Registry, Rc<dyn Factory>) + 'static,
    ) -> Self {
        let (name, description) = (name.into(), description.into());
        Self { name, description, default: LISTEN.into(), make: Box::new(make) }
    }

    /// With another endpoint than `tcp:8080` where there is no option.
    #[must_use]
    pub fn default_listen(mut self, endpoint: impl Into<String>) -> Self {
        self.default = endpoint.into();
        self
    }

    fn listens(&self, arguments: &[String]) -> Result<Vec<String>, MakeError> {
        let mut listens = Vec::new();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let value = match argument.strip_prefix("--listen") {
                Some("") => arguments.next().cloned(),
                Some(value) if value.starts_with('=') => Some(value[1..].into()),
                _ => return Err(MakeError::Usage(format!("Unknown option: {argument}"))),
            };
            match value {
                Some(value) => listens.push(value),
                None => return Err(MakeError::Usage("--listen needs an endpoint".into())),
            }
        }
        if listens.is_empty() {
            listens.push(self.default.clone());
        }
        Ok(listens)
    }
}

impl<R> ServiceMaker<R> for ListenMaker<R> {
    fn name(&self) -> &str {
        &self.name
    }

    fn description(&self) -> &str {
        &self.description
    }

    fn usage(&self) -> String {
        format!("  --listen ENDPOINT  Listen there, as often as it is given: {}\n", self.default)
    }

    fn make_service(
        &self,
        reactor: &R,
        arguments: &[String],
    ) -> Result<Rc<dyn Service>, MakeError> {
        let listens = self.listens(arguments)?;
        let (registry, factory) = (self.make)(reactor);
        let services = endpoints::services(&registry, listens, factory)
            .map_err(|error| MakeError::Usage(error.report()))?;
        Ok(Rc::new(services))
    }
}

impl<R> fmt::Debug for ListenMaker<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListenMaker")
            .field("name", &self.name)
            .field("default", &self.default)
            .finish_non_exhaustive()
    }
}
