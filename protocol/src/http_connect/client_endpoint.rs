//! [`HttpConnectClientEndpoint`]: connects through a proxy of HTTP.
//!
//! Invariant: one connection to the proxy is one attempt.

use alloc::rc::Rc;
use alloc::string::String;
use core::fmt;
use core::time::Duration;

use deferred::Deferred;
use interfaces::{Factory, ReactorTime, StreamClientEndpoint, Transport};

use super::HttpConnectError;
use super::client_handshake::ConnectRequest;
use crate::tunnel::connect_through;

/// Connects to a host by a proxy of HTTP, which looks names up.
///
/// The transport's peer is the proxy. A protocol that pauses its transport inside `connection_made` may get
/// once more bytes, those that came together with the proxy's answer.
///
/// # Examples
///
/// ```
/// # use ropewalk_protocol as protocol;
/// # use std::rc::Rc;
/// # use interfaces::{ReactorTime, StreamClientEndpoint};
/// use protocol::http_connect::{HttpConnectClientEndpoint, HttpCredentials};
///
/// fn through(
///     proxy: Rc<dyn StreamClientEndpoint>,
///     clock: Rc<dyn ReactorTime>,
/// ) -> Rc<dyn StreamClientEndpoint> {
///     let endpoint = HttpConnectClientEndpoint::new(proxy, clock, "example.com", 443);
///     Rc::new(endpoint.with_credentials(HttpCredentials::new("user", "secret")))
/// }
/// ```
#[derive(Clone)]
pub struct HttpConnectClientEndpoint {
    proxy: Rc<dyn StreamClientEndpoint>,
    clock: Rc<dyn ReactorTime>,
    host: String,
    port: u16,
    credentials: Option<HttpCredentials>,
    time: Duration,
}

impl HttpConnectClientEndpoint {
    /// Connects to `host`, a name or an address, by the proxy, which has 60 s for its answer.
    pub fn new(
        proxy: Rc<dyn StreamClientEndpoint>,
        clock: impl ReactorTime + 'static,
        host: &str,
        port: u16,
    ) -> Self {
        let (host, time) = (host.into(), Duration::from_secs(60));
        Self { proxy, clock: Rc::new(clock), host, port, credentials: None, time }
    }

    /// With a user and a password, for a proxy that asks for them.
    #[must_use]
    pub fn with_credentials(mut self, credentials: HttpCredentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// With another time for the proxy's answer, from the connection to it on.
    #[must_use]
    pub fn with_time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    fn connect_by(
        &self,
        factory: Rc<dyn Factory>,
        connect: impl FnOnce(Rc<dyn Factory>) -> Deferred<()>,
    ) -> Deferred<()> {
        match ConnectRequest::new((&self.host, self.port), self.credentials.as_ref()) {
            Ok(request) => {
                connect_through(request, factory, (self.clock.clone(), self.time), connect)
            }
            Err(error) => Deferred::fail(error),
        }
    }
}

impl StreamClientEndpoint for HttpConnectClientEndpoint {
    /// Fails with [`HttpConnectError`], or with the error of the proxy's endpoint.
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.connect_by(factory, |tunnel| self.proxy.connect(tunnel))
    }

    fn connect_for(&self, served: &Rc<dyn Transport>, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.connect_by(factory, |tunnel| self.proxy.connect_for(served, tunnel))
    }
}

impl fmt::Debug for HttpConnectClientEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpConnectClientEndpoint")
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// A user and a password for the proxy, sent with the scheme Basic (RFC 7617) in UTF-8.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpCredentials {
    user: String,
    password: String,
}

impl HttpCredentials {
    /// A user with a colon fails when it is used, and so do control characters.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { user: user.into(), password: password.into() }
    }

    /// The text that Basic encodes.
    pub(super) fn joined(&self) -> Result<String, HttpConnectError> {
        let has_control = |text: &str| text.bytes().any(|byte| byte.is_ascii_control());
        if self.user.contains(':') || has_control(&self.user) || has_control(&self.password) {
            return Err(HttpConnectError::BadCredentials);
        }
        Ok(alloc::format!("{}:{}", self.user, self.password))
    }
}

/// Shows the user alone.
impl fmt::Debug for HttpCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpCredentials").field("user", &self.user).finish_non_exhaustive()
    }
}
