//! A subject with a fault, over another one.
//!
//! Invariant: what is not sabotaged is the world's below.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use deferred::{Deferred, Failure};
use interfaces::{
    Address, DelayedCall, Factory, FromThread, ListeningPort, Observer, ReactorCore,
    ReactorThreads, ReactorTime, StreamClientEndpoint, StreamServerEndpoint, ThreadOutcome,
};

use super::Fault;
use super::layer::BadFactory;
use crate::suite::{Ability, Subject, World};

pub(super) struct Sabotaged {
    pub(super) below: Arc<dyn Subject>,
    pub(super) fault: Fault,
}

impl Subject for Sabotaged {
    fn name(&self) -> &str {
        "sabotaged"
    }

    fn lacks(&self, ability: Ability) -> Option<&'static str> {
        self.below.lacks(ability)
    }

    fn world(&self, round: u32) -> Result<Rc<dyn World>, Failure> {
        Ok(Rc::new(BadWorld { below: self.below.world(round)?, fault: self.fault }))
    }

    fn large_bytes(&self) -> usize {
        self.below.large_bytes()
    }
}

struct BadWorld {
    below: Rc<dyn World>,
    fault: Fault,
}

/// Both kinds of endpoint, with the factory wrapped.
struct BadEndpoint<E> {
    endpoint: E,
    fault: Fault,
    time: Rc<dyn ReactorTime>,
}

impl<E> BadEndpoint<E> {
    fn wrap(&self, factory: Rc<dyn Factory>) -> Rc<dyn Factory> {
        Rc::new(BadFactory { fault: self.fault, time: self.time.clone(), factory })
    }
}

impl<E: StreamServerEndpoint> StreamServerEndpoint for BadEndpoint<E> {
    fn listen(&self, factory: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
        self.endpoint.listen(self.wrap(factory))
    }
}

impl<E: StreamClientEndpoint> StreamClientEndpoint for BadEndpoint<E> {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.endpoint.connect(self.wrap(factory))
    }
}

impl World for BadWorld {
    fn server(&self) -> Rc<dyn StreamServerEndpoint> {
        let (fault, time) = (self.fault, self.below.time());
        Rc::new(BadEndpoint { endpoint: self.below.server(), fault, time })
    }

    fn client(&self, address: &Address) -> Rc<dyn StreamClientEndpoint> {
        let (fault, time) = (self.fault, self.below.time());
        Rc::new(BadEndpoint { endpoint: self.below.client(address), fault, time })
    }

    fn turn(&self) -> Result<(), Failure> {
        self.below.turn()
    }

    fn time(&self) -> Rc<dyn ReactorTime> {
        Rc::new(BadTime { below: self.below.time(), fault: self.fault })
    }

    fn core(&self) -> Option<Rc<dyn ReactorCore>> {
        self.below.core()
    }

    fn run(&self) -> Result<(), Failure> {
        self.below.run()
    }

    fn threads(&self) -> Option<Rc<dyn ReactorThreads>> {
        let below = self.below.threads()?;
        match self.fault {
            Fault::WorksOnTheLoop => Some(Rc::new(BadThreads(below))),
            _ => Some(below),
        }
    }

    fn set_observer(&self, observer: Rc<dyn Observer>) {
        self.below.set_observer(observer);
    }

    fn leftovers(&self) -> Vec<String> {
        self.below.leftovers()
    }
}

struct BadTime {
    below: Rc<dyn ReactorTime>,
    fault: Fault,
}

impl ReactorTime for BadTime {
    fn now(&self) -> Duration {
        self.below.now()
    }

    fn call_later(&self, delay: Duration, call: Box<dyn FnOnce()>) -> DelayedCall {
        match self.fault {
            Fault::CallsEarly => self.below.call_later(delay / 2, call),
            Fault::CallsInside if delay.is_zero() => {
                call();
                self.below.call_later(delay, Box::new(|| {}))
            }
            _ => self.below.call_later(delay, call),
        }
    }
}

struct BadThreads(Rc<dyn ReactorThreads>);

impl ReactorThreads for BadThreads {
    fn remote(&self) -> Arc<dyn FromThread> {
        self.0.remote()
    }

    fn call_in_thread(&self, work: Box<dyn FnOnce() + Send>, done: Box<dyn FnOnce(ThreadOutcome)>) {
        work();
        self.0.call_in_thread(Box::new(|| {}), done);
    }

    fn suggest_thread_pool_size(&self, threads: usize) {
        self.0.suggest_thread_pool_size(threads);
    }
}
