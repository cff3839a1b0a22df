//! How a connection is born: a slot, a watch, a protocol that is told.
//!
//! Invariant: the protocol is told of the connection once its stream is in its slot, and never where
//! the socket could not be watched.

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use deferred::Failure;
use interfaces::{Address, Deliver, Event, Reason, Transport};
use protocol::transport::SendQueue;

use super::flags::{IoFlags, Origin};
use super::rare::{Peer, RareState};
use super::state::StateCell;
use super::{Running, Stream};
use crate::core::Core;
use crate::core::tenant::Slot;
use crate::sys::os_error::os_error;
use crate::sys::{StreamSys, Token, Watch};

/// A connected socket that has no stream yet.
pub(crate) struct Connected<S: StreamSys> {
    pub(crate) socket: S::Stream,
    pub(crate) peer: Address,
    /// This side's address, where it is known without asking.
    pub(crate) host: Option<Rc<Address>>,
    pub(crate) origin: Origin,
}

impl<S: StreamSys> Connected<S> {
    /// Gives the socket a slot and has it watched, then starts its protocol.
    ///
    /// # Errors
    ///
    /// When the socket cannot be watched; the protocol was told that it is lost.
    pub(crate) fn admit(self, core: &Core<S>, protocol: Rc<dyn Deliver>) -> io::Result<()> {
        core.load.opened();
        self.admit_counted(core, protocol)
    }

    /// As [`admit`](Self::admit), where the reactor's load has the connection already.
    ///
    /// # Errors
    ///
    /// As those of `admit`; the load has it no more.
    pub(crate) fn admit_counted(self, core: &Core<S>, protocol: Rc<dyn Deliver>) -> io::Result<()> {
        let token = core.reserve();
        if let Err(error) = core.sys.register(&self.socket, token, Watch::Reading) {
            drop(core.remove(token));
            core.load.closed();
            let reason = Reason::Lost(Failure::new(os_error(&error)));
            let told = || protocol.deliver(Event::ConnectionLost(&reason));
            drop(core.call("protocol", Some(&self.peer), told));
            return Err(error);
        }
        self.start(core, token, protocol);
        Ok(())
    }

    /// Starts the protocol of a socket that is watched under `token` already.
    pub(crate) fn admit_as(self, core: &Core<S>, token: Token, protocol: Rc<dyn Deliver>) {
        core.load.opened();
        self.start(core, token, protocol);
    }

    fn start(self, core: &Core<S>, token: Token, protocol: Rc<dyn Deliver>) {
        let stream = Rc::new(Stream {
            shared: Rc::clone(&core.streams),
            token,
            socket: Cell::new(Some(self.socket)),
            state: StateCell::new(),
            io: IoFlags::new(self.origin),
            queue: SendQueue::new(),
            rare: RareState::default(),
            peer: Peer::new(self.peer),
            host: Cell::new(self.host),
        });
        let running = Running { stream: Rc::clone(&stream), protocol };
        let slot = core.replace(token, Slot::Stream(running.clone()));
        // It was reserved, or held an attempt, whose drop may be foreign code.
        drop(slot);
        running.ask_roles(core);
        let transport: Rc<dyn Transport> = stream;
        running.announce(core, Event::ConnectionMade(&transport));
        running.release(core);
    }
}
