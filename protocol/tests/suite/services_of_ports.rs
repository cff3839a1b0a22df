//! Claims about services that keep a port open.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use deferred::{Cancelled, Deferred, Failure, Promise};
use interfaces::{
    Address, ConnectError, Factory, ListenError, ListeningPort, NotPending,
    StreamClientEndpoint as _, StreamServerEndpoint, UnixAddress,
};
use ropewalk_protocol::factory_fn;
use ropewalk_protocol::service::{
    MultiService, ServerService, Service, StillStopping, StreamServerEndpointService,
};
use ropewalk_protocol::testing::memory::Network;
use ropewalk_protocol::testing::{Record, Recorder};
use testkit::result_of;

use crate::support::reports;

type Listened = Deferred<Rc<dyn ListeningPort>>;

/// An endpoint that counts, and answers as it is told.
#[derive(Default)]
struct Endpoint {
    asked: Cell<usize>,
    answer: Cell<Option<Listened>>,
    factory: RefCell<Option<Rc<dyn Factory>>>,
}

impl StreamServerEndpoint for Endpoint {
    fn listen(&self, factory: Rc<dyn Factory>) -> Listened {
        self.asked.set(self.asked.get() + 1);
        self.factory.replace(Some(factory));
        self.answer.take().unwrap_or_else(|| Deferred::succeed(Rc::new(Port::default())))
    }
}

/// A port that counts how often it was stopped, and is closed at once or when the promise fires.
#[derive(Default)]
struct Port {
    stopped: Cell<usize>,
    closes: Cell<Option<Deferred<()>>>,
}

impl ListeningPort for Port {
    fn host(&self) -> Address {
        UnixAddress::Unnamed.into()
    }

    fn stop_listening(&self) -> Deferred<()> {
        self.stopped.set(self.stopped.get() + 1);
        self.closes.take().unwrap_or_else(|| Deferred::succeed(()))
    }
}

struct Scene {
    endpoint: Rc<Endpoint>,
    factory: Rc<dyn Factory>,
    service: StreamServerEndpointService,
}

impl Scene {
    fn new() -> Self {
        let endpoint = Rc::new(Endpoint::default());
        let factory = factory_fn(|_| Recorder::new(&Record::new()));
        let service = StreamServerEndpointService::new(endpoint.clone(), factory.clone());
        Self { endpoint, factory, service }
    }

    /// One whose next listen gives this.
    fn answering(answer: Listened) -> Self {
        let scene = Self::new();
        scene.endpoint.answer.set(Some(answer));
        scene
    }

    /// One that listens in its own time.
    fn waiting() -> (Self, Promise<Rc<dyn ListeningPort>>) {
        let (listening, promise) = Deferred::new();
        (Self::answering(listening), promise)
    }
}

fn in_use() -> ListenError {
    ListenError::InUse { address: UnixAddress::Unnamed.into(), process: None }
}

/// service-027
#[test]
fn the_privileged_start_listens_with_the_factory() {
    let scene = Scene::new();
    assert_eq!(scene.endpoint.asked.get(), 0);
    scene.service.privileged_start_service().unwrap();
    assert_eq!(scene.endpoint.asked.get(), 1);
    let used = scene.endpoint.factory.take().unwrap();
    assert!(Rc::ptr_eq(&used, &scene.factory));
    assert!(!scene.service.running());
}

/// service-028
#[test]
fn a_start_listens_unless_the_privileged_one_did() {
    let scene = Scene::new();
    scene.service.start_service().unwrap();
    assert_eq!((scene.endpoint.asked.get(), scene.service.running()), (1, true));
    let scene = Scene::new();
    scene.service.privileged_start_service().unwrap();
    scene.service.start_service().unwrap();
    assert_eq!((scene.endpoint.asked.get(), scene.service.running()), (1, true));
}

/// service-029
#[test]
fn an_error_that_is_known_at_once_is_returned_by_either_start_and_not_logged() {
    let told = reports(|| {
        let scene = Scene::answering(Deferred::fail(in_use()));
        assert!(scene.service.start_service().unwrap_err().check::<ListenError>());
        assert!(!scene.service.running());
        let scene = Scene::answering(Deferred::fail(in_use()));
        let failure = scene.service.privileged_start_service().unwrap_err();
        assert!(failure.check::<ListenError>());
        // The next try may succeed.
        scene.service.start_service().unwrap();
        assert!(scene.service.running() && scene.service.port().is_some());
    });
    assert!(told.is_empty(), "{told:?}");
}

/// service-030
#[test]
fn an_error_that_comes_later_or_that_is_not_to_be_returned_is_logged_once() {
    let told = reports(|| {
        let (scene, promise) = Scene::waiting();
        scene.service.start_service().unwrap();
        promise.errback(in_use());
        assert!(scene.service.running() && scene.service.port().is_none());
    });
    assert!(told.len() == 1 && told[0].contains("cannot listen on"), "{told:?}");
    let told = reports(|| {
        let scene = Scene::answering(Deferred::fail(in_use()));
        scene.service.log_listen_errors().start_service().unwrap();
    });
    assert!(told.len() == 1 && told[0].contains("cannot listen on"), "{told:?}");
    let told = reports(|| {
        let (scene, promise) = Scene::waiting();
        scene.service.log_listen_errors().start_service().unwrap();
        promise.errback(in_use());
    });
    assert!(told.len() == 1, "{told:?}");
}

/// service-031
#[test]
fn a_stop_stops_listening_and_is_done_when_the_port_is_closed() {
    let port = Rc::new(Port::default());
    let (closed, promise) = Deferred::new();
    port.closes.set(Some(closed));
    let scene = Scene::answering(Deferred::succeed(port.clone()));
    scene.service.start_service().unwrap();
    let stops = [(); 2].map(|()| scene.service.stop_service());
    assert_eq!(port.stopped.get(), 1);
    assert!(stops.iter().all(|stop| !stop.is_fired()) && scene.service.running());
    assert!(scene.service.start_service().unwrap_err().check::<StillStopping>());
    promise.callback(());
    assert!(stops.into_iter().all(|stop| result_of(stop).is_ok()));
    assert!(!scene.service.running() && scene.service.port().is_none());
    result_of(scene.service.stop_service()).unwrap();
    assert_eq!(port.stopped.get(), 1);
}

#[test]
fn a_port_that_does_not_close_in_order_fails_the_stop() {
    let port = Rc::new(Port::default());
    port.closes.set(Some(Deferred::fail(NotPending)));
    let scene = Scene::answering(Deferred::succeed(port));
    scene.service.start_service().unwrap();
    assert!(result_of(scene.service.stop_service()).unwrap_err().check::<NotPending>());
    assert!(!scene.service.running());
}

/// service-032
#[test]
fn a_stop_before_it_listens_cancels_that_and_is_done_at_once_without_a_log() {
    let told = reports(|| {
        let (scene, promise) = Scene::waiting();
        scene.service.start_service().unwrap();
        result_of(scene.service.stop_service()).unwrap();
        assert!(promise.is_cancelled() && !scene.service.running());
        drop(promise);
    });
    assert!(told.is_empty(), "{told:?}");
}

/// service-033
#[test]
fn an_error_of_a_cancelled_listen_is_logged_once_and_the_stop_succeeds() {
    let told = reports(|| {
        let (listening, _promise) = Deferred::with_canceller(|| Some(Err(in_use().into())));
        let scene = Scene::answering(listening);
        scene.service.start_service().unwrap();
        result_of(scene.service.stop_service()).unwrap();
    });
    assert!(told.len() == 1 && told[0].contains("cannot listen on"), "{told:?}");
}

#[test]
fn a_port_that_opens_in_spite_of_the_stop_is_closed() {
    let port = Rc::new(Port::default());
    let late = port.clone();
    let (listening, _promise) =
        Deferred::with_canceller(move || Some(Ok(late as Rc<dyn ListeningPort>)));
    let scene = Scene::answering(listening);
    scene.service.start_service().unwrap();
    result_of(scene.service.stop_service()).unwrap();
    assert_eq!(port.stopped.get(), 1);
    assert!(scene.service.port().is_none());
}

#[test]
fn a_listen_that_is_cancelled_elsewhere_leaves_a_service_that_can_stop() {
    let (scene, promise) = Scene::waiting();
    scene.service.start_service().unwrap();
    promise.errback(Cancelled);
    result_of(scene.service.stop_service()).unwrap();
    assert!(!scene.service.running());
}

/// service-022: the endpoint is the reactor's, and the service has no other.
#[test]
fn each_start_listens_on_the_same_endpoint() {
    let scene = Scene::new();
    for asked in 1..=3 {
        scene.service.start_service().unwrap();
        assert_eq!(scene.endpoint.asked.get(), asked);
        result_of(scene.service.stop_service()).unwrap();
    }
}

#[test]
fn any_function_that_listens_makes_a_service() {
    let port = Rc::new(Port::default());
    let opened = port.clone();
    let service = ServerService::new(move || Ok(opened.clone() as Rc<dyn ListeningPort>));
    service.start_service().unwrap();
    assert!(service.port().is_some());
    result_of(service.stop_service()).unwrap();
    assert_eq!(port.stopped.get(), 1);
}

/// A client's record on a network, after an attempt to connect to "door".
fn connect(network: &Network) -> (Record, Result<(), Failure>) {
    let record = Record::new();
    let of_client = record.clone();
    let connected = network.client("door").connect(factory_fn(move |_| Recorder::new(&of_client)));
    network.flush();
    (record, connected.try_into_result().expect("it was tried"))
}

/// service-017
#[test]
fn connections_are_accepted_from_the_privileged_start_on() {
    let network = Network::new();
    let factory = factory_fn(|_| Recorder::new(&Record::new()).on_data(|it, data| it.write(data)));
    let program = MultiService::new();
    let service = StreamServerEndpointService::new(Rc::new(network.server("door")), factory);
    program.add_service(Rc::new(service)).unwrap();
    program.privileged_start_service().unwrap();
    let (client, connected) = connect(&network);
    connected.unwrap();
    client.transport().write(b"hello");
    network.flush();
    assert_eq!(client.received(), b"hello");
}

/// service-018, service-020
#[test]
fn a_service_that_has_stopped_refuses_connections_and_holds_no_port() {
    let network = Network::new();
    let factory = factory_fn(|_| Recorder::new(&Record::new()));
    let service = StreamServerEndpointService::new(Rc::new(network.server("door")), factory);
    service.start_service().unwrap();
    assert!(connect(&network).1.is_ok());
    let stopped = service.stop_service();
    network.flush();
    result_of(stopped).unwrap();
    assert!(connect(&network).1.unwrap_err().check::<ConnectError>());
    assert!(!service.running() && service.port().is_none());
    assert_eq!(network.ports(), 0);
    // And it opens again.
    service.start_service().unwrap();
    assert!(connect(&network).1.is_ok());
}
