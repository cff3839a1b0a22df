//! The factory and the transport that stand for those of the protocol.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use deferred::Failure;
use interfaces::{Address, Deliver, Event, Factory, Reason};
use protocol::ProtocolRef;
use protocol::testing::{Clock, Record, Recorder, StringTransport};

use crate::certificates::{Authority, VERSIONS};
use crate::talk::{NAME, client_factory, over_client, server_factory};
use crate::tls;

/// A factory that notes that it was started and stopped.
#[derive(Default)]
struct Noting {
    calls: RefCell<Vec<&'static str>>,
    prefix: Option<&'static str>,
}

impl Factory for Noting {
    fn build_protocol(&self, _: &Address) -> Option<Rc<dyn Deliver>> {
        Some(ProtocolRef::new(Recorder::new(&Record::new())).as_deliver())
    }

    fn log_prefix(&self) -> Cow<'static, str> {
        self.prefix.map_or(Cow::Borrowed("Noting"), Cow::Borrowed)
    }

    fn do_start(&self) {
        self.calls.borrow_mut().push("start");
    }

    fn do_stop(&self) -> Result<(), Failure> {
        self.calls.borrow_mut().push("stop");
        Ok(())
    }
}

#[test]
fn a_start_and_a_stop_pass_once_and_logs_name_the_factory_within_and_tls() {
    let (authority, clock) = (Authority::new(), Clock::new());
    let config = authority.identity(NAME).server();
    for (prefix, named) in [(None, "Noting (TLS)"), (Some("Chat"), "Chat (TLS)")] {
        let noting = Rc::new(Noting { prefix, ..Noting::default() });
        for (wrapped, named) in [
            (server_factory(&config, noting.clone(), &clock), named),
            (client_factory(&authority.client(VERSIONS[0]), noting.clone(), &clock), named),
            (tls::wrap_start_tls(noting.clone(), clock.clone()), prefix.unwrap_or("Noting")),
        ] {
            wrapped.do_start();
            wrapped.do_stop().unwrap();
            assert_eq!(noting.calls.take(), ["start", "stop"]);
            assert_eq!(wrapped.log_prefix(), named);
        }
    }
}

#[test]
fn the_protocol_is_made_with_the_tls_transport_and_not_with_the_one_below() {
    let (record, clock) = (Record::new(), Clock::new());
    let config = Authority::new().client(VERSIONS[0]);
    let layer = over_client(config, NAME, Recorder::new(&record), &clock);
    let wire = StringTransport::new();
    layer.deliver(Event::ConnectionMade(&wire.as_transport()));
    assert_eq!(record.calls(), ["connection_made"]);
    let transport = record.transport();
    assert!(transport.as_tls().is_some());
    let before = wire.value();
    transport.write(b"a secret");
    assert_eq!(wire.value(), before, "it waits for the handshake");
    assert_eq!(transport.peer(), wire.as_transport().peer());
    layer.deliver(Event::ConnectionLost(&Reason::Done));
}
