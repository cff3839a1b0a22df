//! [`ReconnectingClientFactory`]: connects again after a growing delay; Twisted's class of that name.
//!
//! Invariant: at most one retry is pending, and none while the connector connects or is connected.

use alloc::boxed::Box;
use alloc::rc::{Rc, Weak};
use core::cell::{Cell, RefCell};
use core::fmt;
use core::time::Duration;

use deferred::Failure;
use interfaces::{Address, DelayedCall, Deliver, Factory, ReactorTime, Reason};

use super::connector::WeakConnector;
use super::random::{self, RandomSource};
use super::{ClientFactory, Connector, ConnectorState, ReconnectPolicy};

/// A client factory that connects again whenever an attempt fails or the connection is lost, after a
/// delay that its [`ReconnectPolicy`] makes grow. A handle: a clone is the same factory.
///
/// The delay grows until [`reset_delay`](Self::reset_delay) is called. Call it when a connection has shown
/// that it is of use: where the server has answered, and not already where it has accepted.
///
/// # Examples
///
/// ```
/// # use ropewalk_protocol as protocol;
/// use std::rc::Rc;
/// use interfaces::{Protocol, ReactorTime, StreamClientEndpoint, Transport};
/// use protocol::FactoryFn;
/// use protocol::client::{Connector, ReconnectingClientFactory, WeakReconnectingClientFactory};
///
/// struct Client { retrying: WeakReconnectingClientFactory }
///
/// impl Protocol for Client {
///     fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {
///         self.retrying.reset_delay();
///     }
/// }
///
/// fn begin(endpoint: impl StreamClientEndpoint + 'static, clock: impl ReactorTime + 'static) {
///     let factory = ReconnectingClientFactory::new_cyclic(clock, |retrying| {
///         let retrying = retrying.clone();
///         Rc::new(FactoryFn::new(move |_peer| Client { retrying: retrying.clone() }))
///     });
///     let connector = Connector::new(endpoint, factory.into_rc());
///     let _ = connector.connect(); // a new one can be started
/// }
/// ```
#[derive(Clone)]
pub struct ReconnectingClientFactory {
    core: Rc<RetryCore>,
}

/// A [`ReconnectingClientFactory`] that keeps nothing alive, for the protocols that it makes.
#[derive(Clone)]
pub struct WeakReconnectingClientFactory {
    core: Weak<RetryCore>,
}

struct RetryCore {
    factory: Rc<dyn ClientFactory>,
    clock: Rc<dyn ReactorTime>,
    policy: Cell<ReconnectPolicy>,
    random: RefCell<Rc<RandomSource>>,
    /// The next delay, before its jitter; `None` is the initial one.
    delay: Cell<Option<Duration>>,
    retries: Cell<u32>,
    trying: Cell<bool>,
    /// The retry that is to be made.
    pending: RefCell<Option<DelayedCall>>,
    /// The one that was heard of last; it owns this factory.
    connector: RefCell<Option<WeakConnector>>,
}

impl ReconnectingClientFactory {
    /// Retries for `factory`, which hears of each event before this does.
    pub fn new(clock: impl ReactorTime + 'static, factory: Rc<dyn ClientFactory>) -> Self {
        Self::new_cyclic(clock, |_| factory)
    }

    /// As [`new`](Self::new), for a factory whose protocols call this one.
    pub fn new_cyclic(
        clock: impl ReactorTime + 'static,
        factory: impl FnOnce(&WeakReconnectingClientFactory) -> Rc<dyn ClientFactory>,
    ) -> Self {
        let random = Rc::new(random::random_source(&clock));
        let core = Rc::new_cyclic(|weak| RetryCore {
            factory: factory(&WeakReconnectingClientFactory { core: weak.clone() }),
            clock: Rc::new(clock),
            policy: Cell::new(ReconnectPolicy::default()),
            random: RefCell::new(random),
            delay: Cell::new(None),
            retries: Cell::new(0),
            trying: Cell::new(true),
            pending: RefCell::new(None),
            connector: RefCell::new(None),
        });
        Self { core }
    }

    /// With another policy.
    #[must_use]
    pub fn with_policy(self, policy: ReconnectPolicy) -> Self {
        self.core.policy.set(policy);
        self
    }

    /// With another source of random numbers, which are to be spread evenly from 0, included, to 1,
    /// excluded: so that a test knows the delays.
    #[must_use]
    pub fn with_random(self, random: impl Fn() -> f64 + 'static) -> Self {
        let before = self.core.random.replace(Rc::new(Box::new(random)));
        drop(before);
        self
    }

    /// Done: what a [`Connector`] takes.
    pub fn into_rc(self) -> Rc<dyn ClientFactory> {
        Rc::new(self)
    }

    /// The next failure is the first again, and retries are made again after
    /// [`stop_trying`](Self::stop_trying). A retry that is pending is cancelled.
    ///
    /// # Differences from Twisted
    ///
    /// There the pending retry is forgotten, and made all the same.
    #[doc(alias = "resetDelay")]
    pub fn reset_delay(&self) {
        self.core.cancel_pending();
        self.core.delay.set(None);
        self.core.retries.set(0);
        self.core.trying.set(true);
    }

    /// Makes no further retry, cancels the pending one, and stops the attempt that is under way. A
    /// connection stays.
    #[doc(alias = "stopTrying")]
    pub fn stop_trying(&self) {
        self.core.trying.set(false);
        self.core.cancel_pending();
        let connector = self.core.connector.borrow().as_ref().and_then(WeakConnector::upgrade);
        if let Some(connector) = connector {
            // It may have nothing to stop.
            let _ = connector.stop_connecting();
        }
    }

    /// Lets `connector` connect again after the next delay, if retries are made, there are any left and
    /// none is pending. Called by itself after each failure and loss.
    ///
    /// # Differences from Twisted
    ///
    /// The connector is always named, so there is no error for a missing one; and a second call before
    /// the retry adds none.
    pub fn retry(&self, connector: &Connector) {
        let core = &self.core;
        let is_pending = core.pending.borrow().as_ref().is_some_and(DelayedCall::active);
        let is_idle = connector.state() == ConnectorState::Disconnected;
        if !core.trying.get() || is_pending || !is_idle {
            return;
        }
        core.retries.set(core.retries.get().saturating_add(1));
        if core.policy.get().max_retries.is_some_and(|most| core.retries.get() > most) {
            return;
        }
        let delay = core.next_delay();
        let (weak, connector) = (self.downgrade(), connector.clone());
        let call = core.clock.call_later(delay, Box::new(move || weak.connect_again(&connector)));
        core.pending.replace(Some(call));
    }

    /// The failures and losses in a row, those after the last retry included.
    pub fn retries(&self) -> u32 {
        self.core.retries.get()
    }

    /// When the pending retry is due, on the clock's time.
    pub fn next_retry(&self) -> Option<Duration> {
        self.core.pending.borrow().as_ref().and_then(DelayedCall::time)
    }

    /// A handle that keeps nothing alive.
    pub fn downgrade(&self) -> WeakReconnectingClientFactory {
        WeakReconnectingClientFactory { core: Rc::downgrade(&self.core) }
    }

    fn note(&self, connector: &Connector) {
        let before = self.core.connector.replace(Some(connector.downgrade()));
        drop(before);
    }
}

impl WeakReconnectingClientFactory {
    /// The factory, if it is still there.
    pub fn upgrade(&self) -> Option<ReconnectingClientFactory> {
        self.core.upgrade().map(|core| ReconnectingClientFactory { core })
    }

    /// [`ReconnectingClientFactory::reset_delay`], if it is still there.
    #[doc(alias = "resetDelay")]
    pub fn reset_delay(&self) {
        if let Some(factory) = self.upgrade() {
            factory.reset_delay();
        }
    }

    /// [`ReconnectingClientFactory::stop_trying`], if it is still there.
    #[doc(alias = "stopTrying")]
    pub fn stop_trying(&self) {
        if let Some(factory) = self.upgrade() {
            factory.stop_trying();
        }
    }

    fn connect_again(&self, connector: &Connector) {
        if let Some(factory) = self.upgrade() {
            let run = factory.core.pending.take();
            drop(run);
        }
        // It may have been told to connect meanwhile, and does.
        let _ = connector.connect();
    }
}

impl RetryCore {
    fn next_delay(&self) -> Duration {
        let (policy, random) = (self.policy.get(), self.random.borrow().clone());
        let due = self.delay.get().unwrap_or(policy.initial_delay);
        let delay = policy.jittered(due, &random);
        self.delay.set(Some(policy.next(delay)));
        delay
    }

    fn cancel_pending(&self) {
        let pending = self.pending.take();
        if let Some(call) = pending {
            // It may have run.
            let _ = call.cancel();
        }
    }
}

impl Factory for ReconnectingClientFactory {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        self.core.factory.build_protocol(peer)
    }

    fn wrapped(&self) -> Option<&dyn Factory> {
        Some(&*self.core.factory)
    }
}

impl ClientFactory for ReconnectingClientFactory {
    fn started_connecting(&self, connector: &Connector) {
        self.note(connector);
        self.core.factory.started_connecting(connector);
    }

    fn client_connection_failed(&self, connector: &Connector, failure: &Failure) {
        self.core.factory.client_connection_failed(connector, failure);
        self.retry(connector);
    }

    fn client_connection_lost(&self, connector: &Connector, reason: &Reason) {
        self.core.factory.client_connection_lost(connector, reason);
        self.retry(connector);
    }
}

impl fmt::Debug for ReconnectingClientFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReconnectingClientFactory")
            .field("policy", &self.core.policy.get())
            .field("retries", &self.retries())
            .field("next_retry", &self.next_retry())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for WeakReconnectingClientFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakReconnectingClientFactory").finish_non_exhaustive()
    }
}
