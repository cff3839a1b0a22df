//! In the place of the endpoints of a world that carries no streams.
//!
//! Invariant: each attempt fails, with what the world carries instead.

use std::rc::Rc;

use deferred::Deferred;
use interfaces::{Factory, ListeningPort, StreamClientEndpoint, StreamServerEndpoint};

use crate::suite::Carries;

/// Endpoints of a world that carries this.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoStreams(pub(super) Carries);

/// The suite asked a world for what its subject does not carry.
#[derive(Debug)]
struct CarriesNoStreams(Carries);

impl std::fmt::Display for CarriesNoStreams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.reason())
    }
}

impl std::error::Error for CarriesNoStreams {}

impl StreamServerEndpoint for NoStreams {
    fn listen(&self, _: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
        Deferred::fail(CarriesNoStreams(self.0))
    }
}

impl StreamClientEndpoint for NoStreams {
    fn connect(&self, _: Rc<dyn Factory>) -> Deferred<()> {
        Deferred::fail(CarriesNoStreams(self.0))
    }
}
