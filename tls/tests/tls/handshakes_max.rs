//! The cap on handshakes that run at a time.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use deferred::Deferred;
use interfaces::{
    Deadline, Factory, ListeningPort, Protocol, Reason, StreamClientEndpoint, StreamServerEndpoint,
    Transport,
};
use protocol::testing::memory::Network;
use protocol::testing::{Clock, Record, Recorder};
use protocol::{ProtocolRef, connect_protocol, factory_fn};

use crate::certificates::{Authority, VERSIONS};
use crate::talk::{NAME, client_factory, once, tls_error};
use crate::tls::{self, TlsError, TlsOptions};

/// Tells of the end alone.
struct Listed(Rc<RefCell<Vec<Reason>>>);

impl Protocol for Listed {
    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.0.borrow_mut().push(reason.clone());
    }
}

/// Connects, and says nothing.
struct Silent;

impl Protocol for Silent {
    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
}

struct Server {
    network: Network,
    clock: Clock,
    ends: Rc<RefCell<Vec<Reason>>>,
    client: rustls::ClientConfig,
    _listening: Deferred<Rc<dyn ListeningPort>>,
}

impl Server {
    fn new(options: TlsOptions) -> Self {
        let (authority, network, clock) = (Authority::new(), Network::new(), Clock::new());
        network.run_clock(&clock);
        let ends = Rc::new(RefCell::default());
        let told = Rc::clone(&ends);
        let server = tls::wrap_server_with(
            Arc::new(authority.identity(NAME).server()),
            factory_fn(move |_| Listed(told.clone())),
            clock.clone(),
            options,
        );
        let _listening = network.server("port").listen(server);
        let client = authority.client(VERSIONS[0]);
        Self { network, clock, ends, client, _listening }
    }

    fn silent(&self, count: usize) -> Vec<ProtocolRef<Silent>> {
        let client = self.network.client("port");
        let connected: Vec<_> = (0..count).map(|_| connect_protocol(&client, Silent)).collect();
        self.network.flush();
        connected.into_iter().map(|connected| testkit::result_of(connected).unwrap()).collect()
    }

    /// Whether a client that means it completes its handshake, without time passing.
    fn serves(&self) -> bool {
        let record = Record::new();
        let factory: Rc<dyn Factory> =
            client_factory(&self.client, once(Recorder::new(&record)), &self.clock);
        let connected = self.network.client("port").connect(factory);
        self.network.flush();
        drop(connected);
        let done = record.count("handshake_completed") == 1;
        record.transport().lose_connection();
        self.network.flush();
        done
    }
}

#[test]
fn beyond_the_cap_the_oldest_is_given_up_and_a_client_that_means_it_is_served() {
    let server = Server::new(TlsOptions::default().with_handshakes_max(5));
    let silent = server.silent(8);
    assert_eq!(server.ends.borrow().len(), 3, "three of eight were too many");
    for end in server.ends.borrow().iter() {
        assert_eq!(tls_error(end), TlsError::TooManyHandshakes { limit: 5 });
        assert!(tls_error(end).is_in_handshake());
    }
    let alive: Vec<_> = silent.iter().map(|silent| silent.transport().is_some()).collect();
    assert_eq!(alive, [false, false, false, true, true, true, true, true], "the oldest");
    assert!(server.serves());
    server.ends.borrow_mut().clear();
    // Handshakes that are over count no more, however they ended.
    for _ in 0..20 {
        assert!(server.serves());
    }
    assert_eq!(server.ends.borrow().len(), 20, "no silent one had to go for them");
}

#[test]
fn five_thousand_silent_handshakes_end_at_their_deadline_and_delay_nobody() {
    let server = Server::new(TlsOptions::default());
    let _silent = server.silent(5000);
    server.clock.advance(Duration::from_millis(9_900));
    server.network.flush();
    assert_eq!(server.ends.borrow().len(), 0);
    assert!(server.serves(), "in no time at all");
    server.ends.borrow_mut().clear();
    server.clock.advance(Duration::from_millis(200));
    server.network.flush();
    assert_eq!(server.ends.borrow().len(), 5000);
    for end in server.ends.borrow().iter() {
        assert!(matches!(end, Reason::TimedOut(Deadline::Handshake)), "{end:?}");
    }
    assert!(server.serves());
    assert_eq!(server.clock.pending(), 0);
}
