//! `ssl:` and `tls:` clients from strings; Twisted's `_parseClientSSL` and `_parseClientTLS`.
//!
//! Invariant: every argument is checked when the string is parsed, but for what only a file can tell.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use endpoints::{
    Argument, Arguments, ClientParser, EndpointConfig as _, ParseError, Parsed, TcpClientEndpoint,
};
use interfaces::StreamClientEndpoint;

use super::client::FileClient;
use super::client_config::{ReadClient, TlsClientConfig, TlsConnect};
use super::{Context, UNVERIFIED_LAYER};
use crate::TlsOptions;
use crate::settings::Trust;

pub(super) struct SslClientParser(pub(super) Context);
pub(super) struct TlsClientParser(pub(super) Context);

impl ClientParser for SslClientParser {
    fn kind(&self) -> &'static str {
        "ssl"
    }

    fn is_kind(&self, given: &str) -> bool {
        TlsClientConfig::is_kind(self.kind(), given)
    }

    fn examples(&self) -> &'static [&'static str] {
        &["ssl:example.com:443", "ssl:example.com:443:certKey=/etc/me.pem:privateKey=/etc/me.key"]
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let read = TlsClientConfig::read_ssl(&arguments, Some(&self.0.provider))?;
        let (client, layers) = self.0.client(read)?;
        Ok(arguments.parsed(Rc::new(client), layers))
    }
}

impl ClientParser for TlsClientParser {
    fn kind(&self) -> &'static str {
        "tls"
    }

    fn is_kind(&self, given: &str) -> bool {
        TlsClientConfig::is_kind(self.kind(), given)
    }

    fn examples(&self) -> &'static [&'static str] {
        &["tls:example.com:443", "tls:example.com:443:certificate=/etc/me.pem"]
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let read = TlsClientConfig::read_tls(&arguments, Some(&self.0.provider))?;
        let (client, layers) = self.0.client(read)?;
        Ok(arguments.parsed(Rc::new(client), layers))
    }
}

impl Context {
    /// The client of a value, and its layers from TLS down.
    fn client(
        &self,
        ReadClient { config, name, endpoint }: ReadClient<'_>,
    ) -> Result<(FileClient, Vec<Cow<'static, str>>), ParseError> {
        let is_verified = config.trust != Trust::DangerAnyone;
        let mut layers = vec![if is_verified { "tls".into() } else { UNVERIFIED_LAYER.into() }];
        let inner = endpoint.as_ref().map(Argument::client).transpose()?.flatten();
        let below: Rc<dyn StreamClientEndpoint> = match (inner, &config.connect) {
            (Some(inner), _) => {
                layers.extend(inner.description.layers);
                inner.endpoint
            }
            (None, connect) => {
                layers.push("tcp".into());
                Rc::new(self.tcp_client(&config, connect))
            }
        };
        let (settings, interval) = (config.settings(), config.reload);
        let tls = TlsOptions::default().with_bare_end(config.bare_end);
        let (context, config, looked) = (self.clone(), RefCell::default(), Cell::default());
        Ok((FileClient { below, context, name, settings, tls, interval, config, looked }, layers))
    }

    fn tcp_client(&self, config: &TlsClientConfig, connect: &TlsConnect) -> TcpClientEndpoint {
        let tcp = TcpClientEndpoint::new(self.reactor.clone(), config.host.clone(), config.port);
        match *connect {
            TlsConnect::Tcp { timeout, bind_address: Some(address) } => {
                tcp.with_timeout(timeout).with_bind_address(address)
            }
            TlsConnect::Tcp { timeout, bind_address: None } => tcp.with_timeout(timeout),
            TlsConnect::Endpoint(_) => tcp,
        }
    }
}
