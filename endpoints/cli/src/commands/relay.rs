//! `ropewalk relay`: every connection accepted is joined to a new one.
//!
//! Invariant: both connections of a pair are counted, so a shutdown waits for either.

use std::error::Error;
use std::rc::Rc;

use interfaces::{Address, Factory, StreamClientEndpoint};

use crate::arguments::Relay;
use crate::exit_code::Exit;
use crate::live::{Counted, Live};
use crate::relay::{Half, Junction, Side};
use crate::report;
use crate::server::Server;
use crate::workshop::{Inherited, Workshop};

/// Relays until a signal ends it.
pub(crate) fn run(arguments: &Relay) -> Result<Exit, Exit> {
    let workshop = Workshop::new(Inherited::TakenOver)?;
    // Both are looked at, so that both mistakes are told at once.
    let listen = workshop.listen(std::slice::from_ref(&arguments.listen));
    let connect = workshop.connect(&arguments.connect);
    let (listen, connect) = (listen?, connect?);
    let live = Live::default();
    let factory = factory(connect, arguments.connect.as_str().into(), live.clone());
    Server { listen, factory, live, grace: arguments.stopping.grace }.run(&workshop)
}

fn factory(connect: Rc<dyn StreamClientEndpoint>, text: Rc<str>, live: Live) -> Rc<dyn Factory> {
    protocol::factory_fn(move |peer: &Address| accepted(&connect, &text, &live, peer))
}

/// The accepted half of a new junction, which makes the other half when it is connected.
fn accepted(
    connect: &Rc<dyn StreamClientEndpoint>,
    text: &Rc<str>,
    live: &Live,
    peer: &Address,
) -> Counted<Half> {
    let (connect, outgoing) = (connect.clone(), live.clone());
    let dial = move |junction: &Rc<Junction>| {
        let half = outgoing.counted(Half::new(junction.clone(), Side::Connected));
        protocol::connect_protocol(&*connect, half).add_callback(|_| Ok(()))
    };
    let (text, peer) = (text.clone(), peer.clone());
    let trouble = move |error: &(dyn Error + 'static)| {
        let causes = report::causes(error);
        report::note(format_args!("error: relaying {peer} to {text}: {causes}"));
    };
    live.counted(Half::new(Junction::new(dial, trouble), Side::Accepted))
}
