//! `ropewalk serve`: one protocol on several endpoints.
//!
//! Invariant: nothing is opened before every endpoint is understood.

use std::rc::Rc;

use interfaces::Factory;

use crate::app::{Inherited, Workshop};
use crate::arguments::{Serve, Service};
use crate::connection_count::Live;
use crate::exit_code::Exit;
use crate::protocols::{Chargen, Daytime, Discard, Echo};
use crate::server::Server;

/// Serves until a signal ends it.
pub(crate) fn run(arguments: &Serve) -> Result<Exit, Exit> {
    let workshop = Workshop::new(Inherited::TakenOver)?;
    let listen = workshop.listen(&arguments.listen)?;
    let live = Live::default();
    let factory = factory(arguments.protocol, live.clone());
    let grace = arguments.stopping.grace;
    Server { listen, factory, live, grace, own_ports: None }.run(&workshop)
}

fn factory(service: Service, live: Live) -> Rc<dyn Factory> {
    match service {
        Service::Echo => protocol::factory_fn(move |_| live.counted(Echo)),
        Service::Discard => protocol::factory_fn(move |_| live.counted(Discard)),
        Service::Chargen => protocol::factory_fn(move |_| live.counted(Chargen)),
        Service::Daytime => protocol::factory_fn(move |_| live.counted(Daytime)),
    }
}
