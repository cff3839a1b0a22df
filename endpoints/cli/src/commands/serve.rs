//! `ropewalk serve`: one protocol on several endpoints.
//!
//! Invariant: no port opens before every endpoint is parsed.

use std::rc::Rc;

use interfaces::Factory;

use crate::app::{App, Inherited};
use crate::arguments::{Serve, Service};
use crate::connection_count::ConnectionCount;
use crate::exit_code::Exit;
use crate::handshake_report::HandshakeReport;
use crate::protocols::{Chargen, Daytime, Discard, Echo};
use crate::server::Server;

/// Serves until a signal ends it.
pub(crate) fn run(arguments: &Serve) -> Result<Exit, Exit> {
    let app = App::new(Inherited::TakenOver)?;
    let listen = app.listen(&arguments.listen)?;
    let connections = ConnectionCount::default();
    let factory = factory(arguments.protocol, connections.clone());
    let grace = arguments.stopping.grace;
    Server { listen, factory, connections, grace, loop_check: None }.run(&app)
}

fn factory(service: Service, connections: ConnectionCount) -> Rc<dyn Factory> {
    match service {
        Service::Echo => {
            protocol::factory_fn(move |_| connections.counted(HandshakeReport::new(Echo)))
        }
        Service::Discard => {
            protocol::factory_fn(move |_| connections.counted(HandshakeReport::new(Discard)))
        }
        Service::Chargen => {
            protocol::factory_fn(move |_| connections.counted(HandshakeReport::new(Chargen)))
        }
        Service::Daytime => {
            protocol::factory_fn(move |_| connections.counted(HandshakeReport::new(Daytime)))
        }
    }
}
