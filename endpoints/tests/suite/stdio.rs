//! Standard input and output as an endpoint.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use deferred::Failure;
use interfaces::{
    Address, Deliver, Factory, OsError, ReactorStdio, StdioError, StreamServerEndpoint,
};
use protocol::ProtocolRef;
use protocol::testing::{Record, Recorder};
use ropewalk_endpoints::{NoStdioProtocol, Registry, StdioServerEndpoint, StdioServerParser};
use testkit::result_of;

/// Keeps the protocols that it is given.
#[derive(Clone, Default)]
struct Stdio {
    opened: Rc<RefCell<Vec<Rc<dyn Deliver>>>>,
    broken: Rc<Cell<bool>>,
}

impl ReactorStdio for Stdio {
    fn open_stdio(&self, protocol: Rc<dyn Deliver>) -> Result<(), StdioError> {
        if self.broken.get() {
            let source = OsError::from_raw_os_error(9);
            return Err(StdioError { direction: "input", source });
        }
        self.opened.borrow_mut().push(protocol);
        Ok(())
    }
}

/// Notes its calls; builds nothing when it refuses.
#[derive(Default)]
struct Noting {
    calls: RefCell<Vec<String>>,
    refuses: Cell<bool>,
}

impl Factory for Noting {
    fn do_start(&self) {
        self.calls.borrow_mut().push("start".into());
    }

    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        self.calls.borrow_mut().push(format!("build {peer}"));
        let recorder = || ProtocolRef::new(Recorder::new(&Record::new())).as_deliver();
        (!self.refuses.get()).then(recorder)
    }

    fn do_stop(&self) -> Result<(), Failure> {
        self.calls.borrow_mut().push("stop".into());
        Ok(())
    }
}

#[test]
fn listening_builds_one_protocol_for_it_and_neither_starts_nor_stops_the_factory() {
    let (reactor, factory) = (Stdio::default(), Rc::new(Noting::default()));
    let endpoint = StdioServerEndpoint::new(reactor.clone());
    let port = result_of(endpoint.listen(factory.clone())).unwrap();
    assert_eq!(*factory.calls.borrow(), ["build standard input and output"]);
    assert_eq!(reactor.opened.borrow().len(), 1);
    assert_eq!(port.host().to_string(), "standard input and output");
    result_of(port.stop_listening()).unwrap();
    assert_eq!(factory.calls.borrow().len(), 1);
}

#[test]
fn a_factory_that_builds_nothing_and_descriptors_that_cannot_be_used_fail_the_result() {
    let (reactor, factory) = (Stdio::default(), Rc::new(Noting::default()));
    let endpoint = StdioServerEndpoint::new(reactor.clone());
    factory.refuses.set(true);
    let failed = result_of(endpoint.listen(factory.clone())).err().unwrap();
    assert!(failed.check::<NoStdioProtocol>(), "{failed:?}");
    assert!(reactor.opened.borrow().is_empty());
    factory.refuses.set(false);
    reactor.broken.set(true);
    let failed = result_of(endpoint.listen(factory)).err().unwrap();
    assert!(failed.check::<StdioError>(), "{failed:?}");
}

#[test]
fn the_string_builds_it_on_the_given_reactor_as_a_server_alone_and_takes_no_argument() {
    let reactor = Stdio::default();
    let registry = Registry::new().with_server(StdioServerParser::new(reactor.clone()));
    for text in ["stdio:", "stdio"] {
        let parsed = registry.parse_server(text).unwrap();
        assert_eq!(parsed.description.to_string(), "stdio", "{text}");
        drop(result_of(parsed.endpoint.listen(Rc::new(Noting::default()))).unwrap());
    }
    assert_eq!(reactor.opened.borrow().len(), 2);
    assert!(registry.parse_client("stdio:").is_err());
    for (text, message, help) in [
        ("stdio:word", "`word` is one value too many for a `stdio` server", "no value by position"),
        ("stdio::", "`` is one value too many for a `stdio` server", "no value by position"),
        ("stdio:name=word", "unknown option `name` for a `stdio` server", "no option"),
        ("stdio:nothing=", "unknown option `nothing` for a `stdio` server", "no option"),
    ] {
        let mistake = registry.parse_server(text).unwrap_err();
        assert_eq!(mistake.message(), message, "{text}");
        assert_eq!(mistake.help(), Some(format!("expected {help}")), "{text}");
    }
}
