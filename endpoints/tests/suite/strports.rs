//! Claims about services from strings.

use std::rc::Rc;

use interfaces::{BACKLOG_MAX, ListenError, ListenTcp};
use protocol::service::Service as _;
use ropewalk_endpoints::service;
use testkit::result_of;

use crate::doubles::{Call, Mood, Reactor, factory};

/// strports-001, strports-002, service-025: the registry has the reactor, and there is no other.
#[test]
fn a_string_makes_a_service_of_its_endpoint_that_listens_when_it_is_started() {
    let reactor = Reactor::new();
    let (factory, registry) = (factory(), reactor.registry());
    let service = service(&registry, "tcp:1337", factory.clone()).unwrap();
    assert_eq!(reactor.calls(), []);
    assert_eq!(Rc::strong_count(&factory), 2, "the service has this factory");
    service.start_service().unwrap();
    let expected = ListenTcp::new(([0, 0, 0, 0], 1337)).with_backlog(BACKLOG_MAX);
    assert_eq!(reactor.calls(), [Call::ListenTcp(expected)]);
    assert!(service.running());
    assert_eq!(service.port().unwrap().host().to_string(), "0.0.0.0:1337");
    result_of(service.stop_service()).unwrap();
    assert!(!service.running());
}

/// strports-001, service-025
#[test]
fn a_port_that_cannot_be_opened_fails_the_start() {
    let reactor = Reactor::new();
    reactor.is(Mood::Refusing);
    let service = service(&reactor.registry(), "tcp:1337", factory()).unwrap();
    assert!(service.start_service().unwrap_err().check::<ListenError>());
    let failure = service.privileged_start_service().unwrap_err();
    assert!(failure.check::<ListenError>());
}

#[test]
fn a_mistake_in_the_string_is_known_before_the_start() {
    let reactor = Reactor::new();
    let error = service(&reactor.registry(), "tpc:1337", factory()).unwrap_err();
    assert!(error.to_string().contains("tpc"), "{error}");
}
