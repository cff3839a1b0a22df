//! Endpoints that put TLS on another endpoint's connections; Twisted's `wrapClientTLS`.
//!
//! Invariant: the wrapped endpoint listens and connects; only the factory is changed.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use deferred::Deferred;
use interfaces::{
    Factory, ListeningPort, ReactorTime, StreamClientEndpoint, StreamServerEndpoint, Transport,
};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};

use crate::{TlsOptions, wrap_client_with, wrap_server_with};

/// Listens with another endpoint, and speaks TLS on the connections that it accepts.
#[derive(Clone)]
pub struct TlsServerEndpoint<E> {
    endpoint: E,
    config: Arc<ServerConfig>,
    time: Rc<dyn ReactorTime>,
    options: TlsOptions,
}

impl<E: StreamServerEndpoint> TlsServerEndpoint<E> {
    /// Speaks TLS as `config` says on what `endpoint` accepts.
    pub fn new(config: Arc<ServerConfig>, endpoint: E, time: impl ReactorTime + 'static) -> Self {
        Self { endpoint, config, time: Rc::new(time), options: TlsOptions::default() }
    }

    /// Sets other time limits.
    pub fn with_options(mut self, options: TlsOptions) -> Self {
        self.options = options;
        self
    }
}

impl<E: StreamServerEndpoint> StreamServerEndpoint for TlsServerEndpoint<E> {
    fn listen(&self, factory: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
        let (config, time) = (self.config.clone(), self.time.clone());
        self.endpoint.listen(wrap_server_with(config, factory, time, self.options))
    }
}

impl<E: fmt::Debug> fmt::Debug for TlsServerEndpoint<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsServerEndpoint")
            .field("endpoint", &self.endpoint)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Connects with another endpoint, and speaks TLS on that connection. Fires when the connection below
/// stands and the protocol runs on it, before the handshake is done.
#[derive(Clone)]
pub struct TlsClientEndpoint<E> {
    endpoint: E,
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    time: Rc<dyn ReactorTime>,
    options: TlsOptions,
}

impl<E: StreamClientEndpoint> TlsClientEndpoint<E> {
    /// Speaks TLS as `config` says with the server that `endpoint` connects to, which has to prove that
    /// it is `name`.
    pub fn new(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        endpoint: E,
        time: impl ReactorTime + 'static,
    ) -> Self {
        let options = TlsOptions::default();
        Self { endpoint, config, name, time: Rc::new(time), options }
    }

    fn wrap(&self, factory: Rc<dyn Factory>) -> Rc<dyn Factory> {
        let (config, name, time) = (self.config.clone(), self.name.clone(), self.time.clone());
        wrap_client_with(config, name, factory, time, self.options)
    }

    /// Sets other time limits.
    pub fn with_options(mut self, options: TlsOptions) -> Self {
        self.options = options;
        self
    }
}

impl<E: StreamClientEndpoint> StreamClientEndpoint for TlsClientEndpoint<E> {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.endpoint.connect(self.wrap(factory))
    }

    fn connect_for(&self, served: &Rc<dyn Transport>, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.endpoint.connect_for(served, self.wrap(factory))
    }
}

impl<E: fmt::Debug> fmt::Debug for TlsClientEndpoint<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClientEndpoint")
            .field("endpoint", &self.endpoint)
            .field("name", &self.name)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
