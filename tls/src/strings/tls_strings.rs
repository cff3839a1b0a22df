//! [`TlsStrings`]: the kinds `ssl` and `tls` with choices of the program's own.
//!
//! Invariant: what is not used of a file is told: to the observer, or else to the hook for errors that
//! nothing handles.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use deferred::Deferred;
use endpoints::Registry;
use interfaces::{ReactorTcp, ReactorTime, Resolver};
use rustls::crypto::CryptoProvider;

use super::client_strings::{SslClientParser, TlsClientParser};
use super::server_strings::{SslServerParser, TlsServerParser};
use super::{Context, SharedConfigs, Tell, Ticketer};
use crate::credentials::CredentialsError;
use crate::renewal::{Renewal, TellRenewal};

/// The kinds `ssl` and `tls`, to be added to a registry. [`register`](crate::register) adds them with the
/// defaults.
///
/// # Examples
///
/// ```no_run
/// # fn example<R>(reactor: R, registry: endpoints::Registry) -> endpoints::Registry
/// # where R: interfaces::ReactorTcp + interfaces::Resolver + interfaces::ReactorTime + 'static {
/// use ropewalk_tls::TlsStrings;
///
/// TlsStrings::new().with_observer(|told| eprintln!("warning: {told}")).register(registry, reactor)
/// # }
/// ```
#[must_use]
pub struct TlsStrings {
    provider: Arc<CryptoProvider>,
    ticketer: Ticketer,
    shared: Option<SharedConfigs>,
    tell: Tell,
    tell_renewal: TellRenewal,
}

impl TlsStrings {
    /// With [`default_provider`](crate::default_provider), and sessions sealed into tickets.
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    #[expect(clippy::new_without_default, reason = "it exists with some features only")]
    pub fn new() -> Self {
        let provider = Arc::new(crate::default_provider());
        Self { ticketer: crate::provider::ticketer, ..Self::with_provider(provider) }
    }

    /// With another provider. A server keeps the last 256 sessions.
    pub fn with_provider(provider: Arc<CryptoProvider>) -> Self {
        let tell: Tell = Rc::new(|told| drop(Deferred::<()>::fail(told.clone())));
        let tell_renewal: TellRenewal = Rc::new(|told| {
            if let Renewal::Refused(error) = told {
                drop(Deferred::<()>::fail(error.clone()));
            }
        });
        Self { provider, ticketer: || None, shared: None, tell, tell_renewal }
    }

    /// For one of several threads, whose endpoints share their certificates and sessions.
    pub fn with_shared(mut self, configs: &SharedConfigs) -> Self {
        self.shared = Some(configs.clone());
        self
    }

    /// Tells the observer what an operator should know of files that can be used all the same: a broken block
    /// beside good ones, a sub-directory that cannot be read, a log of keys. Called while an endpoint reads its
    /// files: in `listen`, and in the first `connect`.
    pub fn with_observer(mut self, observer: impl Fn(&CredentialsError) + 'static) -> Self {
        self.tell = Rc::new(observer);
        self
    }

    /// Tells the observer that changed certificates of a server are shown, or why they are not. Called from a
    /// timer of the reactor. Without an observer a refusal goes to the hook for errors that nothing handles.
    pub fn with_renewal_observer(mut self, observer: impl Fn(&Renewal) + 'static) -> Self {
        self.tell_renewal = Rc::new(observer);
        self
    }

    /// Adds the kinds, server and client.
    pub fn register<R>(self, registry: Registry, reactor: R) -> Registry
    where
        R: ReactorTcp + Resolver + ReactorTime + 'static,
    {
        let reactor = Rc::new(reactor);
        let time: Rc<dyn ReactorTime> = reactor.clone();
        let Self { provider, ticketer, shared, tell, tell_renewal } = self;
        let context = Context { reactor, time, provider, ticketer, shared, tell, tell_renewal };
        registry
            .with_server(SslServerParser(context.clone()))
            .with_server(TlsServerParser(context.clone()))
            .with_client(SslClientParser(context.clone()))
            .with_client(TlsClientParser(context))
    }
}

impl fmt::Debug for TlsStrings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStrings").field("shared", &self.shared).finish_non_exhaustive()
    }
}
