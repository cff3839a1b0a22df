//! A relay that routes by the server name, between clients and servers in memory.
//!
//! Invariant: each server of the network has a record of its own.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{Factory, StreamServerEndpoint, Transport};
use protocol::relay::{RelayEvent, RelayFactory, RelayOptions};
use protocol::testing::memory::Network;
use protocol::testing::{Clock, Record, Recorder};
use protocol::{connect_protocol, factory_fn};
use ropewalk_endpoints::sni::{RoutePattern, SniClientEndpoint, SniRoute, SniServerEndpoint};
use testkit::result_of;

/// A network with a relay at `front`.
pub(crate) struct Site {
    pub(crate) network: Network,
    pub(crate) clock: Clock,
    /// The lines of refusals and of failed attempts.
    pub(crate) told: Rc<RefCell<Vec<String>>>,
    servers: Vec<(&'static str, Record)>,
}

impl Site {
    /// With routes from patterns to servers, which are made for them.
    pub(crate) fn new(routes: &[(&[&str], &'static str)]) -> Self {
        Self::behind(routes, |endpoint, _| endpoint)
    }

    /// With another endpoint around that of the network, below the reading of ClientHellos.
    pub(crate) fn behind(
        routes: &[(&[&str], &'static str)],
        below: impl FnOnce(Rc<dyn StreamServerEndpoint>, &Clock) -> Rc<dyn StreamServerEndpoint>,
    ) -> Self {
        let (network, clock) = (Network::new(), Clock::new());
        let mut servers: Vec<(&'static str, Record)> = Vec::new();
        for (_, name) in routes {
            if servers.iter().all(|(known, _)| known != name) {
                let record = Record::new();
                servers.push((name, record.clone()));
                let factory = factory_fn(move |_| Recorder::new(&record));
                drop(result_of(network.server(name).listen(factory)));
            }
        }
        let told = Rc::<RefCell<Vec<String>>>::default();
        let relay = relay(&network, &clock, routes, &told);
        let refused = told.clone();
        let front = below(Rc::new(network.server("front")), &clock);
        let front = SniServerEndpoint::new(front, clock.clone())
            .with_observer(move |_, refusal| refused.borrow_mut().push(refusal.to_string()));
        drop(result_of(front.listen(relay)));
        Self { network, clock, told, servers }
    }

    /// A client that is connected to the front.
    pub(crate) fn client(&self) -> (Record, Rc<dyn Transport>) {
        let record = Record::new();
        drop(connect_protocol(&self.network.client("front"), Recorder::new(&record)));
        self.network.flush();
        let transport = record.transport();
        (record, transport)
    }

    /// A client sends these pieces, each when the one before has arrived.
    pub(crate) fn send(&self, pieces: &[&[u8]]) -> Record {
        let (record, transport) = self.client();
        for piece in pieces {
            transport.write(piece);
            self.network.flush();
        }
        record
    }

    pub(crate) fn server(&self, name: &str) -> &Record {
        &self.servers.iter().find(|(known, _)| *known == name).unwrap().1
    }

    /// The server that was connected to, and the bytes that it has; begins anew.
    pub(crate) fn reached(&self) -> Vec<(&'static str, Vec<u8>)> {
        let connected =
            self.servers.iter().filter(|(_, record)| record.count("connection_made") > 0);
        let reached = connected.map(|(name, record)| (*name, record.received())).collect();
        self.servers.iter().for_each(|(_, record)| record.forget());
        reached
    }

    pub(crate) fn pass(&self, milliseconds: u64) {
        self.clock.advance(Duration::from_millis(milliseconds));
        self.network.flush();
    }
}

fn relay(
    network: &Network,
    clock: &Clock,
    routes: &[(&[&str], &'static str)],
    told: &Rc<RefCell<Vec<String>>>,
) -> Rc<dyn Factory> {
    let routes = routes.iter().map(|(patterns, name)| SniRoute {
        takes: patterns.iter().map(|text| text.parse::<RoutePattern>().unwrap()).collect(),
        endpoint: network.client(name),
    });
    let (endpoint, told) = (SniClientEndpoint::new(routes), told.clone());
    let observer = move |event: &RelayEvent<'_>| {
        if let RelayEvent::NotConnected { failure, .. } = event {
            told.borrow_mut().push(failure.to_string());
        }
    };
    RelayFactory::with_observer(endpoint, clock.clone(), RelayOptions::default(), observer)
        .into_rc()
}
