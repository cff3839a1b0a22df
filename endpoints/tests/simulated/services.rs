//! Services by their SRV records: which place is connected to, and how name servers are asked.
//!
//! Invariant: the name servers and the services are protocols of these tests.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use deferred::{Cancelled, Deferred};
use interfaces::{
    ConnectError, ListenTcp, ReactorTcp as _, ReactorTime as _, StreamClientEndpoint as _,
};
use protocol::factory_fn;
use protocol::testing::{Record, Recorder};
use reactor::simulated::{Faults, Simulated};
use reactor::{Limits, Reactor};
use ropewalk_endpoints::{
    DnsServers, DnsServiceResolver, Registry, ServiceError, ServiceRecord, ServiceResolver,
    SrvClientParser,
};
use testkit::result_of;

use crate::name_server::{Manner, NameServer};

const SERVICE: &str = "_imaps._tcp.example.com";

fn first_server() -> SocketAddr {
    "10.0.0.53:53".parse().unwrap()
}

fn second_server() -> SocketAddr {
    "10.0.0.54:53".parse().unwrap()
}

fn reactor(seed: u64, faults: Faults) -> Reactor<Simulated> {
    let network = Simulated::new(seed);
    network.set_faults(faults);
    Reactor::on(network, Limits::default())
}

fn resolver(reactor: &Reactor<Simulated>, servers: &[SocketAddr]) -> DnsServiceResolver {
    DnsServiceResolver::new(reactor.clone(), DnsServers::These(servers.to_vec()))
}

fn place(target: &str, priority: u16) -> ServiceRecord {
    ServiceRecord::new(target, 993).with_rank(priority, 1)
}

/// A host of this name at this address, with a server of the service there or without.
fn host(reactor: &Reactor<Simulated>, name: &str, address: [u8; 4], is_served: bool) {
    reactor.system().set_host(name, [address.into()]);
    if is_served {
        let factory = factory_fn(|_| Recorder::new(&Record::new()));
        reactor.listen_tcp(&ListenTcp::new((address, 993)), factory).unwrap();
    }
}

/// Turns until it has fired; its result, and the seconds that this took.
fn wait<T: 'static>(
    reactor: &Reactor<Simulated>,
    deferred: Deferred<T>,
) -> (Result<T, deferred::Failure>, u64) {
    let begun = reactor.now();
    while !deferred.is_fired() {
        reactor.turn(Some(Duration::from_millis(10))).unwrap();
    }
    (result_of(deferred), (reactor.now() - begun).as_secs())
}

/// Connects to [`SERVICE`]; the address of the peer.
fn connect(reactor: &Reactor<Simulated>, text: &str) -> Result<String, deferred::Failure> {
    let services = resolver(reactor, &[first_server()]);
    let parser = SrvClientParser::with_services(reactor.clone(), services);
    let endpoint = Registry::new().with_client(parser).client(text).unwrap();
    let record = Record::new();
    let (outcome, _) =
        wait(reactor, protocol::connect_protocol(&*endpoint, Recorder::new(&record)));
    outcome?;
    let peer = record.transport().peer().to_string();
    record.transport().abort_connection();
    record.forget();
    Ok(peer)
}

#[test]
fn the_place_of_the_lowest_priority_that_connects_is_taken() {
    let reactor = reactor(1, Faults::none());
    let server = NameServer::start(&reactor, first_server());
    host(&reactor, "a.example", [10, 0, 1, 1], false);
    host(&reactor, "b.example", [10, 0, 1, 2], true);
    host(&reactor, "c.example", [10, 0, 1, 3], true);
    server.set(SERVICE, &[place("c.example", 30), place("a.example", 10), place("b.example", 20)]);
    let text = format!("srv:{SERVICE}");
    assert_eq!(connect(&reactor, &text).unwrap(), "10.0.1.2:993");
    // Each connect looks up anew.
    server.set(SERVICE, &[place("c.example", 5), place("b.example", 20)]);
    assert_eq!(connect(&reactor, &text).unwrap(), "10.0.1.3:993");
    assert_eq!(server.questions(), ["udp", "udp"]);
}

#[test]
fn places_of_one_priority_share_the_connections() {
    let reactor = reactor(1, Faults::none());
    let server = NameServer::start(&reactor, first_server());
    host(&reactor, "a.example", [10, 0, 1, 1], true);
    host(&reactor, "b.example", [10, 0, 1, 2], true);
    let share = |target: &str, weight| ServiceRecord::new(target, 993).with_rank(0, weight);
    server.set(SERVICE, &[share("a.example", 30), share("b.example", 10)]);
    let peers: Vec<_> =
        (0..200).map(|_| connect(&reactor, &format!("srv:{SERVICE}")).unwrap()).collect();
    let count = peers.iter().filter(|peer| *peer == "10.0.1.1:993").count();
    // 150 are expected, with a deviation of 6.
    assert!((115..=185).contains(&count), "{count}");
}

#[test]
fn when_no_place_connects_each_is_listed_by_its_name() {
    let reactor = reactor(1, Faults::none());
    let server = NameServer::start(&reactor, first_server());
    host(&reactor, "a.example", [10, 0, 1, 1], false);
    server.set(SERVICE, &[place("a.example", 10), place("nowhere.example", 20)]);
    let failure = connect(&reactor, &format!("srv:{SERVICE}")).unwrap_err();
    let Some(ConnectError::AllFailed { host, attempts }) = failure.downcast_ref() else {
        panic!("{failure:?}")
    };
    assert_eq!(host, SERVICE);
    let places: Vec<_> = attempts.iter().map(|attempt| attempt.address.to_string()).collect();
    assert_eq!(places, ["a.example:993", "nowhere.example:993"]);
}

#[test]
fn a_service_that_does_not_exist_and_one_that_is_not_offered_are_told_apart() {
    let reactor = reactor(1, Faults::none());
    let server = NameServer::start(&reactor, first_server());
    let text = format!("srv:{SERVICE}");
    let error =
        |failure: deferred::Failure| failure.downcast_ref::<ServiceError>().cloned().unwrap();
    let service = || SERVICE.to_owned();
    let not_found = ServiceError::NotFound { service: service() };
    assert_eq!(error(connect(&reactor, &text).unwrap_err()), not_found);
    server.set(SERVICE, &[]);
    assert_eq!(error(connect(&reactor, &text).unwrap_err()), not_found);
    server.set(SERVICE, &[ServiceRecord::new("", 0)]);
    let not_offered = ServiceError::NotOffered { service: service() };
    assert_eq!(error(connect(&reactor, &text).unwrap_err()), not_offered);
}

#[test]
fn a_service_that_appears_a_moment_later_is_waited_for() {
    let reactor = reactor(1, Faults::none());
    let server = NameServer::start(&reactor, first_server());
    server.set(SERVICE, &[place("a.example", 10)]);
    host(&reactor, "a.example", [10, 0, 1, 1], false);
    let late = reactor.clone();
    reactor.call_later(Duration::from_secs(3), move || {
        host(&late, "a.example", [10, 0, 1, 1], true);
    });
    assert_eq!(connect(&reactor, &format!("srv:{SERVICE}:retry=30s")).unwrap(), "10.0.1.1:993");
    assert!(server.questions().len() >= 4, "each attempt looks up anew");
}

#[test]
fn a_name_server_and_a_record_that_come_a_moment_later_are_waited_for() {
    let reactor = reactor(1, Faults::none());
    host(&reactor, "a.example", [10, 0, 1, 1], true);
    let late = reactor.clone();
    reactor.call_later(Duration::from_secs(3), move || {
        let server = NameServer::start(&late, first_server());
        late.call_later(Duration::from_secs(3), move || {
            server.set(SERVICE, &[place("a.example", 10)]);
        });
    });
    assert_eq!(connect(&reactor, &format!("srv:{SERVICE}:retry=30s")).unwrap(), "10.0.1.1:993");
    let failure = connect(&reactor, "srv:_other._tcp.example.com:retry=3s").unwrap_err();
    assert!(failure.check::<ServiceError>(), "{failure:?}");
}

fn look_up(
    reactor: &Reactor<Simulated>,
    servers: &[SocketAddr],
) -> (Result<usize, ServiceError>, u64) {
    let (outcome, seconds) = wait(reactor, resolver(reactor, servers).resolve_service(SERVICE));
    let count = outcome.map(|records| records.len());
    (count.map_err(|failure| failure.downcast_ref::<ServiceError>().cloned().unwrap()), seconds)
}

#[test]
fn a_server_that_is_silent_costs_its_time_and_one_where_nothing_listens_none() {
    let reactor = reactor(1, Faults::none());
    let first = NameServer::start(&reactor, first_server());
    let second = NameServer::start(&reactor, second_server());
    second.set(SERVICE, &[place("a.example", 10)]);
    first.manner.set(Manner::Silent);
    assert_eq!(look_up(&reactor, &[first_server(), second_server()]), (Ok(1), 5));
    let nothing: SocketAddr = "10.0.0.99:53".parse().unwrap();
    assert_eq!(look_up(&reactor, &[nothing, second_server()]), (Ok(1), 0));
    first.manner.set(Manner::Fails);
    assert_eq!(look_up(&reactor, &[first_server(), second_server()]), (Ok(1), 0));
    for _ in 0..20 {
        reactor.turn(Some(Duration::from_millis(10))).unwrap();
    }
    assert_eq!(reactor.counts().timers, 0);
}

#[test]
fn when_no_server_answers_each_was_asked_twice_and_the_last_reason_is_told() {
    let reactor = reactor(1, Faults::none());
    let servers = [first_server(), second_server()].map(|at| NameServer::start(&reactor, at));
    servers.iter().for_each(|server| server.manner.set(Manner::Silent));
    let (outcome, seconds) = look_up(&reactor, &[first_server(), second_server()]);
    let after = Duration::from_secs(5);
    assert_eq!(outcome, Err(ServiceError::TimedOut { service: SERVICE.into(), after }));
    assert_eq!(seconds, 20);
    servers.iter().for_each(|server| assert_eq!(server.questions(), ["udp", "udp"]));
    servers.iter().for_each(|server| server.manner.set(Manner::Fails));
    let (outcome, _) = look_up(&reactor, &[first_server(), second_server()]);
    let Err(ServiceError::Failed { reason, .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(reason, "the name server 10.0.0.54:53: it answered with error 2");
}

#[test]
fn an_answer_that_is_too_long_for_a_datagram_comes_over_tcp() {
    let reactor = reactor(1, Faults::none());
    let server = NameServer::start(&reactor, first_server());
    let places: Vec<_> = (0..500).map(|n| place(&format!("host-{n}.example"), n)).collect();
    server.set(SERVICE, &places);
    // Once the server says so, and once the datagram is cut.
    for manner in [Manner::Truncates, Manner::Answers] {
        server.manner.set(manner);
        assert_eq!(look_up(&reactor, &[first_server()]).0, Ok(500));
        assert_eq!(server.questions(), ["udp", "tcp"], "{manner:?}");
    }
}

#[test]
fn answers_to_other_questions_are_ignored() {
    let reactor = reactor(1, Faults::none());
    let server = NameServer::start(&reactor, first_server());
    server.set(SERVICE, &[place("a.example", 10)]);
    server.manner.set(Manner::Confuses);
    assert_eq!(look_up(&reactor, &[first_server()]), (Ok(1), 0));
}

#[test]
fn lost_and_doubled_datagrams_cost_time_at_most_and_leave_nothing() {
    for seed in 0..60 {
        let reactor = reactor(seed, Faults::default());
        let servers = [first_server(), second_server()];
        for at in servers {
            NameServer::start(&reactor, at).set(SERVICE, &[place("a.example", 10)]);
        }
        let before = reactor.counts();
        let (outcome, seconds) = look_up(&reactor, &servers);
        assert!(outcome == Ok(1) && seconds <= 20, "seed {seed}: {outcome:?} {seconds}");
        for _ in 0..20 {
            reactor.turn(Some(Duration::from_millis(10))).unwrap();
        }
        assert_eq!(reactor.counts(), before, "seed {seed}");
    }
}

#[test]
fn cancelling_ends_a_look_up_over_udp_and_over_tcp_and_leaves_nothing() {
    for (manner, moment) in [(Manner::Silent, 0), (Manner::Silent, 7), (Manner::Truncates, 0)] {
        let reactor = reactor(1, Faults::none());
        let server = NameServer::start(&reactor, first_server());
        server.manner.set(manner);
        let before = reactor.counts();
        let looking = resolver(&reactor, &[first_server()]).resolve_service(SERVICE);
        let cancel = looking.cancel_handle();
        if manner == Manner::Truncates {
            while server.asked.borrow().is_empty() {
                reactor.turn(Some(Duration::from_millis(1))).unwrap();
            }
            reactor.turn(Some(Duration::from_millis(1))).unwrap();
        }
        reactor.call_later(Duration::from_secs(moment), move || cancel.cancel());
        let (outcome, seconds) = wait(&reactor, looking);
        if let Err(failure) = outcome {
            assert!(failure.check::<Cancelled>(), "{failure:?}");
        }
        assert_eq!(seconds, moment);
        for _ in 0..20 {
            reactor.turn(Some(Duration::from_millis(10))).unwrap();
        }
        assert_eq!(reactor.counts(), before, "{manner:?}");
    }
}

#[test]
fn a_string_names_a_service_over_tcp() {
    let reactor = reactor(1, Faults::none());
    let registry = Registry::new().with_client(SrvClientParser::new(reactor));
    let said = |text: &str| match registry.parse_client(text) {
        Ok(parsed) => parsed.description.to_string(),
        Err(mistake) => format!("{}: {}", mistake.offset(), mistake.message()),
    };
    let no_service = "is not the name of a service, as `_imaps._tcp.example.com`";
    for (text, answer) in [
        ("srv:_imaps._tcp.a.b", "srv:service=_imaps._tcp.a.b:timeout=30".into()),
        (
            "srv:service=_x-y._tls.a:timeout=5:bindAddress=10.0.0.2:retry=1m:noDelay=1",
            "srv:service=_x-y._tls.a:timeout=5:bindAddress=10.0.0.2:retry=60:noDelay=1".into(),
        ),
        ("srv:example.com", format!("4: service `example.com` {no_service}")),
        ("srv:_imaps.example.com", format!("4: service `_imaps.example.com` {no_service}")),
        ("srv:_imaps._tcp.", format!("4: service `_imaps._tcp.` {no_service}")),
        ("srv:_imaps._tcp", format!("4: service `_imaps._tcp` {no_service}")),
        ("srv:_._tcp.a", format!("4: service `_._tcp.a` {no_service}")),
        ("srv:_dns._udp.a", "4: service `_dns._udp.a` is not a service over TCP".into()),
        ("srv", "3: `service` is missing for a `srv` client".into()),
    ] {
        assert_eq!(said(text), answer, "{text}");
    }
    assert!(registry.parse_server("srv:_imaps._tcp.a.b").is_err());
}

/// Notes the names that it is asked for, and knows none.
struct Asked(Rc<RefCell<Vec<String>>>);

impl ServiceResolver for Asked {
    fn resolve_service(&self, service: &str) -> Deferred<Vec<ServiceRecord>> {
        self.0.borrow_mut().push(service.into());
        Deferred::succeed(Vec::new())
    }
}

#[test]
fn the_service_is_asked_for_in_ascii_and_anew_for_each_connect() {
    let reactor = reactor(1, Faults::none());
    let asked = Rc::new(RefCell::new(Vec::new()));
    let parser = SrvClientParser::with_services(reactor, Asked(asked.clone()));
    let registry = Registry::new().with_client(parser);
    let endpoint = registry.client("srv:_x._tcp.b\u{fc}cher.example").unwrap();
    assert!(asked.borrow().is_empty(), "before it connects");
    for _ in 0..2 {
        let connected = endpoint.connect(factory_fn(|_| Recorder::new(&Record::new())));
        assert!(result_of(connected).unwrap_err().check::<ServiceError>());
    }
    assert_eq!(*asked.borrow(), ["_x._tcp.xn--bcher-kva.example"; 2]);
}
