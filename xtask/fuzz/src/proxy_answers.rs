//! Fuzzes what the proxies of HTTP and of SOCKS 5 answer to a client: judged alike in any pieces, and what follows the
//! answer is handed on whole, once.
//!
//! Invariant: the first byte chooses the proxy; the bytes behind the cuts are its own.

use std::cell::RefCell;
use std::rc::Rc;

use deferred::Deferred;
use interfaces::{Deliver, Event, Factory, Reason, StreamClientEndpoint};
use protocol::connect_protocol;
use protocol::http_connect::{HttpConnectClientEndpoint, HttpCredentials};
use protocol::socks::{SocksClientEndpoint, SocksCredentials};
use protocol::testing::{Clock, Record, Recorder, StringTransport};

use crate::pieces::Pieces;

/// A connection to the proxy; a clone is the same.
#[derive(Clone, Default)]
struct Proxy(Rc<RefCell<Option<Rc<dyn Deliver>>>>);

impl StreamClientEndpoint for Proxy {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        let below = StringTransport::new().as_transport();
        let client = factory.build_protocol(&below.peer()).expect("one is built");
        client.deliver(Event::ConnectionMade(&below));
        self.0.replace(Some(client));
        Deferred::succeed(())
    }
}

fn endpoint(choice: u8, proxy: Proxy, clock: Clock) -> Rc<dyn StreamClientEndpoint> {
    let (has_password, proxy) = (choice & 2 != 0, Rc::new(proxy));
    if choice & 1 == 0 {
        let endpoint = HttpConnectClientEndpoint::new(proxy, clock, "example.com", 80);
        let credentials = HttpCredentials::new("user", "password");
        return Rc::new(if has_password {
            endpoint.with_credentials(credentials)
        } else {
            endpoint
        });
    }
    let endpoint = SocksClientEndpoint::new(proxy, clock, "example.com", 80);
    let credentials = SocksCredentials::new("user", "password");
    Rc::new(if has_password { endpoint.with_credentials(credentials) } else { endpoint })
}

/// The bytes that reached the protocol, or why there is none, or that more has to come.
#[derive(Debug, PartialEq, Eq)]
enum ProxyVerdict {
    Open(Vec<u8>),
    Failed(String),
    Waits,
}

fn outcome<'a>(choice: u8, pieces: impl Iterator<Item = &'a [u8]>) -> ProxyVerdict {
    let (proxy, clock, record) = (Proxy::default(), Clock::new(), Record::new());
    let endpoint = endpoint(choice, proxy.clone(), clock.clone());
    let connected = connect_protocol(&endpoint, Recorder::new(&record));
    let client = proxy.0.borrow().clone().expect("it connects at once");
    for piece in pieces {
        client.deliver(Event::DataReceived(&mut piece.to_vec()));
        if !record.calls().is_empty() || !connected.is_fired() {
            continue;
        }
        break;
    }
    let result = connected.try_into_result();
    let outcome = match result {
        Ok(Ok(_running)) => ProxyVerdict::Open(record.received()),
        Ok(Err(failure)) => ProxyVerdict::Failed(failure.to_string()),
        Err(_pending) => ProxyVerdict::Waits,
    };
    client.deliver(Event::ConnectionLost(&Reason::Done));
    assert_eq!(clock.pending(), 0);
    outcome
}

/// Runs one input.
pub(crate) fn run(data: &[u8]) {
    let Some(pieces) = Pieces::of(data) else { return };
    let whole = outcome(pieces.choice, std::iter::once(pieces.bytes));
    assert_eq!(outcome(pieces.choice, pieces.iter()), whole);
    assert_eq!(outcome(pieces.choice, pieces.bytes.chunks(1)), whole);
    match &whole {
        ProxyVerdict::Open(rest) => assert!(pieces.bytes.ends_with(rest)),
        ProxyVerdict::Failed(told) => {
            assert!(told.chars().all(|shown| !shown.is_control()), "{told:?}");
            assert!(told.chars().count() < 9000, "{told}");
        }
        ProxyVerdict::Waits => {}
    }
}
