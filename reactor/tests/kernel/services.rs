//! Services of a program, on the real kernel.

use std::cell::RefCell;
use std::net::UdpSocket;
use std::path::Path;
use std::rc::Rc;

use deferred::{Deferred, Failure};
use interfaces::{
    ConnectError, ConnectUnix, ListenUdp, ListeningPort, ReactorUdp as _, ReactorUnix as _,
};
use protocol::factory_fn;
use protocol::service::{MultiService, ServerService, Service};
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::Reactor;
use testkit::result_of;

use crate::support::unix::{name, options, place};
use crate::support::{echo, turn_until};

/// service-016
#[test]
fn a_udp_service_frees_its_port_before_its_stop_is_done() {
    let reactor = Reactor::new().unwrap();
    let (protocol, _record) = crate::support::datagrams::echo();
    let opener = reactor.clone();
    let service = ServerService::new(move || {
        let options = ListenUdp::new(([127, 0, 0, 1], 0));
        let port: Rc<dyn ListeningPort> = opener.listen_udp(&options, protocol.clone())?;
        Ok::<_, Failure>(port)
    });
    service.start_service().unwrap();
    let address = service.port().unwrap().host().as_socket_addr().unwrap();
    assert!(UdpSocket::bind(address).is_err(), "it is taken");
    let stopped = service.stop_service();
    turn_until(&reactor, "it has stopped", || stopped.is_fired());
    result_of(stopped).unwrap();
    UdpSocket::bind(address).expect("it is free");
}

/// A service that keeps one connection to a path, and sends a line on it; as a program writes one.
struct UnixClient {
    reactor: Reactor,
    path: Box<Path>,
    record: RefCell<Record>,
}

impl Service for UnixClient {
    fn running(&self) -> bool {
        self.record.borrow().count("connection_made") > 0
    }

    fn start_service(&self) -> Result<(), Failure> {
        let record = Record::new();
        self.record.replace(record.clone());
        let factory = factory_fn(move |_| {
            Recorder::new(&record).on_made(|transport| transport.write(b"a line\r\n"))
        });
        let options = ConnectUnix::new(name(&self.path));
        let _connecting = self.reactor.connect_unix(&options, factory);
        Ok(())
    }

    fn stop_service(&self) -> Deferred<()> {
        self.record.borrow().transport().lose_connection();
        Deferred::succeed(())
    }
}

/// service-019
#[test]
fn a_unix_server_and_its_client_stop_and_start_again_on_the_same_path() {
    let (_directory, path) = place();
    let reactor = Reactor::new().unwrap();
    let program = MultiService::new();
    let (opener, listen_on) = (reactor.clone(), options(&path));
    let server =
        ServerService::new(move || Ok::<_, Failure>(opener.listen_unix(&listen_on, echo())?));
    let client = Rc::new(UnixClient {
        reactor: reactor.clone(),
        path: path.as_path().into(),
        record: RefCell::new(Record::new()),
    });
    program.add_named_service("server", Rc::new(server)).unwrap();
    program.add_named_service("client", client.clone()).unwrap();
    for _ in 0..2 {
        program.start_service().unwrap();
        let record = client.record.borrow().clone();
        turn_until(&reactor, "the line comes back", || record.received() == b"a line\r\n");
        let stopped = program.stop_service();
        turn_until(&reactor, "it has stopped", || stopped.is_fired() && record.lost().is_some());
        result_of(stopped).unwrap();
    }
}

/// service-020
#[test]
fn a_unix_service_that_has_stopped_cannot_be_connected_to() {
    let (_directory, path) = place();
    let reactor = Reactor::new().unwrap();
    let (opener, listen_on) = (reactor.clone(), options(&path));
    let server =
        ServerService::new(move || Ok::<_, Failure>(opener.listen_unix(&listen_on, echo())?));
    server.start_service().unwrap();
    let stopped = server.stop_service();
    turn_until(&reactor, "it has stopped", || stopped.is_fired());
    result_of(stopped).unwrap();
    assert!(!server.running() && server.port().is_none());
    let record = Record::new();
    let factory = factory_fn(move |_| Recorder::new(&record));
    let connecting = reactor.connect_unix(&ConnectUnix::new(name(&path)), factory);
    turn_until(&reactor, "it was tried", || connecting.is_fired());
    assert!(result_of(connecting).unwrap_err().check::<ConnectError>());
}
