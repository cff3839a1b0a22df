//! A subject with a fault, over another subject.
//!
//! Invariant: everything but the fault is forwarded to the world below.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use deferred::{Deferred, Failure};
use interfaces::{
    Address, DelayedCall, Factory, FromThread, ListeningPort, Observer, ReactorCore,
    ReactorThreads, ReactorTime, StreamClientEndpoint, StreamServerEndpoint, ThreadOutcome,
};

use super::Fault;
use super::datagrams::FaultyPorts;
use super::layer::FaultyFactory;
use super::programs::FaultyPrograms;
use crate::suite::{Ability, Carries, ChildPrograms, DatagramPorts, Subject, World};

pub(super) struct FaultySubject {
    pub(super) below: Arc<dyn Subject>,
    pub(super) fault: Fault,
}

impl Subject for FaultySubject {
    fn name(&self) -> &str {
        "faulty"
    }

    fn lacks(&self, ability: Ability) -> Option<&'static str> {
        self.below.lacks(ability)
    }

    fn carries(&self) -> Carries {
        self.below.carries()
    }

    fn world(&self, round: u32) -> Result<Rc<dyn World>, Failure> {
        Ok(Rc::new(FaultyWorld { below: self.below.world(round)?, fault: self.fault }))
    }

    fn large_bytes(&self) -> usize {
        self.below.large_bytes()
    }
}

struct FaultyWorld {
    below: Rc<dyn World>,
    fault: Fault,
}

/// An endpoint, server or client, that wraps its factory.
struct FaultyEndpoint<E> {
    endpoint: E,
    fault: Fault,
    time: Rc<dyn ReactorTime>,
}

impl<E> FaultyEndpoint<E> {
    fn wrap(&self, factory: Rc<dyn Factory>) -> Rc<dyn Factory> {
        Rc::new(FaultyFactory { fault: self.fault, time: self.time.clone(), factory })
    }
}

impl<E: StreamServerEndpoint> StreamServerEndpoint for FaultyEndpoint<E> {
    fn listen(&self, factory: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
        self.endpoint.listen(self.wrap(factory))
    }
}

impl<E: StreamClientEndpoint> StreamClientEndpoint for FaultyEndpoint<E> {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.endpoint.connect(self.wrap(factory))
    }
}

impl World for FaultyWorld {
    fn server(&self) -> Rc<dyn StreamServerEndpoint> {
        let (fault, time) = (self.fault, self.below.time());
        Rc::new(FaultyEndpoint { endpoint: self.below.server(), fault, time })
    }

    fn client(&self, address: &Address) -> Rc<dyn StreamClientEndpoint> {
        let (fault, time) = (self.fault, self.below.time());
        Rc::new(FaultyEndpoint { endpoint: self.below.client(address), fault, time })
    }

    fn datagrams(&self) -> Option<Rc<dyn DatagramPorts>> {
        let below = self.below.datagrams()?;
        Some(Rc::new(FaultyPorts { below, fault: self.fault }))
    }

    fn turn(&self) -> Result<(), Failure> {
        self.below.turn()
    }

    fn time(&self) -> Rc<dyn ReactorTime> {
        Rc::new(FaultyTime { below: self.below.time(), fault: self.fault })
    }

    fn core(&self) -> Option<Rc<dyn ReactorCore>> {
        self.below.core()
    }

    fn run(&self) -> Result<(), Failure> {
        self.below.run()
    }

    fn running_protocol(&self) -> Option<&'static str> {
        self.below.running_protocol()
    }

    fn threads(&self) -> Option<Rc<dyn ReactorThreads>> {
        let below = self.below.threads()?;
        match self.fault {
            Fault::WorksOnTheLoop => Some(Rc::new(FaultyThreads(below))),
            _ => Some(below),
        }
    }

    fn programs(&self) -> Option<Rc<dyn ChildPrograms>> {
        let below = self.below.programs()?;
        Some(Rc::new(FaultyPrograms { below, fault: self.fault }))
    }

    fn set_observer(&self, observer: Rc<dyn Observer>) {
        self.below.set_observer(observer);
    }

    fn leftovers(&self) -> Vec<String> {
        self.below.leftovers()
    }
}

struct FaultyTime {
    below: Rc<dyn ReactorTime>,
    fault: Fault,
}

impl ReactorTime for FaultyTime {
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

    fn delayed_calls(&self) -> Vec<DelayedCall> {
        self.below.delayed_calls()
    }
}

struct FaultyThreads(Rc<dyn ReactorThreads>);

impl ReactorThreads for FaultyThreads {
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
