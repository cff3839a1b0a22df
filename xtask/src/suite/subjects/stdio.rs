//! Pairs of connections over two pipes, as of standard input and output.
//!
//! Invariant: a pair's four descriptors are its own.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::pipe;
use std::rc::Rc;

use deferred::{Deferred, Failure};
use interfaces::{
    Address, Factory, ListeningPort, ReactorDescriptors, ReactorFdSet, StreamClientEndpoint,
    StreamServerEndpoint,
};
use reactor::{Kernel, Reactor};

use super::reactor_world::{Place, ReactorWorld, limits};
use crate::suite::{Ability, Failed, Subject, World};

/// Two connections, each of which reads from one pipe and writes to another.
#[derive(Clone, Copy, Debug)]
pub struct StdioPairs;

impl Subject for StdioPairs {
    fn name(&self) -> &str {
        "stdio"
    }

    fn lacks(&self, ability: Ability) -> Option<&'static str> {
        match ability {
            Ability::Endpoints | Ability::Refusal | Ability::Attempt => {
                Some("nothing listens on two descriptors, and nothing connects to them")
            }
            Ability::Reset => Some("a pipe has no reset: its reader finds an end of file"),
            Ability::TcpOptions => Some("a pipe has no TCP options"),
            Ability::PassDescriptors => Some("only a UNIX socket passes descriptors"),
            _ => None,
        }
    }

    fn world(&self, _round: u32) -> Result<Rc<dyn World>, Failure> {
        let reactor = Reactor::with_limits(limits())?;
        Ok(Rc::new(ReactorWorld::new(reactor, Rc::new(Factories::default()))))
    }
}

/// The factories that wait for their pairs, by number.
#[derive(Default)]
struct Factories {
    count: Cell<u32>,
    waiting: RefCell<BTreeMap<u32, Rc<dyn Factory>>>,
}

fn address(number: u32) -> Address {
    Address::Other(number.to_string().into())
}

impl Place<Kernel> for Rc<Factories> {
    fn server(&self, _: &Reactor) -> Rc<dyn StreamServerEndpoint> {
        Rc::new(Waiting { factories: self.clone() })
    }

    fn client(&self, reactor: &Reactor, to: &Address) -> Rc<dyn StreamClientEndpoint> {
        let number = to.to_string().parse().ok();
        let factory = number.and_then(|number| self.waiting.borrow().get(&number).cloned());
        Rc::new(Joining { reactor: reactor.clone(), to: to.clone(), factory })
    }

    fn unused_address(&self) -> Address {
        address(0)
    }

    fn fd_set(&self, reactor: &Reactor) -> Option<Rc<dyn ReactorFdSet>> {
        Some(Rc::new(reactor.clone()))
    }
}

struct Waiting {
    factories: Rc<Factories>,
}

impl StreamServerEndpoint for Waiting {
    fn listen(&self, factory: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
        let number = self.factories.count.get() + 1;
        self.factories.count.set(number);
        drop(self.factories.waiting.borrow_mut().insert(number, factory));
        Deferred::succeed(Rc::new(WaitingFactory { factories: self.factories.clone(), number }))
    }
}

/// A factory that waits.
struct WaitingFactory {
    factories: Rc<Factories>,
    number: u32,
}

impl ListeningPort for WaitingFactory {
    fn host(&self) -> Address {
        address(self.number)
    }

    fn stop_listening(&self) -> Deferred<()> {
        let factory = self.factories.waiting.borrow_mut().remove(&self.number);
        drop(factory);
        Deferred::succeed(())
    }
}

/// Joins a client's factory with one that waits.
struct Joining {
    reactor: Reactor,
    to: Address,
    factory: Option<Rc<dyn Factory>>,
}

impl Joining {
    fn join(&self, client: &dyn Factory) -> Result<(), Failure> {
        let nobody = || Failed::new(format!("no factory waits at {}", self.to));
        let server = self.factory.clone().ok_or_else(nobody)?;
        let refused = || Failed::new("a factory built no protocol");
        let far = server.build_protocol(&self.to).ok_or_else(refused)?;
        let near = client.build_protocol(&self.to).ok_or_else(refused)?;
        let (far_input, near_output) = pipe()?;
        let (near_input, far_output) = pipe()?;
        self.reactor.open_descriptors(far_input.into(), far_output.into(), far)?;
        Ok(self.reactor.open_descriptors(near_input.into(), near_output.into(), near)?)
    }
}

impl StreamClientEndpoint for Joining {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        match self.join(&*factory) {
            Ok(()) => Deferred::succeed(()),
            Err(failure) => Deferred::fail(failure),
        }
    }
}
