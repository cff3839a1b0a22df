//! Lives of datagram sockets: questions that are asked again until they are answered.
//!
//! Invariant: each question is answered, and no answer is for a question that was not asked.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{Address, DatagramProtocol, DatagramTransport, ListenUdp, ReactorUdp};
use protocol::{DatagramProtocolRef, datagram_protocol};
use reactor::simulation::SimulatedWorld;

/// The time after which what is missing is asked for again.
const AGAIN: Duration = Duration::from_millis(20);

/// The end of a run whose questions are answered no more.
const END: Duration = Duration::from_secs(60);

/// Sends everything back.
struct EchoPort;

impl DatagramProtocol for EchoPort {
    fn datagram_received(
        &mut self,
        transport: &Rc<dyn DatagramTransport>,
        data: &[u8],
        sender: &Address,
    ) {
        // An error of the socket costs the answer, which is asked for again.
        let _ = transport.send_to(data, sender);
    }
}

/// Asks the questions whose answers are missing.
struct Asker {
    world: SimulatedWorld,
    server: Address,
    missing: BTreeSet<u32>,
    questions: u32,
}

impl Asker {
    fn ask(&self, transport: &Rc<dyn DatagramTransport>) {
        for number in &self.missing {
            let mut question = number.to_be_bytes().to_vec();
            question.resize(4 + *number as usize * 40, *number as u8);
            // As above.
            let _ = transport.send_to(&question, &self.server);
        }
    }
}

impl DatagramProtocol for Asker {
    fn datagram_received(&mut self, _: &Rc<dyn DatagramTransport>, data: &[u8], sender: &Address) {
        let number = data.first_chunk().map(|number| u32::from_be_bytes(*number));
        let Some(number) = number.filter(|number| *number < self.questions) else {
            return self.world.fail(format!("no such question: {data:?}"));
        };
        let is_whole = data.len() == 4 + number as usize * 40
            && data[4..].iter().all(|byte| *byte == number as u8);
        if *sender != self.server || !is_whole {
            self.world.fail(format!("{sender} changed an answer: {data:?}"));
        }
        self.missing.remove(&number);
    }
}

type Ports = Rc<RefCell<Vec<Rc<dyn DatagramTransport>>>>;

/// Sets up pairs of sockets, two lives each.
pub(crate) fn begin(world: &SimulatedWorld, lives: usize) {
    world.stop_after(END);
    for _ in 0..lives / 2 {
        // The plain answer begins none, so a shrunk run has few.
        if world.choose(20) > 0 {
            let (of_pair, delay) = (world.clone(), world.delay(Duration::from_millis(50)));
            world.reactor().call_later(delay, move || begin_pair(&of_pair));
        }
    }
}

fn begin_pair(world: &SimulatedWorld) {
    let options = ListenUdp::new(([127, 0, 0, 1], 0));
    let listen = |protocol| world.reactor().listen_udp(&options, protocol);
    let Ok(server) = listen(datagram_protocol(EchoPort)) else {
        return world.fail("no port for a server");
    };
    let questions = 1 + world.choose(30) as u32;
    let asker = Asker {
        world: world.clone(),
        server: server.host(),
        missing: (0..questions).collect(),
        questions,
    };
    let asker = DatagramProtocolRef::new(asker);
    let Ok(client) = listen(asker.as_deliver()) else {
        return world.fail("no port for a client");
    };
    let (of_end, what) = (asker.clone(), format!("{questions} questions"));
    world.at_end(&what, move || {
        let missing = Rc::new(Cell::new(0));
        let seen = missing.clone();
        of_end.enter(move |asker| seen.set(asker.missing.len()));
        match missing.get() {
            0 => Ok(()),
            missing => Err(format!("{missing} are not answered")),
        }
    });
    let ports: Ports = Rc::new(RefCell::new(vec![server, client]));
    go_on(world, &asker, &ports);
}

/// Asks until nothing is missing; then the ports are closed.
fn go_on(world: &SimulatedWorld, asker: &DatagramProtocolRef<Asker>, ports: &Ports) {
    let (world, again, ports) = (world.clone(), asker.clone(), ports.clone());
    asker.enter_with(move |asker, transport| {
        if asker.missing.is_empty() {
            for port in ports.take() {
                drop(port.stop_listening());
            }
            return;
        }
        asker.ask(transport);
        let reactor = world.reactor().clone();
        reactor.call_later(AGAIN, move || go_on(&world, &again, &ports));
    });
}
