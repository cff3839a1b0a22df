//! TCP and UNIX sockets in the simulated network, with all faults that a program must not notice.
//!
//! Invariant: the round is the seed, so that its number reproduces a failure.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use deferred::Failure;
use endpoints::{TcpClientEndpoint, UnixClientEndpoint, UnixServerEndpoint};
use interfaces::{
    Address, ConnectUnix, ListenUnix, StreamClientEndpoint, StreamServerEndpoint, UnixAddress,
};
use reactor::simulated::{Faults, Links, Simulated};
use reactor::{Limits, Reactor};

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
            Ability::Descriptors => Some(NO_DESCRIPTOR),
            Ability::FdSet => Some(NO_POLL),
            Ability::PassDescriptors => Some("only a UNIX socket passes descriptors"),
            _ => None,
        }
    }

    fn world(&self, round: u32) -> Result<Rc<dyn World>, Failure> {
        let ports = Ports { next: Cell::new(8000) };
        Ok(Rc::new(ReactorWorld::new(faulty_reactor(round, limits()), ports)))
    }

    fn rounds(&self) -> u32 {
        self.seeds
    }

    fn large_bytes(&self) -> usize {
        LARGE_BYTES
    }
}

/// UNIX sockets in the simulated network, with the same faults.
#[derive(Clone, Copy, Debug)]
pub struct SimulatedUnix {
    /// The number of seeds of each case.
    pub seeds: u32,
}

impl Subject for SimulatedUnix {
    fn name(&self) -> &str {
        "simulated-unix"
    }

    fn lacks(&self, ability: Ability) -> Option<&'static str> {
        match ability {
            Ability::Descriptors => Some(NO_DESCRIPTOR),
            Ability::FdSet => Some(NO_POLL),
            Ability::TcpOptions => Some("a UNIX socket has no TCP options"),
            Ability::Reset => Some("a UNIX socket has no reset: its peer finds an end of file"),
            _ => None,
        }
    }

    fn world(&self, round: u32) -> Result<Rc<dyn World>, Failure> {
        let paths = Paths { next: Cell::new(0) };
        // Without a latency a busy turn takes a microsecond, so a time to linger is many turns.
        let limits = limits().with_linger(Duration::from_millis(10));
        Ok(Rc::new(ReactorWorld::new(faulty_reactor(round, limits), paths)))
    }

    fn rounds(&self) -> u32 {
        self.seeds
    }

    fn large_bytes(&self) -> usize {
        LARGE_BYTES
    }
}

const NO_DESCRIPTOR: &str = "a simulated connection has no descriptor";
const NO_POLL: &str = "a simulated network polls no descriptors of others";

/// The size of a large transfer. A quarter of it is above what a connection holds under any seed: 64 KiB each in the
/// writer's queue, in its socket, on the way and in the reader's socket.
const LARGE_BYTES: usize = 2 * 1024 * 1024;

/// A reactor on a network with this seed.
fn faulty_reactor(seed: u32, limits: Limits) -> Reactor<Simulated> {
    let network = Simulated::new(u64::from(seed));
    network.set_faults(Faults::harmless());
    network.set_links(Links {
        buffer: 4096..=64 * 1024,
        segment: 1024..=16 * 1024,
        ..Links::default()
    });
    Reactor::on(network, limits)
}

/// What a network holds that its reactor does not.
fn carried(reactor: &Reactor<Simulated>) -> Vec<String> {
    let carried = reactor.system().carried();
    let counts =
        [(carried.streams, "simulated streams"), (carried.listeners, "simulated listeners")];
    let some = counts.into_iter().filter(|(count, _)| *count > 0);
    some.map(|(count, what)| format!("{count} {what}")).collect()
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
        carried(reactor)
    }

    fn hold_clock(&self, reactor: &Reactor<Simulated>) -> Box<dyn Send> {
        Box::new(reactor.system().hold_clock())
    }
}

/// Paths of a private file system.
struct Paths {
    next: Cell<u32>,
}

fn path(name: &str) -> UnixAddress {
    UnixAddress::Path(Rc::from(name.as_bytes()))
}

impl Place<Simulated> for Paths {
    fn server(&self, reactor: &Reactor<Simulated>) -> Rc<dyn StreamServerEndpoint> {
        self.next.set(self.next.get() + 1);
        let options = ListenUnix::new(path(&format!("/run/{}", self.next.get())));
        Rc::new(UnixServerEndpoint::new(reactor.clone(), options))
    }

    fn client(&self, reactor: &Reactor<Simulated>, to: &Address) -> Rc<dyn StreamClientEndpoint> {
        let address = match to {
            Address::Unix(address) => address.clone(),
            other => path(&other.to_string()),
        };
        Rc::new(UnixClientEndpoint::new(reactor.clone(), ConnectUnix::new(address)))
    }

    fn unused_address(&self) -> Address {
        path("/run/nothing").into()
    }

    fn leftovers(&self, reactor: &Reactor<Simulated>) -> Vec<String> {
        carried(reactor)
    }

    fn hold_clock(&self, reactor: &Reactor<Simulated>) -> Box<dyn Send> {
        Box::new(reactor.system().hold_clock())
    }
}
