//! Sockets of the operating system: TCP over IPv4 and IPv6, UNIX, and adopted ports.
//!
//! Invariant: all addresses are on loopback or in a fresh directory, and the system chooses the ports.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::rc::Rc;

use deferred::{Deferred, Failure};
use endpoints::{TcpClientEndpoint, TcpServerEndpoint, UnixClientEndpoint, UnixServerEndpoint};
use interfaces::{
    Address, ConnectUnix, ListenUnix, ReactorFdSet, StreamClientEndpoint, StreamServerEndpoint,
    UnixAddress,
};
use reactor::{Kernel, Reactor};
use systemd::{AdoptedStreamServerEndpoint, ListenFds, Selector};
use tempfile::TempDir;

use super::reactor_world::{Place, ReactorWorld, limits, missing};
use crate::suite::{Ability, Subject, World};

/// TCP over IPv4.
pub fn tcp4() -> KernelSubject {
    KernelSubject { name: "tcp4", kind: Kind::Tcp(IpAddr::V4(Ipv4Addr::LOCALHOST)) }
}

/// TCP over IPv6.
pub fn tcp6() -> KernelSubject {
    KernelSubject { name: "tcp6", kind: Kind::Tcp(IpAddr::V6(Ipv6Addr::LOCALHOST)) }
}

/// UNIX stream sockets, by path.
pub fn unix() -> KernelSubject {
    KernelSubject { name: "unix", kind: Kind::Unix }
}

/// TCP ports that are opened outside the reactor, which adopts their descriptors.
pub fn adopted() -> KernelSubject {
    KernelSubject { name: "adopted", kind: Kind::Adopted }
}

/// A kind of socket.
#[derive(Clone, Copy, Debug)]
pub struct KernelSubject {
    name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Tcp(IpAddr),
    Unix,
    Adopted,
}

impl Subject for KernelSubject {
    fn name(&self) -> &str {
        self.name
    }

    fn missing(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Tcp(interface) => missing(interface),
            _ => None,
        }
    }

    fn lacks(&self, ability: Ability) -> Option<&'static str> {
        match (ability, self.kind) {
            (Ability::PassDescriptors, Kind::Tcp(_) | Kind::Adopted) => {
                Some("only a UNIX socket passes descriptors")
            }
            (Ability::TcpOptions, Kind::Unix) => Some("a UNIX socket has no TCP options"),
            (Ability::Reset, Kind::Unix) => {
                Some("a UNIX socket has no reset: its peer finds an end of file")
            }
            _ => None,
        }
    }

    fn world(&self, _round: u32) -> Result<Rc<dyn World>, Failure> {
        let reactor = Reactor::with_limits(limits())?;
        Ok(match self.kind {
            Kind::Tcp(interface) => Rc::new(ReactorWorld::new(reactor, Tcp { interface })),
            Kind::Unix => {
                let place = Unix { directory: TempDir::new()?, names: Cell::new(0) };
                Rc::new(ReactorWorld::new(reactor, place))
            }
            Kind::Adopted => Rc::new(ReactorWorld::new(reactor, Adopted)),
        })
    }
}

/// TCP ports that the reactor opens.
struct Tcp {
    interface: IpAddr,
}

impl Place<Kernel> for Tcp {
    fn server(&self, reactor: &Reactor) -> Rc<dyn StreamServerEndpoint> {
        Rc::new(TcpServerEndpoint::new(reactor.clone(), 0).with_interface(self.interface))
    }

    fn client(&self, reactor: &Reactor, to: &Address) -> Rc<dyn StreamClientEndpoint> {
        Rc::new(TcpClientEndpoint::new(reactor.clone(), self.interface, to.port().unwrap_or(0)))
    }

    fn unused_address(&self) -> Address {
        free_port(self.interface)
    }

    fn fd_set(&self, reactor: &Reactor) -> Option<Rc<dyn ReactorFdSet>> {
        Some(Rc::new(reactor.clone()))
    }
}

/// A port that was free a moment ago. The system assigns ports in turn, so it stays free for a while.
fn free_port(interface: IpAddr) -> Address {
    let free = TcpListener::bind((interface, 0)).and_then(|listener| listener.local_addr());
    Address::from(free.unwrap_or(SocketAddr::new(interface, 0)))
}

/// UNIX sockets in a directory that is removed with the world.
struct Unix {
    directory: TempDir,
    names: Cell<u32>,
}

impl Unix {
    fn path(&self, name: &str) -> UnixAddress {
        use std::os::unix::ffi::OsStrExt;
        UnixAddress::Path(self.directory.path().join(name).as_os_str().as_bytes().into())
    }
}

impl Place<Kernel> for Unix {
    fn server(&self, reactor: &Reactor) -> Rc<dyn StreamServerEndpoint> {
        self.names.set(self.names.get() + 1);
        let options = ListenUnix::new(self.path(&self.names.get().to_string()));
        Rc::new(UnixServerEndpoint::new(reactor.clone(), options))
    }

    fn client(&self, reactor: &Reactor, to: &Address) -> Rc<dyn StreamClientEndpoint> {
        let address = match to {
            Address::Unix(address) => address.clone(),
            other => self.path(&other.to_string()),
        };
        Rc::new(UnixClientEndpoint::new(reactor.clone(), ConnectUnix::new(address)))
    }

    fn unused_address(&self) -> Address {
        Address::Unix(self.path("nobody"))
    }

    fn fd_set(&self, reactor: &Reactor) -> Option<Rc<dyn ReactorFdSet>> {
        Some(Rc::new(reactor.clone()))
    }

    fn leftovers(&self, _reactor: &Reactor) -> Vec<String> {
        let files = std::fs::read_dir(self.directory.path()).into_iter().flatten();
        let sockets = files.filter_map(Result::ok).filter(|file| {
            // The lock file stays, as another server may hold its lock.
            file.path().extension().is_none_or(|extension| extension != "lock")
        });
        sockets.map(|file| format!("the file {}", file.path().display())).collect()
    }
}

/// TCP ports that are adopted from descriptors.
struct Adopted;

impl Place<Kernel> for Adopted {
    fn server(&self, reactor: &Reactor) -> Rc<dyn StreamServerEndpoint> {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, 0)) {
            Ok(listener) => {
                let inherited = ListenFds::from_descriptors([("web", listener.into())]);
                let selector = Selector::Name("web".into());
                let reactor = Rc::new(reactor.clone());
                Rc::new(AdoptedStreamServerEndpoint::new(reactor, inherited, selector, None))
            }
            Err(error) => Rc::new(Unopened(Failure::new(error))),
        }
    }

    fn client(&self, reactor: &Reactor, to: &Address) -> Rc<dyn StreamClientEndpoint> {
        Tcp { interface: IpAddr::V4(Ipv4Addr::LOCALHOST) }.client(reactor, to)
    }

    fn unused_address(&self) -> Address {
        free_port(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    fn fd_set(&self, reactor: &Reactor) -> Option<Rc<dyn ReactorFdSet>> {
        Some(Rc::new(reactor.clone()))
    }
}

/// The system gave no port to adopt.
struct Unopened(Failure);

impl StreamServerEndpoint for Unopened {
    fn listen(
        &self,
        _factory: Rc<dyn interfaces::Factory>,
    ) -> Deferred<Rc<dyn interfaces::ListeningPort>> {
        Deferred::fail(self.0.clone())
    }
}
