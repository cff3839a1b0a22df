//! Factories that put TLS under another factory's protocols; Twisted's `TLSMemoryBIOFactory`.
//!
//! Invariant: every connection gets a layer of its own, and shares one [`FactoryContext`].

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use interfaces::{Address, Deliver, Factory, ReactorTime};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};

use crate::layer::TlsLayer;
use crate::options::{FactoryContext, Role, TlsOptions};

/// Runs the factory's protocols over TLS, as the server, with the default [`TlsOptions`].
///
/// Their `connection_made` comes at once, and bytes written then are held until the handshake is
/// done.
///
/// # Differences from Twisted
///
/// A connection that ends without `close_notify` ends with
/// [`Reason::Truncated`](interfaces::Reason::Truncated). After `lose_connection` the peer's
/// `close_notify` is awaited, as in Twisted, but not for ever, and what the peer still sends is not delivered
/// to a protocol that has closed: see [`lose_connection`](interfaces::Transport::lose_connection). Writes that are not made during a
/// delivery are not gathered into one record.
pub fn wrap_server(
    config: Arc<ServerConfig>,
    factory: Rc<dyn Factory>,
    time: impl ReactorTime + 'static,
) -> Rc<dyn Factory> {
    wrap_server_with(config, factory, time, TlsOptions::default())
}

/// [`wrap_server`] with other options.
pub fn wrap_server_with(
    config: Arc<ServerConfig>,
    factory: Rc<dyn Factory>,
    time: impl ReactorTime + 'static,
    options: TlsOptions,
) -> Rc<dyn Factory> {
    TlsFactory::wrap(Role::Server(config), factory, Rc::new(time), options)
}

/// Runs the factory's protocols over TLS, as the client of the server called `name`, with the
/// default [`TlsOptions`]. See [`wrap_server`].
pub fn wrap_client(
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    factory: Rc<dyn Factory>,
    time: impl ReactorTime + 'static,
) -> Rc<dyn Factory> {
    wrap_client_with(config, name, factory, time, TlsOptions::default())
}

/// [`wrap_client`] with other options.
pub fn wrap_client_with(
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    factory: Rc<dyn Factory>,
    time: impl ReactorTime + 'static,
    options: TlsOptions,
) -> Rc<dyn Factory> {
    TlsFactory::wrap(Role::Client(config, name), factory, Rc::new(time), options)
}

struct TlsFactory {
    factory: Rc<dyn Factory>,
    context: Rc<FactoryContext>,
}

impl TlsFactory {
    fn wrap(
        role: Role,
        factory: Rc<dyn Factory>,
        time: Rc<dyn ReactorTime>,
        options: TlsOptions,
    ) -> Rc<dyn Factory> {
        let context = Rc::new(FactoryContext::new(role, options, time));
        Rc::new(Self { factory, context })
    }
}

impl Factory for TlsFactory {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        let protocol = self.factory.build_protocol(peer)?;
        Some(TlsLayer::new(self.context.clone(), protocol))
    }

    fn log_prefix(&self) -> Cow<'static, str> {
        Cow::Owned(format!("{} (TLS)", self.factory.log_prefix()))
    }

    fn wrapped(&self) -> Option<&dyn Factory> {
        Some(&*self.factory)
    }
}
