//! `ropewalk relay`: every connection accepted is joined to a new one.
//!
//! Invariant: both connections of a pair are counted, so a shutdown waits for either.

use std::error::Error;
use std::rc::Rc;

use deferred::{Chain, Deferred};
use interfaces::{Address, StreamClientEndpoint};

use crate::app::{Inherited, Workshop};
use crate::arguments::Relay;
use crate::connection_count::{Counted, Live};
use crate::exit_code::Exit;
use crate::relay::{Half, Junction, OwnPorts, Side};
use crate::report;
use crate::server::Server;

/// Relays until a signal ends it.
pub(crate) fn run(arguments: &Relay) -> Result<Exit, Exit> {
    let workshop = Workshop::new(Inherited::TakenOver)?;
    // Both are looked at, so that both mistakes are told at once.
    let listen = workshop.listen(std::slice::from_ref(&arguments.listen));
    let connect = workshop.connect(&arguments.connect);
    let (listen, connect) = (listen?, connect?);
    let (live, own_ports) = (Live::default(), Rc::new(OwnPorts::default()));
    let outgoing = Outgoing {
        connect,
        text: arguments.connect.as_str().into(),
        live: live.clone(),
        own_ports: own_ports.clone(),
    };
    let factory = protocol::factory_fn(move |peer| outgoing.accepted(peer));
    let grace = arguments.stopping.grace;
    Server { listen, factory, live, grace, own_ports: Some(own_ports) }.run(&workshop)
}

/// Where accepted connections are to lead.
#[derive(Clone)]
struct Outgoing {
    connect: Rc<dyn StreamClientEndpoint>,
    text: Rc<str>,
    live: Live,
    own_ports: Rc<OwnPorts>,
}

impl Outgoing {
    /// The accepted half of a new junction, which makes the other half when it is connected.
    fn accepted(&self, peer: &Address) -> Counted<Half> {
        let this = self.clone();
        let dial = move |junction: &Rc<Junction>| this.dial(junction);
        let (text, peer) = (self.text.clone(), peer.clone());
        let trouble = move |error: &(dyn Error + 'static)| {
            report::note(format_args!("error: relaying {peer} to {text}: {}", Chain(error)));
        };
        self.live.counted(Half::new(Junction::new(dial, trouble), Side::Accepted))
    }

    fn dial(&self, junction: &Rc<Junction>) -> Deferred<()> {
        let half = self.live.counted(Half::new(junction.clone(), Side::Connected));
        let own_ports = self.own_ports.clone();
        protocol::connect_protocol(&*self.connect, half).add_callback(move |connected| {
            // Without a transport it has ended already.
            if let Some(transport) = connected.transport() {
                own_ports.connected(&transport.host(), &transport.peer());
            }
            Ok(())
        })
    }
}
