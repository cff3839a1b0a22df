//! Connecting to the first of several endpoints that is up, as HAProxy's and nginx's `backup` servers.
//!
//! Invariant: one endpoint is tried at a time, in order, and none after the connect was cancelled.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use deferred::Deferred;
use interfaces::{
    Address, ConnectError, Factory, FailedAddress, StreamClientEndpoint, Transport, printable,
};

use crate::hostname::is_final;

/// Several endpoints, of which each connect takes the first that is up.
///
/// ```
/// # use ropewalk_endpoints as endpoints;
/// # use endpoints::{FailoverClientEndpoint, Registry};
/// # use reactor::Reactor;
/// # let registry = Registry::standard(Reactor::simulated(1));
/// let one = registry.client("tcp:one.example:80")?;
/// let two = registry.client("tcp:two.example:80")?;
/// let either = FailoverClientEndpoint::new("tcp:one.example:80", one).or("tcp:two.example:80", two);
/// # drop(either);
/// # Ok::<(), endpoints::ParseError>(())
/// ```
///
/// # Errors
///
/// `connect` fails with [`ConnectError::AllFailed`], which lists each endpoint by its name; or with
/// [`ConnectError::EndedAtOnce`] of a connection that was made. Cancelling ends the attempt.
#[derive(Clone)]
pub struct FailoverClientEndpoint {
    endpoints: Rc<Vec<Named>>,
}

#[derive(Clone)]
struct Named {
    name: String,
    endpoint: Rc<dyn StreamClientEndpoint>,
}

impl FailoverClientEndpoint {
    /// The endpoint that is tried first. Errors call it `name`: its string, usually.
    pub fn new(name: &str, endpoint: Rc<dyn StreamClientEndpoint>) -> Self {
        Self { endpoints: Rc::default() }.or(name, endpoint)
    }

    /// One more, which is tried when connecting to all before it has failed.
    #[must_use]
    pub fn or(mut self, name: &str, endpoint: Rc<dyn StreamClientEndpoint>) -> Self {
        let name = alloc::format!("{}", printable(name));
        Rc::make_mut(&mut self.endpoints).push(Named { name, endpoint });
        self
    }

    fn first(&self, served: Option<Rc<dyn Transport>>, factory: Rc<dyn Factory>) -> Deferred<()> {
        let endpoints = Rc::clone(&self.endpoints);
        FailoverAttempts { endpoints, served, factory, failed: Vec::new() }.try_next()
    }
}

impl StreamClientEndpoint for FailoverClientEndpoint {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.first(None, factory)
    }

    fn connect_for(&self, served: &Rc<dyn Transport>, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.first(Some(Rc::clone(served)), factory)
    }
}

impl fmt::Debug for FailoverClientEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.endpoints.iter().map(|named| &named.name);
        f.debug_list().entries(names).finish()
    }
}

/// One connect: the endpoints that failed, and so which one is next.
struct FailoverAttempts {
    endpoints: Rc<Vec<Named>>,
    served: Option<Rc<dyn Transport>>,
    factory: Rc<dyn Factory>,
    failed: Vec<FailedAddress>,
}

impl FailoverAttempts {
    fn try_next(mut self) -> Deferred<()> {
        let Some(next) = self.endpoints.get(self.failed.len()).cloned() else {
            let host = self.endpoints.first().map(|first| first.name.clone()).unwrap_or_default();
            return Deferred::fail(ConnectError::AllFailed { host, attempts: self.failed });
        };
        let factory = Rc::clone(&self.factory);
        let attempt = match &self.served {
            Some(served) => next.endpoint.connect_for(served, factory),
            None => next.endpoint.connect(factory),
        };
        attempt.add_errback(move |failure| {
            if is_final(&failure) {
                return Deferred::fail(failure);
            }
            self.failed.push(FailedAddress::new(Address::Other(next.name.into()), failure));
            self.try_next()
        })
    }
}
