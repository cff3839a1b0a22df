//! `ropewalk relay`: every connection accepted is joined to a new one.
//!
//! Invariant: both connections of a pair are counted, so a shutdown waits for either.

use std::error::Error;
use std::rc::Rc;

use deferred::{Chain, Deferred};
use interfaces::{Address, Reason, StreamClientEndpoint};

use crate::app::{App, Inherited};
use crate::arguments::Relay;
use crate::connection_count::{ConnectionCount, CountedProtocol};
use crate::exit_code::Exit;
use crate::handshake_report::HandshakeReport;
use crate::log::Kind;
use crate::relay::{LoopCheck, RelayPair, RelayProtocol, Side};
use crate::report;
use crate::server::Server;

/// Relays until a signal ends it.
pub(crate) fn run(arguments: &Relay) -> Result<Exit, Exit> {
    let app = App::new(Inherited::TakenOver)?;
    // Both are parsed before either returns, so that both mistakes are reported at once.
    let listen = app.listen(std::slice::from_ref(&arguments.listen));
    let connect = app.connect(&arguments.connect);
    let (listen, connect) = (listen?, connect?);
    let (connections, loop_check) = (ConnectionCount::default(), Rc::new(LoopCheck::default()));
    let outgoing = Outgoing {
        connect,
        text: arguments.connect.as_str().into(),
        connections: connections.clone(),
        loop_check: loop_check.clone(),
    };
    let factory = protocol::factory_fn(move |peer| outgoing.accepted(peer));
    let grace = arguments.stopping.grace;
    Server { listen, factory, connections, grace, loop_check: Some(loop_check) }.run(&app)
}

/// The outgoing side of the relay.
#[derive(Clone)]
struct Outgoing {
    connect: Rc<dyn StreamClientEndpoint>,
    text: Rc<str>,
    connections: ConnectionCount,
    loop_check: Rc<LoopCheck>,
}

impl Outgoing {
    /// The protocol of an accepted connection; its pair makes the outgoing one.
    fn accepted(&self, peer: &Address) -> CountedProtocol<HandshakeReport<RelayProtocol>> {
        let this = self.clone();
        let dial = move |pair: &Rc<RelayPair>| this.dial(pair);
        let (text, peer) = (self.text.clone(), peer.clone());
        let trouble = move |error: &(dyn Error + 'static)| {
            let kind = if error.is::<Reason>() { Kind::Connection } else { Kind::Dial };
            let text = format_args!("error: relaying {peer} to {text}: {}", Chain(error));
            report::repeated(kind, text);
        };
        let protocol = RelayProtocol::new(RelayPair::new(dial, trouble), Side::Accepted);
        self.connections.counted(HandshakeReport::new(protocol))
    }

    fn dial(&self, pair: &Rc<RelayPair>) -> Deferred<()> {
        let protocol = self.connections.counted(RelayProtocol::new(pair.clone(), Side::Connected));
        let loop_check = self.loop_check.clone();
        protocol::connect_protocol(&*self.connect, protocol).add_callback(move |connected| {
            // Without a transport the connection has ended already.
            if let Some(transport) = connected.transport() {
                loop_check.connected(&transport.host(), &transport.peer());
            }
            Ok(())
        })
    }
}
