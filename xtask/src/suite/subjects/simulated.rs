//! TCP in the simulated network, with all faults that a program must not notice.
//!
//! Invariant: the round is the seed, so that its number reproduces a failure.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;

use deferred::Failure;
use endpoints::TcpClientEndpoint;
use interfaces::{Address, StreamClientEndpoint, StreamServerEndpoint};
use reactor::Reactor;
use reactor::simulated::{Faults, Links, Simulated};

use super::reactor_world::{Place, ReactorWorld, limits};
use crate::suite::{Ability, Subject, World};

/// A simulated network: short reads and writes, spontaneous `EAGAIN` and `EINTR`, late and
/// spurious reports, lost segments, small buffers.
#[derive(Clone, Copy, Debug)]
pub struct SimulatedTcp {
    /// The number of seeds of each case.
    pub seeds: u32,
}

impl Subject for SimulatedTcp {
    fn name(&self) -> &str {
        "simulated"
    }

    fn lacks(&self, ability: Ability) -> Option<&'static str> {
        match ability {
            Ability::Descriptors => Some("a simulated connection has no descriptor"),
            _ => None,
        }
    }

    fn world(&self, round: u32) -> Result<Rc<dyn World>, Failure> {
        let network = Simulated::new(u64::from(round));
        network.set_faults(Faults::harmless());
        network.set_links(Links {
            buffer: 4096..=64 * 1024,
            segment: 1024..=16 * 1024,
            ..Links::default()
        });
        let reactor = Reactor::on(network, limits());
        Ok(Rc::new(ReactorWorld::new(reactor, Ports { next: Cell::new(8000) })))
    }

    fn rounds(&self) -> u32 {
        self.seeds
    }

    fn large_bytes(&self) -> usize {
        1024 * 1024
    }
}

/// Ports of a private network, whose numbers are free to choose.
struct Ports {
    next: Cell<u16>,
}

impl Place<Simulated> for Ports {
    fn server(&self, reactor: &Reactor<Simulated>) -> Rc<dyn StreamServerEndpoint> {
        self.next.set(self.next.get() + 1);
        let endpoint = endpoints::TcpServerEndpoint::new(reactor.clone(), self.next.get());
        Rc::new(endpoint.with_interface(IpAddr::V4(Ipv4Addr::LOCALHOST)))
    }

    fn client(&self, reactor: &Reactor<Simulated>, to: &Address) -> Rc<dyn StreamClientEndpoint> {
        let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Rc::new(TcpClientEndpoint::new(reactor.clone(), host, to.port().unwrap_or(0)))
    }

    fn unused_address(&self) -> Address {
        Address::from(SocketAddr::from((Ipv4Addr::LOCALHOST, 7)))
    }

    fn leftovers(&self, reactor: &Reactor<Simulated>) -> Vec<String> {
        let carried = reactor.system().carried();
        let counts =
            [(carried.streams, "simulated streams"), (carried.listeners, "simulated listeners")];
        let some = counts.into_iter().filter(|(count, _)| *count > 0);
        some.map(|(count, what)| format!("{count} {what}")).collect()
    }

    fn hold_clock(&self, reactor: &Reactor<Simulated>) -> Box<dyn Send> {
        Box::new(reactor.system().hold_clock())
    }
}
