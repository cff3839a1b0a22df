//! An endpoint that connects through a SOCKS proxy, on a simulated network.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use deferred::{Deferred, Failure};
use interfaces::{Address, ConnectTcp, ListenTcp, ReactorTcp as _, StreamClientEndpoint};
use protocol::socks::{SocksClientEndpoint, SocksClientError, SocksCredentials};
use protocol::testing::{Record, Recorder};
use protocol::{connect_protocol, factory_fn};
use ropewalk_reactor::Reactor;
use ropewalk_reactor::simulated::Simulated;
use testkit::result_of;

use crate::socks::{PROXY, Scene, at};

/// An endpoint over TCP, without the crate that has them.
struct Tcp(Reactor<Simulated>, SocketAddr);

impl StreamClientEndpoint for Tcp {
    fn connect(&self, factory: Rc<dyn interfaces::Factory>) -> Deferred<()> {
        self.0.connect_tcp(&ConnectTcp::new(self.1), factory)
    }
}

impl Scene {
    fn through(&self, host: &str, port: u16) -> SocksClientEndpoint {
        let proxy = Tcp(self.reactor.clone(), at(PROXY));
        SocksClientEndpoint::new(Rc::new(proxy), self.reactor.clone(), host, port)
    }

    /// The record of a connection by the endpoint, or the failure.
    fn reach(&self, endpoint: &SocksClientEndpoint) -> Result<Record, Failure> {
        let record = Record::new();
        let asker = Recorder::new(&record).on_made(|transport| transport.write(b"hello"));
        let connected = connect_protocol(endpoint, asker);
        self.turns();
        result_of(connected).map(|_running| record)
    }
}

#[test]
fn an_endpoint_connects_through_the_proxy_by_name_and_by_address() {
    let scene = Scene::new();
    for host in ["destination.example", "127.0.0.2"] {
        let client = scene.reach(&scene.through(host, 80)).unwrap();
        assert_eq!(client.received(), b"hello");
        assert_eq!(client.transport().peer(), Address::from(at(PROXY)));
        client.transport().lose_connection();
        scene.turns();
        assert!(client.lost().is_some_and(|reason| reason.is_clean()) && scene.is_idle());
    }
}

#[test]
fn an_endpoint_tells_why_the_proxy_made_no_connection() {
    let scene = Scene::with(|proxy| {
        proxy.passwords(|name, password| (name, password) == ("alice", "secret"))
    });
    let reach = |endpoint: SocksClientEndpoint| match scene.reach(&endpoint) {
        Ok(_) => "connected".into(),
        Err(failure) => failure.to_string(),
    };
    let secret = SocksCredentials::new("alice", "secret");
    let wrong = SocksCredentials::new("alice", "guess");
    let there = || scene.through("127.0.0.2", 80);
    assert_eq!(reach(there().with_credentials(secret.clone())), "connected");
    let prefix = "cannot connect through the SOCKS proxy: ";
    for (endpoint, text) in [
        (there(), "it wants another name and password"),
        (there().with_credentials(wrong), "it wants another name and password"),
        (scene.through("127.0.0.2", 81).with_credentials(secret.clone()), "connection refused"),
        (scene.through("nowhere.example", 1).with_credentials(secret), "host unreachable"),
        (scene.through(&"x".repeat(256), 1), "a name has 256 bytes, and the limit is 255"),
    ] {
        assert_eq!(reach(endpoint), format!("{prefix}{text}"));
    }
}

#[test]
fn an_endpoint_gives_up_a_proxy_that_does_not_answer_and_one_that_is_none() {
    let scene = Scene::new();
    let record = Record::new();
    let of_server = record.clone();
    let silent = factory_fn(move |_| Recorder::new(&of_server));
    let _port = scene.reactor.listen_tcp(&ListenTcp::new(at("127.0.0.1:7")), silent).unwrap();
    let proxy = |to: &str| {
        let proxy = Rc::new(Tcp(scene.reactor.clone(), at(to)));
        SocksClientEndpoint::new(proxy, scene.reactor.clone(), "a.example", 1)
    };
    let late = connect_protocol(&proxy("127.0.0.1:7"), Recorder::new(&Record::new()));
    scene.pass(Duration::from_secs(60));
    let failure = result_of(late).unwrap_err();
    assert!(matches!(failure.downcast_ref(), Some(SocksClientError::TimedOut { .. })));
    assert!(record.lost().is_some());
    // The destination says back what it hears, and 05 01 is no answer.
    let failure = scene.reach(&proxy("127.0.0.2:80")).err().unwrap();
    assert!(matches!(failure.downcast_ref(), Some(SocksClientError::NotSocks5)), "{failure}");
    let nothing = scene.reach(&proxy("127.0.0.1:9")).err().unwrap();
    assert!(nothing.check::<interfaces::ConnectError>(), "{nothing}");
    scene.turns();
    assert!(scene.is_idle());
}

#[test]
fn an_attempt_that_is_cancelled_leaves_no_connection_at_any_time() {
    for turns in 0..2000 {
        let scene = Scene::new();
        let connecting =
            connect_protocol(&scene.through("127.0.0.2", 80), Recorder::new(&Record::new()));
        for _ in 0..turns {
            scene.reactor.turn(Some(Duration::from_micros(200))).unwrap();
        }
        if connecting.is_fired() {
            return;
        }
        connecting.cancel_handle().cancel();
        scene.turns();
        assert!(result_of(connecting).is_err() && scene.is_idle(), "after {turns} turns");
    }
    panic!("it never connects");
}
