//! Connecting to a service; Twisted's `SRVConnector`.
//!
//! Invariant: one place is tried at a time, and none after the connect was cancelled.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::{self, Vec};
use core::fmt;
use core::time::Duration;

use deferred::{Deferred, Failure};
use interfaces::{
    Address, ConnectError, Factory, FailedAddress, ReactorTcp, ReactorTime, Resolver,
    StreamClientEndpoint, TcpOptions,
};

use super::random::Random;
use super::selection::ordered;
use super::{ServiceError, ServiceRecord, ServiceResolver};
use crate::hostname::is_final;
use crate::tcp_reactor::ClientReactor;
use crate::{BindAddress, Host, TcpClientEndpoint};

/// The most places that are tried.
const PLACES_MAX: usize = 32;

/// A service to connect to, as `_imaps._tcp.example.com`, over TCP.
///
/// Its SRV records are looked up for each connect. The places are tried by priority, and within one in an
/// order that is drawn by weight, each with Happy Eyeballs, until one connects.
///
/// # Errors
///
/// `connect` fails with [`ServiceError`]; or with [`ConnectError::AllFailed`], which lists each place.
/// Cancelling ends the look-up or the attempts.
#[doc(alias = "SRVConnector")]
pub struct SrvClientEndpoint {
    services: Rc<dyn ServiceResolver>,
    service: Rc<str>,
    /// With the options of each attempt.
    template: TcpClientEndpoint,
    random: Rc<Random>,
}

impl SrvClientEndpoint {
    /// Connects to the service of this name, which `services` looks up.
    pub fn new(
        reactor: impl ReactorTcp + Resolver + ReactorTime + 'static,
        services: impl ServiceResolver + 'static,
        service: &str,
    ) -> Self {
        Self::shared(Rc::new(reactor), Rc::new(services), service)
    }

    /// How long each attempt may take. Default 30 s.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        self.with_template(|template| template.with_timeout(timeout))
    }

    /// The local address to connect from.
    #[must_use]
    pub fn with_bind_address(self, address: impl Into<BindAddress>) -> Self {
        self.with_template(|template| template.with_bind_address(address))
    }

    /// The options of the socket. Default: the system's.
    #[must_use]
    pub fn with_options(self, options: TcpOptions) -> Self {
        self.with_template(|template| template.with_options(options))
    }

    pub(super) fn shared(
        reactor: Rc<dyn ClientReactor>,
        services: Rc<dyn ServiceResolver>,
        service: &str,
    ) -> Self {
        let template = TcpClientEndpoint::shared(reactor, Host::Name(String::from(service)), 0);
        Self { services, service: service.into(), template, random: Rc::default() }
    }

    pub(super) fn with_template(
        self,
        change: impl FnOnce(TcpClientEndpoint) -> TcpClientEndpoint,
    ) -> Self {
        Self { template: change(self.template), ..self }
    }
}

impl StreamClientEndpoint for SrvClientEndpoint {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        let (service, random) = (Rc::clone(&self.service), Rc::clone(&self.random));
        let template = self.template.clone();
        self.services.resolve_service(&self.service).add_callback(move |records| {
            let service = String::from(&*service);
            match &records[..] {
                [] => return Deferred::fail(ServiceError::NotFound { service }),
                [only] if only.target.is_empty() => {
                    return Deferred::fail(ServiceError::NotOffered { service });
                }
                _ => {}
            }
            let mut places = ordered(records, |limit| random.up_to(limit));
            places.truncate(PLACES_MAX);
            let left = places.into_iter();
            Places { service, template, factory, left, failed: Vec::new() }.try_next()
        })
    }
}

impl fmt::Debug for SrvClientEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SrvClientEndpoint").field(&self.service).finish()
    }
}

/// The places that are left to try.
struct Places {
    service: String,
    template: TcpClientEndpoint,
    factory: Rc<dyn Factory>,
    left: vec::IntoIter<ServiceRecord>,
    failed: Vec<FailedAddress>,
}

impl Places {
    fn try_next(mut self) -> Deferred<()> {
        let Some(place) = self.left.next() else {
            return Deferred::fail(ConnectError::AllFailed {
                host: self.service,
                attempts: self.failed,
            });
        };
        let address = Address::Other(alloc::format!("{}:{}", place.target, place.port).into());
        self.attempt(&place).add_errback(move |failure| {
            if is_final(&failure) {
                return Deferred::fail(failure);
            }
            self.failed.push(FailedAddress::new(address, failure));
            self.try_next()
        })
    }

    fn attempt(&self, place: &ServiceRecord) -> Deferred<()> {
        match place.target.parse::<Host>() {
            Ok(host) => {
                let endpoint = self.template.clone().with_target(host, place.port);
                endpoint.connect(Rc::clone(&self.factory))
            }
            Err(error) => Deferred::fail(Failure::new(error)),
        }
    }
}
