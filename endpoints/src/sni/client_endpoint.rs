//! [`SniClientEndpoint`]: connects with the first of several endpoints whose route takes the client.
//!
//! Invariant: a connection without a route makes none.

use alloc::rc::Rc;
use alloc::vec::Vec;

use deferred::Deferred;
use interfaces::{Factory, StreamClientEndpoint, Transport};

use super::{ClientHello, NoRoute, NotTls, RoutePattern};

/// Connects on behalf of a served connection ([`connect_for`](StreamClientEndpoint::connect_for), as a relay
/// does), with the endpoint of the first route that takes it.
///
/// The connection tells its [`ClientHello`] where it was accepted by an
/// [`SniServerEndpoint`](super::SniServerEndpoint). One that is no TLS, and a connection for no other one, is
/// taken by [`RoutePattern::Any`] alone.
#[derive(Clone, Debug)]
pub struct SniClientEndpoint<E> {
    routes: Vec<SniRoute<E>>,
}

/// Connections, and the endpoint for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SniRoute<E> {
    /// A connection is taken that one of them takes.
    pub takes: Vec<RoutePattern>,
    /// Connects for them.
    pub endpoint: E,
}

impl<E: StreamClientEndpoint> SniClientEndpoint<E> {
    /// With these routes, of which the first counts that takes a connection.
    pub fn new(routes: impl IntoIterator<Item = SniRoute<E>>) -> Self {
        Self { routes: routes.into_iter().collect() }
    }

    fn first(&self, takes: impl Fn(&RoutePattern) -> bool) -> Option<&E> {
        let route = self.routes.iter().find(|route| route.takes.iter().any(&takes));
        route.map(|route| &route.endpoint)
    }

    fn route(&self, served: &Rc<dyn Transport>) -> Result<&E, NoRoute> {
        if let Some(hello) = served.query::<ClientHello>() {
            let route = self.first(|pattern| pattern.takes(&hello));
            return route.ok_or(match hello.server_name {
                Some(name) => NoRoute::Name { name },
                None => NoRoute::WithoutName,
            });
        }
        let unread = match served.query::<NotTls>() {
            Some(NotTls) => NoRoute::NotTls,
            None => NoRoute::Unknown,
        };
        self.default_route(unread)
    }

    fn default_route(&self, otherwise: NoRoute) -> Result<&E, NoRoute> {
        self.first(|pattern| *pattern == RoutePattern::Any).ok_or(otherwise)
    }
}

impl<E: StreamClientEndpoint> StreamClientEndpoint for SniClientEndpoint<E> {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        match self.default_route(NoRoute::Unknown) {
            Ok(endpoint) => endpoint.connect(factory),
            Err(error) => Deferred::fail(error),
        }
    }

    fn connect_for(&self, served: &Rc<dyn Transport>, factory: Rc<dyn Factory>) -> Deferred<()> {
        match self.route(served) {
            Ok(endpoint) => endpoint.connect_for(served, factory),
            Err(error) => Deferred::fail(error),
        }
    }
}
