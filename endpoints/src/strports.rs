//! Services from strings; Twisted's `twisted.application.strports`.
//!
//! Invariant: nothing is opened before the service is started.

use alloc::rc::Rc;

use interfaces::Factory;
use protocol::service::{MultiService, StreamServerEndpointService};

use crate::{ParseError, Registry};

/// A service that listens on the endpoint that the string describes, while it runs, with protocols of the
/// factory. Twisted's `strports.service`.
///
/// A port that cannot be opened fails the start of the service.
///
/// # Errors
///
/// [`ParseError`].
///
/// # Examples
///
/// ```no_run
/// # use ropewalk_endpoints as endpoints;
/// # use std::rc::Rc;
/// # use deferred::Failure;
/// # use interfaces::{Factory, ReactorCore};
/// use endpoints::Registry;
/// use protocol::service::Service as _;
///
/// # fn program(registry: &Registry, factory: Rc<dyn Factory>) -> Result<(), Failure> {
/// let service = endpoints::service(registry, "tcp:8080:interface=127.0.0.1", factory)?;
/// service.start_service()?;
/// # Ok(())
/// # }
/// ```
///
/// # Differences from Twisted
///
/// The registry, and with it the reactor, is always given.
#[doc(alias = "strports")]
pub fn service(
    registry: &Registry,
    description: &str,
    factory: Rc<dyn Factory>,
) -> Result<StreamServerEndpointService, ParseError> {
    let endpoint = registry.server(description)?;
    Ok(StreamServerEndpointService::new(endpoint, factory))
}

/// A service of [one](service) for each string, which start and stop together.
///
/// # Errors
///
/// [`ParseError`] of the first string that is wrong.
pub fn services<S: AsRef<str>>(
    registry: &Registry,
    descriptions: impl IntoIterator<Item = S>,
    factory: Rc<dyn Factory>,
) -> Result<MultiService, ParseError> {
    let services = MultiService::new();
    for description in descriptions {
        let service = service(registry, description.as_ref(), factory.clone())?;
        // Neither is it a child already, nor does the parent run.
        let _ = services.add_service(Rc::new(service));
    }
    Ok(services)
}
