//! Endpoints that a signal interrupts while they read their files.
//!
//! Signals are handled by the loop, and an endpoint reads its files on the loop: where a file system does
//! not answer, no turn comes that could handle one. Invariant: a signal that comes while a server begins
//! to listen, or a client connects for the first time, has its default effect, and ends the process.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use deferred::Deferred;
use interfaces::{Factory, ListeningPort, StreamClientEndpoint, StreamServerEndpoint, Transport};
use signal_hook::flag;

/// Whether a signal has its default effect now; a clone is the same switch. At first it has.
#[derive(Clone)]
pub(crate) struct DefaultEffect(Arc<AtomicBool>);

impl DefaultEffect {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    /// Has these signals looked at the switch, before their handlers.
    ///
    /// # Errors
    ///
    /// Those of sigaction(2).
    pub(crate) fn watch(&self, signals: &[i32]) -> io::Result<()> {
        for signal in signals {
            flag::register_conditional_default(*signal, self.0.clone())?;
        }
        Ok(())
    }

    fn during<T>(&self, call: impl FnOnce() -> T) -> T {
        let _off = Off(self);
        self.0.store(true, Ordering::Relaxed);
        call()
    }
}

/// Turns the switch off when dropped.
struct Off<'a>(&'a DefaultEffect);

impl Drop for Off<'_> {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Relaxed);
    }
}

/// A server that is interruptible while it begins to listen.
pub(crate) struct InterruptibleServer {
    pub(crate) endpoint: Rc<dyn StreamServerEndpoint>,
    pub(crate) effect: DefaultEffect,
}

impl StreamServerEndpoint for InterruptibleServer {
    fn listen(&self, factory: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
        self.effect.during(|| self.endpoint.listen(factory))
    }
}

/// A client that is interruptible while it connects for the first time, when it reads its files; later a
/// signal has connections to drain.
pub(crate) struct InterruptibleClient {
    endpoint: Rc<dyn StreamClientEndpoint>,
    effect: DefaultEffect,
    is_first: Cell<bool>,
}

impl InterruptibleClient {
    pub(crate) fn new(endpoint: Rc<dyn StreamClientEndpoint>, effect: DefaultEffect) -> Self {
        Self { endpoint, effect, is_first: Cell::new(true) }
    }

    fn during_the_first(
        &self,
        connect: impl FnOnce(&dyn StreamClientEndpoint) -> Deferred<()>,
    ) -> Deferred<()> {
        if self.is_first.replace(false) {
            self.effect.during(|| connect(&*self.endpoint))
        } else {
            connect(&*self.endpoint)
        }
    }
}

impl StreamClientEndpoint for InterruptibleClient {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.during_the_first(|endpoint| endpoint.connect(factory))
    }

    fn connect_for(&self, served: &Rc<dyn Transport>, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.during_the_first(|endpoint| endpoint.connect_for(served, factory))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use interfaces::{ConnectError, ListenError, UnixAddress};

    /// Records whether a signal would have its default effect.
    struct Probe {
        effect: DefaultEffect,
        seen: Cell<Option<bool>>,
    }

    impl Probe {
        fn new(effect: &DefaultEffect) -> Rc<Self> {
            Rc::new(Self { effect: effect.clone(), seen: Cell::new(None) })
        }

        fn look(&self) {
            self.seen.set(Some(is_on(&self.effect)));
        }
    }

    impl StreamServerEndpoint for Probe {
        fn listen(&self, _: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
            self.look();
            Deferred::fail(ListenError::InUse {
                address: UnixAddress::Unnamed.into(),
                process: None,
            })
        }
    }

    impl StreamClientEndpoint for Probe {
        fn connect(&self, _: Rc<dyn Factory>) -> Deferred<()> {
            self.look();
            Deferred::fail(ConnectError::EndedAtOnce { address: UnixAddress::Unnamed.into() })
        }
    }

    fn is_on(effect: &DefaultEffect) -> bool {
        effect.0.load(Ordering::Relaxed)
    }

    fn factory() -> Rc<dyn Factory> {
        protocol::factory_fn(|_| protocol::wire::Discard)
    }

    #[test]
    fn a_server_is_interruptible_until_it_listens_and_when_it_begins_to() {
        let effect = DefaultEffect::new();
        assert!(is_on(&effect), "nothing is open yet");
        let probe = Probe::new(&effect);
        let server = InterruptibleServer { endpoint: probe.clone(), effect: effect.clone() };
        for _ in 0..2 {
            let _failed = server.listen(factory()).add_errback(|_| {
                Err(ListenError::InUse { address: UnixAddress::Unnamed.into(), process: None }
                    .into())
            });
            assert_eq!((probe.seen.take(), is_on(&effect)), (Some(true), false));
        }
    }

    #[test]
    fn a_client_is_interruptible_the_first_time_alone() {
        let effect = DefaultEffect::new();
        let probe = Probe::new(&effect);
        let client = InterruptibleClient::new(probe.clone(), effect.clone());
        for first in [true, false] {
            let _failed = client.connect(factory()).add_errback(|_| Ok(()));
            assert_eq!((probe.seen.take(), is_on(&effect)), (Some(first), false));
        }
    }
}
