//! Echo between two protocols in one thread: in memory, in the simulated network, over the kernel.
//!
//! Invariant: both protocols are the same in all three, and every answer is compared.

use std::cell::Cell;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use interfaces::{
    ConnectTcp, ListenTcp, Protocol, ReactorTcp, StreamClientEndpoint as _,
    StreamServerEndpoint as _, Transport,
};
use protocol::factory_fn;
use protocol::testing::memory::Network;
use reactor::Reactor;
use reactor::simulated::{Faults, Links, Simulated};
use reactor::sys::StreamSys;
use serde_json::{Value, json};

/// The number of connections.
const CONNECTIONS: usize = 50;

/// The echoed message.
static MESSAGE: [u8; 64] = *b"a message of sixty-four bytes, sent back as it was and once more";

const WARM_UP: Duration = Duration::from_millis(50);
const TIME: Duration = Duration::from_millis(300);

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        transport.write(data);
    }
}

/// Sends the message again each time its echo has arrived.
struct Asker {
    answers: Rc<Cell<u64>>,
    came: usize,
}

impl Protocol for Asker {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        transport.write(&MESSAGE);
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        assert_eq!(data, &MESSAGE[self.came..self.came + data.len()], "another message came back");
        self.came += data.len();
        if self.came == MESSAGE.len() {
            self.came = 0;
            self.answers.set(self.answers.get() + 1);
            transport.write(&MESSAGE);
        }
    }
}

pub(crate) fn in_memory() -> Result<Value, Box<dyn Error>> {
    let network = Network::new();
    let answers = Rc::new(Cell::new(0));
    let listening = network.server("a").listen(factory_fn(|_peer| Echo));
    network.flush();
    let client = network.client("a");
    for _ in 0..CONNECTIONS {
        drop(client.connect(asker(&answers)));
    }
    drop(listening);
    count(&answers, || {
        network.pump();
        Ok(())
    })
}

/// A simulated network like the loopback it is compared with: no faults, no latency, no split segments.
pub(crate) fn simulated() -> Result<Value, Box<dyn Error>> {
    let network = Simulated::new(1);
    network.set_faults(Faults::none());
    network.set_links(Links::loopback());
    over(&Reactor::on(network, reactor::Limits::default()), 7)
}

pub(crate) fn over_the_kernel() -> Result<Value, Box<dyn Error>> {
    over(&Reactor::new()?, 0)
}

fn over<S: StreamSys>(reactor: &Reactor<S>, port: u16) -> Result<Value, Box<dyn Error>>
where
    Reactor<S>: ReactorTcp,
{
    let answers = Rc::new(Cell::new(0));
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let port = reactor.listen_tcp(&ListenTcp::new(address), factory_fn(|_peer| Echo))?;
    let address = port.host().as_socket_addr().ok_or("the port has no address")?;
    for _ in 0..CONNECTIONS {
        drop(reactor.connect_tcp(&ConnectTcp::new(address), asker(&answers)));
    }
    count(&answers, || Ok(reactor.turn(Some(Duration::from_secs(1)))?))
}

fn asker(answers: &Rc<Cell<u64>>) -> Rc<dyn interfaces::Factory> {
    let answers = Rc::clone(answers);
    factory_fn(move |_peer| Asker { answers: Rc::clone(&answers), came: 0 })
}

/// Runs until the time is over, and counts the echoes.
fn count(
    answers: &Cell<u64>,
    mut step: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<Value, Box<dyn Error>> {
    let begin = Instant::now();
    while begin.elapsed() < WARM_UP {
        step()?;
    }
    if answers.get() < CONNECTIONS as u64 {
        return Err("nothing is said back".into());
    }
    let (begin, before) = (Instant::now(), answers.get());
    while begin.elapsed() < TIME {
        step()?;
    }
    let nanoseconds = u64::try_from(begin.elapsed().as_nanos())?;
    Ok(json!({"operations": answers.get() - before, "nanoseconds": nanoseconds}))
}
