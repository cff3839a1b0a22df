//! `ssl:` and `tls:` servers from strings; Twisted's `_parseSSL` and `_TLSServerEndpointParser`.
//!
//! Invariant: every argument is checked when the string is parsed, but for what only a file can tell.

use std::borrow::Cow;
use std::rc::Rc;

use endpoints::{
    Argument, Arguments, EndpointConfig as _, Host, ParseError, Parsed, ServerParser,
    TcpServerEndpoint,
};
use interfaces::StreamServerEndpoint;

use super::Context;
use super::server::FileServer;
use super::server_config::{TlsListen, TlsServerConfig};
use crate::TlsOptions;

pub(super) struct SslServerParser(pub(super) Context);
pub(super) struct TlsServerParser(pub(super) Context);

impl ServerParser for SslServerParser {
    fn kind(&self) -> &'static str {
        "ssl"
    }

    fn is_kind(&self, given: &str) -> bool {
        TlsServerConfig::is_kind(self.kind(), given)
    }

    fn examples(&self) -> &'static [&'static str] {
        &[
            "ssl:443",
            "ssl:443:privateKey=/etc/site/key.pem:certKey=/etc/site/chain.pem",
            "ssl:443:clientCA=/etc/site/clients.pem",
        ]
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let (config, endpoint) = TlsServerConfig::read_ssl(&arguments, Some(&self.0.provider))?;
        let (server, layers) = self.0.server(&config, &endpoint, Some(Host::ANY_IPV4))?;
        Ok(arguments.parsed(server, layers))
    }
}

impl ServerParser for TlsServerParser {
    fn kind(&self) -> &'static str {
        "tls"
    }

    fn is_kind(&self, given: &str) -> bool {
        TlsServerConfig::is_kind(self.kind(), given)
    }

    fn examples(&self) -> &'static [&'static str] {
        &["tls:/etc/certificates", "tls:/etc/certificates:port=8443:clientCA=/etc/clients.pem"]
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let (config, endpoint) = TlsServerConfig::read_tls(&arguments, Some(&self.0.provider))?;
        let (server, layers) = self.0.server(&config, &endpoint, None)?;
        Ok(arguments.parsed(server, layers))
    }
}

/// A server, and its layers from TLS down.
type LayeredServer = (Rc<dyn StreamServerEndpoint>, Vec<Cow<'static, str>>);

impl Context {
    /// The server of a value. `interface` is the kind's default; none is every address.
    fn server(
        &self,
        config: &TlsServerConfig,
        endpoint: &Argument<'_>,
        interface: Option<Host>,
    ) -> Result<LayeredServer, ParseError> {
        let mut layers = vec!["tls".into()];
        let below: Rc<dyn StreamServerEndpoint> = match (endpoint.server()?, &config.listen) {
            (Some(inner), _) => {
                layers.extend(inner.description.layers);
                inner.endpoint
            }
            (None, TlsListen::Tcp { port, interface: given, backlog }) => {
                layers.push("tcp".into());
                let tcp =
                    TcpServerEndpoint::new(self.reactor.clone(), *port).with_backlog(*backlog);
                Rc::new(match given.clone().or(interface) {
                    Some(interface) => tcp.with_interface(interface),
                    None => tcp.with_every_address(),
                })
            }
            (None, TlsListen::Endpoint(_)) => return Err(endpoint.missing()),
        };
        let (context, settings, interval) = (self.clone(), config.settings(), config.reload);
        let tls = TlsOptions::default().with_bare_end(config.bare_end);
        Ok((Rc::new(FileServer { below, context, settings, interval, tls }), layers))
    }
}
