//! The reactor as the capabilities that other crates ask for, and its timers.
//!
//! Invariant: every method is a few lines that lead to the file of its concept.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use deferred::Deferred;
use interfaces::delayed_call::{TimerKey, Timers};
use interfaces::{
    Address, AdoptError, ConnectTcp, ConnectUnix, DelayedCall, Factory, FromThread, ListenError,
    ListenTcp, ListenUnix, ListeningPort, NotPending, NotRunning, Phase, ReactorCore,
    ReactorSocket, ReactorTcp, ReactorThreads, ReactorTime, ReactorUnix, Resolver, SystemEvent,
    ThreadOutcome, Trigger, TriggerId,
};

use crate::Kernel;
use crate::core::Core;
use crate::os_error;
use crate::reactor::Reactor;
use crate::run::lifetime::Stage;
use crate::stream::flags::Origin;
use crate::sys::Sys;

impl<S: Sys> Core<S> {
    pub(crate) fn call_later(&self, delay: Duration, call: Box<dyn FnOnce()>) -> DelayedCall {
        let time = self.sys.now().saturating_add(delay);
        let key = self.timers.borrow_mut().insert(time, call);
        DelayedCall::new(self.me.clone(), key)
    }

    fn port(
        &self,
        address: impl FnOnce() -> Address,
        listener: S::Listener,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        match self.open_port(listener, factory) {
            Ok(port) => Ok(port),
            Err(error) => Err(not_watched(address(), &error)),
        }
    }
}

impl<S: Sys> Timers for Core<S> {
    fn time(&self, key: TimerKey) -> Option<Duration> {
        self.timers.borrow().time(key)
    }

    fn cancel(&self, key: TimerKey) -> Result<(), NotPending> {
        let call = self.timers.borrow_mut().cancel(key)?;
        // Dropped with nothing borrowed: what it captured may have a Drop of its own.
        drop(call);
        Ok(())
    }

    fn reset(&self, key: TimerKey, delay: Duration) -> Result<(), NotPending> {
        let time = self.sys.now().saturating_add(delay);
        self.timers.borrow_mut().set_time(key, time)
    }

    fn delay(&self, key: TimerKey, delay: Duration) -> Result<(), NotPending> {
        let mut timers = self.timers.borrow_mut();
        let time = timers.time(key).ok_or(NotPending)?.saturating_add(delay);
        timers.set_time(key, time)
    }
}

impl<S: Sys> ReactorTime for Reactor<S> {
    fn now(&self) -> Duration {
        self.core().sys.now()
    }

    fn call_later(&self, delay: Duration, call: Box<dyn FnOnce()>) -> DelayedCall {
        self.core().call_later(delay, call)
    }
}

impl<S: Sys> ReactorTcp for Reactor<S> {
    fn listen_tcp(
        &self,
        options: &ListenTcp,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        let listener = self.core().sys.listen_tcp(options)?;
        self.core().port(|| Address::from(options.address), listener, factory)
    }

    fn connect_tcp(&self, options: &ConnectTcp, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.core().connect_tcp(options, factory)
    }
}

impl<S: Sys> ReactorUnix for Reactor<S> {
    fn listen_unix(
        &self,
        options: &ListenUnix,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        let listener = self.core().sys.listen_unix(options)?;
        self.core().port(|| Address::Unix(options.address.clone()), listener, factory)
    }

    fn connect_unix(&self, options: &ConnectUnix, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.core().connect_unix(options, factory)
    }
}

impl ReactorSocket for Reactor<Kernel> {
    fn adopt_stream_port(
        &self,
        descriptor: OwnedFd,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        let listener = self.core().sys.adopt_listener(descriptor)?;
        let address = self.core().sys.listener_address(&listener);
        self.core().port(|| address, listener, factory)
    }

    fn adopt_stream_connection(
        &self,
        descriptor: OwnedFd,
        factory: Rc<dyn Factory>,
    ) -> Result<(), AdoptError> {
        let core = self.core();
        let unsuitable = |reason| AdoptError::Unsuitable { reason };
        let socket = core.sys.adopt_stream(descriptor).map_err(unsuitable)?;
        let peer = core.sys.peer_address(&socket);
        let built = core.call("factory", Some(&peer), || factory.build_protocol(&peer));
        let Ok(Some(deliver)) = built else { return Err(AdoptError::NoProtocol) };
        let core = core.me.clone();
        // On a later turn, so that the caller is done with its own call first.
        self.call_later(Duration::ZERO, move || {
            if let Some(core) = core.upgrade() {
                // A socket that cannot be watched was told to its protocol as lost.
                drop(core.enter(socket, (peer, None), Origin::Adopted, deliver));
            }
        });
        Ok(())
    }
}

impl<S: Sys> ReactorCore for Reactor<S> {
    fn running(&self) -> bool {
        self.core().lifetime.stage() == Stage::Running
    }

    fn stop(&self) -> Result<(), NotRunning> {
        self.core().stop()
    }

    fn add_system_event_trigger(
        &self,
        phase: Phase,
        event: SystemEvent,
        trigger: Trigger,
    ) -> TriggerId {
        self.core().lifetime.triggers.add(phase, event, trigger)
    }

    fn remove_system_event_trigger(&self, id: TriggerId) -> bool {
        self.core().lifetime.triggers.remove(id)
    }

    fn call_when_running(&self, call: Box<dyn FnOnce()>) {
        self.core().when_running(call);
    }
}

impl<S: Sys> ReactorThreads for Reactor<S> {
    fn remote(&self) -> Arc<dyn FromThread> {
        self.shared_remote()
    }

    fn call_in_thread(&self, work: Box<dyn FnOnce() + Send>, done: Box<dyn FnOnce(ThreadOutcome)>) {
        self.core().call_in_thread(work, done);
    }

    fn suggest_thread_pool_size(&self, threads: usize) {
        self.core().works.set_threads_max(threads);
    }
}

impl<S: Sys> Resolver for Reactor<S> {
    fn resolve_host_name(&self, host: &str, port: u16) -> Deferred<Vec<SocketAddr>> {
        self.core().resolve(host, port)
    }
}

fn not_watched(address: Address, error: &io::Error) -> ListenError {
    let hint = "the reactor cannot watch it";
    ListenError::Refused { address, source: os_error(error), hint }
}
