//! A server endpoint whose socket outlives the process, in the service manager's store (`FDSTORE=1`,
//! sd_pid_notify_with_fds(3)).
//!
//! ```text
//! first process:  opens the socket ── FDSTORE ──▶ manager          (nothing of that name was inherited)
//! next process:   adopts it        ◀─ LISTEN_FDS ─┘                (clients have waited in its backlog)
//! ```
//!
//! Invariant: a socket is opened only where none of the name was inherited.

use std::rc::Rc;

use deferred::{Deferred, Failure};
use interfaces::{Factory, ListeningPort, ReactorSocket, ShareSocketError, StreamServerEndpoint};

use crate::{
    AdoptedStreamServerEndpoint, Domain, ListenFds, Notifier, NotifyError, Selector, TakeError,
};

/// Listens on the inherited sockets of a name, as [`AdoptedStreamServerEndpoint`] does; and where there are
/// none, on another endpoint, whose socket the service manager then keeps under that name. So clients can
/// connect while the service restarts.
///
/// The unit needs `FileDescriptorStoreMax=`; without it, or without a manager, it listens and nothing is
/// kept.
pub struct StoredServerEndpoint {
    name: String,
    inherited: ListenFds,
    adopted: AdoptedStreamServerEndpoint,
    otherwise: Rc<dyn StreamServerEndpoint>,
    manager: Box<FindManager>,
}

/// Finds the service manager, if there is one.
type FindManager = dyn Fn() -> Result<Option<Notifier>, NotifyError>;

impl StoredServerEndpoint {
    /// Listens on what was inherited as `name`, of the family `domain` if one is given; or on `otherwise`, and
    /// has that kept by the manager that is found then:
    /// [`Notifier::from_environment`].
    pub fn new(
        reactor: impl ReactorSocket + 'static,
        inherited: ListenFds,
        (name, domain): (impl Into<String>, Option<Domain>),
        otherwise: Rc<dyn StreamServerEndpoint>,
        manager: impl Fn() -> Result<Option<Notifier>, NotifyError> + 'static,
    ) -> Self {
        let manager = Box::new(manager);
        let name = name.into();
        let selector = Selector::Name(name.clone());
        let adopted =
            AdoptedStreamServerEndpoint::new(reactor, inherited.clone(), selector, domain);
        Self { name, inherited, adopted, otherwise, manager }
    }
}

impl StreamServerEndpoint for StoredServerEndpoint {
    /// # Errors
    ///
    /// Those of [`AdoptedStreamServerEndpoint`] and of the other endpoint. Where its port cannot be stored,
    /// it is closed, and this fails with [`NotifyError`].
    fn listen(&self, factory: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
        match self.inherited.places(&Selector::Name(self.name.clone())) {
            Err(TakeError::NothingInherited | TakeError::NoSuchName { .. }) => {}
            _ => return self.adopted.listen(factory),
        }
        let manager = match (self.manager)() {
            Ok(Some(manager)) => manager,
            Ok(None) => return self.otherwise.listen(factory),
            Err(error) => return Deferred::fail(error),
        };
        let name = self.name.clone();
        self.otherwise.listen(factory).add_callback(move |port| store(&manager, &name, port))
    }
}

fn store(
    manager: &Notifier,
    name: &str,
    port: Rc<dyn ListeningPort>,
) -> Deferred<Rc<dyn ListeningPort>> {
    match manager.store_port(name, &*port) {
        // That thread stores it.
        Ok(()) | Err(NotifyError::Unstorable { source: ShareSocketError::OfAnotherThread, .. }) => {
            Deferred::succeed(port)
        }
        Err(error) => port.stop_listening().add_both(|_| Err(Failure::new(error))),
    }
}

impl core::fmt::Debug for StoredServerEndpoint {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("StoredServerEndpoint").field("name", &self.name).finish_non_exhaustive()
    }
}
