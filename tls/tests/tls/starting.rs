//! A pair of connections in memory that can start TLS.

use std::rc::Rc;
use std::sync::Arc;

use interfaces::{Deliver, Factory, Transport};
use protocol::testing::Clock;
use protocol::testing::memory::{Network, Pair};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};

use crate::certificates::Authority;
use crate::talk::{NAME, build};
use crate::tls::{self, StartTlsError};

/// The configurations of both sides, and a network with a clock.
pub(crate) struct Place {
    client: Arc<ClientConfig>,
    pub(crate) server: Arc<ServerConfig>,
    pub(crate) clock: Clock,
    pub(crate) network: Network,
}

impl Place {
    pub(crate) fn new(version: &'static rustls::SupportedProtocolVersion) -> Self {
        let authority = Authority::new();
        let (clock, network) = (Clock::new(), Network::new());
        network.run_clock(&clock);
        Self {
            client: Arc::new(authority.client(version)),
            server: Arc::new(authority.identity(NAME).server()),
            clock,
            network,
        }
    }

    pub(crate) fn wrap(&self, factory: Rc<dyn Factory>) -> Rc<dyn Deliver> {
        build(&tls::wrap_start_tls(factory, self.clock.clone()))
    }

    pub(crate) fn starter(&self, side: Side) -> Starter {
        Starter { side, client: self.client.clone(), server: self.server.clone() }
    }

    pub(crate) fn join(&self, client: Rc<dyn Factory>, server: Rc<dyn Factory>) -> Pair {
        self.network.join(self.wrap(client), self.wrap(server))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// Starts TLS as one side.
#[derive(Clone)]
pub(crate) struct Starter {
    side: Side,
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl Starter {
    pub(crate) fn start(
        &self,
        transport: &Rc<dyn Transport>,
        unread: &[u8],
    ) -> Result<(), StartTlsError> {
        let name = ServerName::try_from(NAME).unwrap();
        match self.side {
            Side::Client => tls::start_tls_client(transport, self.client.clone(), name, unread),
            Side::Server => tls::start_tls_server(transport, self.server.clone(), unread),
        }
    }
}
