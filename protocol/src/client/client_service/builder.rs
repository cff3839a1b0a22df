//! [`ClientServiceBuilder`]: how a client service makes its connections; the arguments of Twisted's
//! `ClientService`.
//!
//! Invariant: a service that was built does not change.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::fmt;
use core::time::Duration;

use deferred::{Deferred, Failure, IntoDeferred};
use interfaces::{Address, Observer, Protocol, ReactorTime, StreamClientEndpoint};

use super::ClientService;
use super::lifetime::Lifetime;
use crate::ProtocolRef;
use crate::client::{BackoffPolicy, random};

/// A [`ClientService`] that is being made.
pub struct ClientServiceBuilder<P: Protocol> {
    settings: Settings<P>,
}

type Prepare<P> = Box<dyn Fn(&ProtocolRef<P>) -> Deferred<()>>;

pub(super) struct Settings<P: Protocol> {
    pub(super) endpoint: Rc<dyn StreamClientEndpoint>,
    pub(super) clock: Rc<dyn ReactorTime>,
    pub(super) build: Box<dyn Fn(&Address) -> Option<ProtocolRef<P>>>,
    pub(super) retry_policy: Box<dyn Fn(u32) -> Duration>,
    pub(super) prepare: Option<Prepare<P>>,
    pub(super) time_limit: Option<Duration>,
    pub(super) observer: Option<Rc<dyn Observer>>,
}

impl<P: Protocol> ClientServiceBuilder<P> {
    /// As [`ClientService::builder`], for protocols that know themselves, or with a closure that refuses a
    /// peer: that counts as a failure.
    pub fn new(
        endpoint: impl StreamClientEndpoint + 'static,
        clock: impl ReactorTime + 'static,
        build: impl Fn(&Address) -> Option<ProtocolRef<P>> + 'static,
    ) -> Self {
        let backoff = BackoffPolicy::default().into_fn(random::random_source(&clock));
        Self {
            settings: Settings {
                endpoint: Rc::new(endpoint),
                clock: Rc::new(clock),
                build: Box::new(build),
                retry_policy: Box::new(backoff),
                prepare: None,
                time_limit: None,
                observer: None,
            },
        }
    }

    /// Waits as `policy` says, with a jitter of a second at most where it has none of its own.
    #[must_use]
    pub fn with_backoff(self, policy: BackoffPolicy) -> Self {
        let random = random::random_source(&*self.settings.clock);
        self.with_retry_policy(policy.into_fn(random))
    }

    /// Waits as long as `policy` says, which is called with the number of failures in a row, 1 or more.
    /// Twisted's `retryPolicy`. After one that panics it waits a minute.
    #[doc(alias = "retryPolicy")]
    #[must_use]
    pub fn with_retry_policy(mut self, policy: impl Fn(u32) -> Duration + 'static) -> Self {
        self.settings.retry_policy = Box::new(policy);
        self
    }

    /// Prepares each connection, such as by logging in, before a waiter gets it. An error rejects it: it is
    /// aborted, and that was a failed attempt. Twisted's `prepareConnection`.
    #[doc(alias = "prepareConnection")]
    #[must_use]
    pub fn with_prepare_connection<D>(
        mut self,
        prepare: impl Fn(&ProtocolRef<P>) -> D + 'static,
    ) -> Self
    where
        D: IntoDeferred<Error = Failure>,
    {
        let prepare =
            move |protocol: &_| prepare(protocol).into_deferred().add_callback(|_| Ok(()));
        self.settings.prepare = Some(Box::new(prepare));
        self
    }

    /// How long an attempt may take, the preparation included; what is not done then is aborted, and was a
    /// failed attempt. No limit at first but those of the endpoint.
    #[must_use]
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        self.settings.time_limit = Some(limit);
        self
    }

    /// Tells `observer` of each failed attempt, as
    /// [`ReactorEvent::Failed`](interfaces::ReactorEvent::Failed), and of a start of the service while it runs.
    /// Twisted logs these.
    #[must_use]
    pub fn with_observer(mut self, observer: impl Observer + 'static) -> Self {
        self.settings.observer = Some(Rc::new(observer));
        self
    }

    /// Done, and [started](crate::service::Service::start_service).
    pub fn start(self) -> ClientService<P> {
        let service = self.build();
        service.life.start();
        service
    }

    /// Done; nothing happens before it is started.
    pub fn build(self) -> ClientService<P> {
        ClientService { life: Rc::new(Lifetime::new(self.settings)) }
    }
}

impl<P: Protocol> fmt::Debug for ClientServiceBuilder<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientServiceBuilder")
            .field("time_limit", &self.settings.time_limit)
            .finish_non_exhaustive()
    }
}
