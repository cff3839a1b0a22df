//! The kind `vsock`: its strings, and connections on the kernel where it has `vsock_loopback`.
//!
//! Invariant: nothing is left in the reactor after an attempt, however it ends.

use std::rc::Rc;
use std::time::{Duration, Instant};

use deferred::{Cancelled, Deferred, Failure};
use interfaces::{Address, ConnectError, ListeningPort, VsockAddress};
use protocol::testing::{Record, Recorder};
use protocol::wire::Echo;
use protocol::{connect_protocol, factory_fn};
use reactor::Reactor;
use ropewalk_endpoints::{
    Registry, VsockClientConfig, VsockClientEndpoint, VsockClientParser, VsockServerConfig,
    VsockServerEndpoint, VsockServerParser,
};
use testkit::{result_of, skip};

/// No test waits longer.
const LIMIT: Duration = Duration::from_secs(20);

struct Site {
    reactor: Reactor,
    registry: Registry,
}

impl Site {
    fn new() -> Self {
        let reactor = Reactor::new().unwrap();
        let registry = Registry::new()
            .with_server(VsockServerParser::new(reactor.clone()))
            .with_client(VsockClientParser::new(reactor.clone()));
        Self { reactor, registry }
    }

    fn turn_until(&self, mut claim: impl FnMut() -> bool) {
        let deadline = Instant::now() + LIMIT;
        while !claim() {
            assert!(Instant::now() < deadline, "not in {LIMIT:?}");
            self.reactor.turn(Some(Duration::from_millis(50))).unwrap();
        }
    }

    fn wait<T: 'static>(&self, deferred: Deferred<T>) -> Result<T, Failure> {
        self.turn_until(|| deferred.is_fired());
        result_of(deferred)
    }

    /// A port of this machine; `None`, and the test is noted as skipped, where the kernel has no vsock.
    fn listen(&self, address: VsockAddress) -> Option<Rc<dyn ListeningPort>> {
        let endpoint = VsockServerEndpoint::new(self.reactor.clone(), address);
        let port = interfaces::StreamServerEndpoint::listen(&endpoint, factory_fn(|_| Echo));
        match result_of(port) {
            Ok(port) => Some(port),
            Err(failure) => {
                skip(&format!("this kernel has no such vsock: {failure}"));
                None
            }
        }
    }

    fn is_idle(&self) {
        self.turn_until(|| self.reactor.counts() == Default::default());
    }
}

#[test]
fn a_string_names_a_machine_and_a_port_and_its_description_is_read_again_as_the_same() {
    let registry = Site::new().registry;
    for (text, shown) in [
        ("vsock:any:any", "vsock:cid=any:port=any:backlog=max"),
        ("vsock:2:5000:5", "vsock:cid=2:port=5000:backlog=5"),
        ("vsock:port=1:cid=local", "vsock:cid=local:port=1:backlog=max"),
    ] {
        let description = registry.parse_server(text).unwrap().description;
        assert_eq!(description.to_string(), shown);
        assert_eq!(registry.parse_server(shown).unwrap().description, description);
    }
    for (text, shown) in [
        ("vsock:host:5000", "vsock:cid=host:port=5000:timeout=30"),
        ("vsock:3:4294967294:timeout=1m", "vsock:cid=3:port=4294967294:timeout=60"),
    ] {
        let description = registry.parse_client(text).unwrap().description;
        assert_eq!(description.to_string(), shown);
        assert_eq!(registry.parse_client(shown).unwrap().description, description);
    }
}

#[test]
fn a_value_prints_the_string_that_means_it() {
    let reactor = Site::new().reactor;
    for text in ["vsock:any:any", "vsock:2:5000:7", "vsock:local:0", "vsock:port=5:cid=host"] {
        let value: VsockServerConfig = text.parse().unwrap();
        assert_eq!(value.to_string().parse(), Ok(value.clone()), "{text}");
        assert!(value.server(reactor.clone()).is_ok(), "{text}");
    }
    for text in ["vsock:3:5000", "vsock:host:1:timeout=500ms:retry=30s", "vsock:local:1"] {
        let value: VsockClientConfig = text.parse().unwrap();
        assert_eq!(value.to_string().parse(), Ok(value.clone()), "{text}");
        assert!(value.client(reactor.clone()).is_ok(), "{text}");
    }
    let any = VsockAddress { cid: VsockAddress::CID_ANY, port: VsockAddress::PORT_ANY };
    assert_eq!(VsockServerConfig::new(any), "vsock:any:any".parse().unwrap());
    // A client has to say which.
    assert!(VsockClientConfig::new(any).client(reactor).is_err());
}

#[test]
fn a_mistake_is_told_at_its_place() {
    let registry = Site::new().registry;
    let wanted = "is not `any`, `local`, `host` or a number from 0 to 4294967294";
    for (text, message, offset) in [
        ("vsock:guest:1", format!("cid `guest` {wanted}"), 6),
        ("vsock:4294967295:1", format!("cid `4294967295` {wanted}"), 6),
        ("vsock:1:-1", "port `-1` is not `any` or a number from 0 to 4294967294".into(), 8),
        ("vsock:1", "`port` is missing for a `vsock` server".into(), 7),
    ] {
        let mistake = registry.server(text).err().unwrap();
        assert_eq!((mistake.message(), mistake.offset()), (message, offset), "{text}");
    }
    let mistake = registry.client("vsock:any:1").err().unwrap();
    let message = "cid `any` is not `local`, `host` or a number from 0 to 4294967294";
    assert_eq!(mistake.message(), message);
    let mistake = registry.client("vsock:host:any").err().unwrap();
    assert_eq!(mistake.message(), "port `any` is not a number from 0 to 4294967294");
}

#[test]
fn the_address_of_a_port_is_a_string_that_means_it_and_it_is_refused_to_a_second_one() {
    let site = Site::new();
    let any = VsockAddress { cid: VsockAddress::CID_ANY, port: VsockAddress::PORT_ANY };
    let Some(port) = site.listen(any) else { return };
    let text = port.host().to_string();
    assert!(text.starts_with("vsock:any:") && text != "vsock:any:any", "{text}");
    let again = site.registry.server(&text).unwrap();
    let refused = result_of(again.listen(factory_fn(|_| Echo))).err().unwrap().to_string();
    let told = format!("cannot listen on {text} (something else listens there already)");
    assert_eq!(refused, told);
    site.wait(port.stop_listening()).unwrap();
    let port = result_of(again.listen(factory_fn(|_| Echo))).unwrap();
    assert_eq!(port.host().to_string(), text);
    site.wait(port.stop_listening()).unwrap();
    site.is_idle();
}

#[test]
fn a_client_and_a_server_of_one_machine_meet() {
    let site = Site::new();
    let address = VsockAddress { cid: VsockAddress::CID_LOCAL, port: VsockAddress::PORT_ANY };
    let Some(port) = site.listen(address) else { return };
    let endpoint = site.registry.client(&port.host().to_string()).unwrap();
    let record = Record::new();
    let client = Recorder::new(&record).on_made(|transport| transport.write(b"hello"));
    let _running = site.wait(connect_protocol(&endpoint, client)).unwrap();
    site.turn_until(|| record.received() == b"hello");
    let transport = record.transport();
    assert_eq!(transport.peer(), port.host());
    assert!(matches!(transport.host(), Address::Other(name) if name.starts_with("vsock:1:")));
    transport.lose_connection();
    site.wait(port.stop_listening()).unwrap();
    let refused = site.wait(connect_protocol(&endpoint, Recorder::new(&Record::new())));
    assert!(matches!(refused.err().unwrap().downcast_ref(), Some(ConnectError::Refused { .. })));
    site.is_idle();
}

/// A machine that no host has, so that an attempt waits for the kernel's 2 s; or is refused at once.
const NOWHERE: VsockAddress = VsockAddress { cid: 4_000_000_000, port: 1 };

#[test]
fn an_attempt_that_is_cancelled_or_late_or_refused_leaves_nothing() {
    let site = Site::new();
    let connect = |timeout| {
        let endpoint = VsockClientEndpoint::new(site.reactor.clone(), NOWHERE);
        connect_protocol(&endpoint.with_timeout(timeout), Recorder::new(&Record::new()))
    };
    let told = |failure: &Failure| failure.to_string();
    let attempt = connect(LIMIT);
    if attempt.is_fired() {
        let failure = result_of(attempt).err().unwrap();
        assert!(told(&failure).contains("vsock:4000000000:1"), "{failure}");
        return skip(&format!("every attempt is refused at once here: {}", told(&failure)));
    }
    attempt.cancel_handle().cancel();
    assert!(result_of(attempt).err().unwrap().check::<Cancelled>());
    site.is_idle();
    let late = site.wait(connect(Duration::from_millis(20))).err().unwrap();
    assert!(matches!(late.downcast_ref(), Some(ConnectError::TimedOut { .. })), "{late}");
    site.is_idle();
    let refused = site.wait(connect(LIMIT)).err().unwrap();
    assert!(matches!(refused.downcast_ref(), Some(ConnectError::Refused { .. })), "{refused}");
    site.is_idle();
    let stopped = connect(LIMIT);
    site.reactor.disconnect_all();
    assert!(site.wait(stopped).is_err());
    site.is_idle();
}
