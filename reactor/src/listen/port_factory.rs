//! [`PortFactory`]: the factory of a port, from its start to its stop.
//!
//! Invariant: `do_start` comes before the first `build_protocol`, and `do_stop`, once, after the last.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::task::Waker;

use deferred::Failure;
use interfaces::{Address, Factory, OsError, ReactorEvent, Reason};

use crate::core::Core;
use crate::stream::admit::Connected;
use crate::stream::flags::Origin;
use crate::sys::StreamSys;
use crate::sys::os_error::os_error;

/// A factory, and the address of the port that uses it.
pub(crate) struct PortFactory {
    address: Rc<Address>,
    factory: RefCell<Option<Rc<dyn Factory>>>,
    /// What logs call the factory.
    prefix: Cow<'static, str>,
}

impl PortFactory {
    pub(crate) fn new(
        address: Address,
        factory: Rc<dyn Factory>,
        prefix: Cow<'static, str>,
    ) -> Self {
        Self { address: Rc::new(address), factory: RefCell::new(Some(factory)), prefix }
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// The port accepts from now on.
    pub(crate) fn start<S: StreamSys>(&self, core: &Core<S>) {
        let factory = self.factory.borrow().clone();
        if let Some(factory) = factory {
            drop(core.call("factory", None, || factory.do_start()));
        }
        let factory = &*self.prefix;
        core.observe(&ReactorEvent::ListeningStarted { address: &self.address, factory });
    }

    /// Whether the factory has no place for a connection; `waker` is woken when it may have one.
    pub(crate) fn is_full<S: StreamSys>(
        &self,
        core: &Core<S>,
        on_the_way: usize,
        waker: &Waker,
    ) -> bool {
        let factory = self.factory.borrow().clone();
        let Some(factory) = factory else { return false };
        let asked = core.call("factory", None, || factory.poll_ready(on_the_way, waker));
        // One that panics cannot wake the port.
        asked.is_ok_and(|answer| answer.is_pending())
    }

    /// Starts a protocol on a connection, which the reactor's load has already.
    pub(crate) fn start_protocol<S: StreamSys>(
        &self,
        core: &Core<S>,
        socket: S::Stream,
        peer: Address,
    ) {
        let factory = self.factory.borrow().clone();
        let built = core.call("factory", Some(&peer), || factory?.build_protocol(&peer));
        let Ok(Some(protocol)) = built else {
            // The factory refuses, or has panicked: the peer sees that no stream ended.
            core.sys.reset_on_close(&socket);
            return core.load.closed();
        };
        let host = (!is_wildcard(&self.address)).then(|| Rc::clone(&self.address));
        let connected = Connected { socket, peer, host, origin: Origin::Made };
        if let Err(error) = connected.admit_counted(core, protocol) {
            self.observe_failure(core, os_error(&error), "the connection was closed");
        }
    }

    pub(crate) fn observe_failure<S: StreamSys>(
        &self,
        core: &Core<S>,
        error: OsError,
        remedy: &'static str,
    ) {
        core.observe(&ReactorEvent::AcceptFailed { address: &self.address, error, remedy });
    }

    /// The port is closed: tells the factory, and drops it together with `slot`.
    pub(crate) fn stop<S: StreamSys, T>(&self, core: &Core<S>, slot: T) -> Result<(), Failure> {
        let factory = self.factory.take();
        let named = &*self.prefix;
        core.observe(&ReactorEvent::ListeningStopped { address: &self.address, factory: named });
        let stopped = core.call("factory", None, || {
            let stopped = factory.as_ref().map_or(Ok(()), |factory| factory.do_stop());
            drop((factory, slot));
            stopped
        });
        stopped.unwrap_or_else(|message| Err(Failure::new(Reason::Panicked(message))))
    }

    /// The reactor is gone: drops the factory without a word.
    pub(crate) fn abandon(&self) {
        let factory = self.factory.take();
        drop(factory);
    }
}

/// Whether connections to this port have local addresses of their own.
fn is_wildcard(address: &Address) -> bool {
    address.as_socket_addr().is_some_and(|address| address.ip().is_unspecified())
}
