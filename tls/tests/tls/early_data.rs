//! 0-RTT data, which a server gets only if its configuration asks for it.

use std::io::Write;
use std::rc::Rc;
use std::sync::Arc;

use interfaces::{Deliver, Event};
use protocol::testing::{Clock, Record, Recorder, StringTransport};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConfig};

use crate::certificates::{Authority, VERSIONS};
use crate::talk::{NAME, build, once, server_factory};

/// A server's layer with rustls's own buffered client at the other end.
struct Visit {
    layer: Rc<dyn Deliver>,
    wire: Rc<StringTransport>,
    record: Record,
    client: ClientConnection,
}

impl Visit {
    fn new(client: &Arc<ClientConfig>, server: &ServerConfig) -> Self {
        let (record, wire) = (Record::new(), StringTransport::new());
        let layer = build(&server_factory(server, once(Recorder::new(&record)), &Clock::new()));
        layer.deliver(Event::ConnectionMade(&wire.as_transport()));
        let name = ServerName::try_from(NAME).unwrap();
        let client = ClientConnection::new(client.clone(), name).unwrap();
        Self { layer, wire, record, client }
    }

    /// Everything that the client has to say arrives.
    fn speak(&mut self) {
        let mut said = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut said).unwrap();
        }
        self.layer.deliver(Event::DataReceived(&mut said));
    }

    /// Everything that the server has said arrives.
    fn listen(&mut self) {
        let said = self.wire.value();
        self.wire.clear();
        let mut said = &said[..];
        while !said.is_empty() {
            self.client.read_tls(&mut said).unwrap();
            self.client.process_new_packets().unwrap();
        }
    }
}

#[test]
fn early_data_is_delivered_once_the_handshake_is_done_and_not_before() {
    let authority = Authority::new();
    let mut client = authority.client(VERSIONS[0]);
    client.enable_early_data = true;
    let mut server = authority.identity(NAME).server();
    server.max_early_data_size = 1000;
    let (client, server) = (Arc::new(client), server);

    let mut first = Visit::new(&client, &server);
    first.speak();
    first.listen();
    first.speak();
    first.listen();

    let mut second = Visit::new(&client, &server);
    second.client.early_data().unwrap().write_all(b"early").unwrap();
    second.speak();
    // This much could be a replay by a stranger who has recorded it.
    assert_eq!(second.record.calls(), ["connection_made"]);
    second.listen();
    assert!(second.client.is_early_data_accepted());
    second.client.writer().write_all(b", late").unwrap();
    second.speak();
    let calls = second.record.calls();
    assert_eq!(calls, ["connection_made", "handshake_completed", "data_received"]);
    assert_eq!(second.record.received(), b"early, late");
}
