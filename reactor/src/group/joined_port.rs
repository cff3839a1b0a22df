//! [`JoinedPort`]: a port of one member whose connections another member accepts.
//!
//! Invariant: its factory gets the connections of its inbox alone, on its own reactor's thread.

use std::cell::Cell;
use std::os::fd::OwnedFd;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use deferred::{Deferred, Failure};
use interfaces::{Address, Factory, ListeningPort, ReactorEvent, ShareSocketError};

use super::inbox::{Handed, Inbox, Taken};
use super::shared_port::SharedPort;
use crate::core::Core;
use crate::core::tenant::{Kind, Tenant};
use crate::kernel::Kernel;
use crate::listen::port_factory::PortFactory;
use crate::sys::{Ready, StreamSys as _, Token};

/// A member's place at a port of its group.
pub(super) struct JoinedPort {
    core: Weak<Core<Kernel>>,
    token: Token,
    factory: PortFactory,
    inbox: Arc<Inbox>,
    port: Arc<SharedPort>,
    member: usize,
    is_open: Cell<bool>,
    /// It goes on after the closings.
    waits_for_closings: Cell<bool>,
}

impl JoinedPort {
    /// Joins a port, or nothing, if it was closed meanwhile.
    pub(super) fn join(
        core: &Core<Kernel>,
        port: &Arc<SharedPort>,
        member: usize,
        factory: &Rc<dyn Factory>,
    ) -> Option<Rc<Self>> {
        let prefix = core.call("factory", None, || factory.log_prefix()).unwrap_or_default();
        let joined = core.settle(|token| {
            Rc::new(Self {
                core: core.me.clone(),
                token,
                factory: PortFactory::new(Address::from(&port.address), Rc::clone(factory), prefix),
                inbox: Arc::new(Inbox::new(token, Arc::clone(&core.remote_queue))),
                port: Arc::clone(port),
                member,
                is_open: Cell::new(true),
                waits_for_closings: Cell::new(false),
            })
        });
        // Before it is given connections, which this thread takes on a later turn.
        if !port.join(member, Arc::clone(&joined.inbox)) {
            drop(core.remove(joined.token));
            return None;
        }
        joined.factory.start(core);
        Some(joined)
    }

    fn wait_for_closings(&self, core: &Core<Kernel>) {
        if !self.waits_for_closings.replace(true) {
            core.call_after_closings(self.token);
        }
    }

    /// Takes what has come, within this turn's budget.
    fn take(&self, core: &Core<Kernel>) {
        for _ in 0..core.limits.accepts_per_turn {
            match self.inbox.take() {
                Taken::One(handed) => self.connect(core, handed),
                Taken::Nothing => return,
                Taken::Ended => return self.tell_of_failure(core, self.close(core)),
            }
            // As a port does: a factory with a cap would count a connection that was ended at once.
            if core.has_closings() {
                return self.wait_for_closings(core);
            }
        }
        core.list_still_ready(self.token);
    }

    fn connect(&self, core: &Core<Kernel>, handed: Handed) {
        let Handed { socket, peer, on_the_way } = handed;
        let peer = peer.map(Address::from).unwrap_or_else(|| core.sys.peer_address(&socket));
        self.factory.start_protocol(core, socket, peer);
        // The factory counts it now.
        drop(on_the_way);
    }

    /// Takes nothing more; what has come is served.
    fn close(&self, core: &Core<Kernel>) -> Result<(), Failure> {
        if !self.is_open.replace(false) {
            return Ok(());
        }
        self.port.leave(self.member);
        for handed in self.inbox.close() {
            self.connect(core, handed);
        }
        self.factory.stop(core, core.remove(self.token))
    }

    fn tell_of_failure(&self, core: &Core<Kernel>, stopped: Result<(), Failure>) {
        if let Err(failure) = stopped {
            let error = failure.as_error();
            core.observe(&ReactorEvent::Failed { attempt: "closing a port", error });
        }
    }

    /// Resets what has come.
    fn refuse_waiting(&self, core: &Core<Kernel>) {
        for handed in self.inbox.close() {
            core.sys.reset_on_close(&handed.socket);
            core.load.closed();
        }
    }
}

impl Tenant<Kernel> for JoinedPort {
    fn ready(self: Rc<Self>, core: &Core<Kernel>, _: Ready, _: &mut [u8]) {
        if core.has_closings() {
            return self.wait_for_closings(core);
        }
        self.waits_for_closings.set(false);
        self.take(core);
    }

    fn closed(self: Rc<Self>, core: &Core<Kernel>) {
        self.waits_for_closings.set(false);
        self.take(core);
    }

    fn stop(self: Rc<Self>, core: &Core<Kernel>) {
        // As the system does with those that a port has not accepted.
        self.refuse_waiting(core);
        self.tell_of_failure(core, self.close(core));
    }

    fn abandon(&self, sys: &Kernel) {
        self.is_open.set(false);
        self.port.leave(self.member);
        self.inbox.close().iter().for_each(|handed| sys.reset_on_close(&handed.socket));
        self.factory.abandon();
    }

    fn kind(&self) -> Kind {
        Kind::Port
    }
}

impl ListeningPort for JoinedPort {
    fn host(&self) -> Address {
        self.factory.address().clone()
    }

    fn stop_listening(&self) -> Deferred<()> {
        let Some(core) = self.core.upgrade() else { return Deferred::succeed(()) };
        match self.close(&core) {
            Ok(()) => Deferred::succeed(()),
            Err(failure) => Deferred::fail(failure),
        }
    }

    fn copy_socket(&self) -> Result<OwnedFd, ShareSocketError> {
        self.share_socket()
    }

    fn share_socket(&self) -> Result<OwnedFd, ShareSocketError> {
        let is_open = self.is_open.get();
        Err(if is_open { ShareSocketError::OfAnotherThread } else { ShareSocketError::NoSocket })
    }
}
