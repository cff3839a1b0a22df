//! `ssl:` and `tls:` clients from strings; Twisted's `_parseClientSSL` and `_parseClientTLS`.
//!
//! Invariant: every argument is checked when the string is parsed, but for what only a file can tell.

use std::borrow::Cow;
use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;

use endpoints::{
    Argument, Arguments, ClientParser, Host, ParseError, Parsed, TcpClientEndpoint, Value,
};
use interfaces::StreamClientEndpoint;
use rustls::pki_types::ServerName;

use super::client::{FileClient, Trust};
use super::server_strings::file;
use super::{Context, UNVERIFIED_LAYER};
use crate::credentials::{Identity, Named};

pub(super) struct SslClientParser(pub(super) Context);
pub(super) struct TlsClientParser(pub(super) Context);

impl ClientParser for SslClientParser {
    fn kind(&self) -> &'static str {
        "ssl"
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let ([host, port], [timeout, bind_address, certificate, key, trust, hostname, verify]) =
            arguments.bind_host_port([
                "timeout",
                "bindAddress",
                "certKey",
                "privateKey",
                "caCertsDir",
                "hostname",
                "verify",
            ])?;
        let (host, mut name) = named_host(&host)?;
        let below = TcpClientEndpoint::new(self.0.reactor.clone(), host, port.port()?)
            .with_arguments([timeout, bind_address])?;
        let credentials = Credentials::read([certificate, key, trust, verify])?;
        if hostname.text()?.is_some() {
            name = server_name(&hostname)?.1;
        }
        let layers = [credentials.layer(), "tcp"];
        let endpoint = credentials.client(&self.0, Rc::new(below), name);
        Ok(arguments.parsed(Rc::new(endpoint), layers))
    }
}

impl ClientParser for TlsClientParser {
    fn kind(&self) -> &'static str {
        "tls"
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let ([host, port, timeout, bind_address, certificate, key, trust, endpoint], [verify]) =
            arguments.bind_keywords(
                [
                    "host",
                    "port",
                    "timeout",
                    "bindAddress",
                    "certificate",
                    "privateKey",
                    "trustRoots",
                    "endpoint",
                ],
                ["verify"],
            )?;
        let credentials = Credentials::read([certificate, key, trust, verify])?;
        // That the port is missing says more about `tls:443` than that `443` is not a host.
        arguments.require(&[host, port])?;
        let ((host, name), port) = (named_host(&host)?, port.port()?);
        let mut layers: Vec<Cow<'static, str>> = vec![credentials.layer().into()];
        let below: Rc<dyn StreamClientEndpoint> = match endpoint.client()? {
            Some(inner) => {
                let unused = [timeout, bind_address].into_iter().find(Argument::is_given);
                if let Some(unused) = unused {
                    return Err(unused.excluded_by(&endpoint));
                }
                layers.extend(inner.description.layers);
                inner.endpoint
            }
            None => {
                layers.push("tcp".into());
                let below = TcpClientEndpoint::new(self.0.reactor.clone(), host, port);
                Rc::new(below.with_arguments([timeout, bind_address])?)
            }
        };
        let endpoint = credentials.client(&self.0, below, name);
        Ok(arguments.parsed(Rc::new(endpoint), layers))
    }
}

/// What a client trusts, and what it shows.
struct Credentials {
    trust: Trust,
    identity: Option<Identity>,
}

impl Credentials {
    fn read([certificate, key, trust, verify]: [Argument<'_>; 4]) -> Result<Self, ParseError> {
        let directory = file(&trust)?.map(|path| Named::new(trust.name(), path));
        let trust = match (verify.text()?, directory) {
            (None, None) => Trust::Public,
            (None, Some(directory)) => Trust::Directory(directory),
            (Some("danger-none"), None) => Trust::DangerAnyone,
            (Some("danger-none"), Some(_)) => return Err(verify.excluded_by(&trust)),
            (Some(_), _) => {
                return Err(verify.error("`danger-none`, or left out to verify the server"));
            }
        };
        let identity = match (file(&certificate)?, file(&key)?) {
            (Some(path), key_path) => Some(Identity {
                certificate: Named::new(certificate.name(), path),
                key: match key_path {
                    Some(path) => Named::new(key.name(), path),
                    None => {
                        key.record(Value::Text(path.to_owned().into()));
                        Named::new(certificate.name(), path)
                    }
                },
                extra_chain: None,
            }),
            (None, None) => None,
            (None, Some(_)) => {
                return Err(key.refuse(format!(
                    "`{}` is given without `{}`: expected the certificate of the key, too",
                    key.name(),
                    certificate.name()
                )));
            }
        };
        Ok(Self { trust, identity })
    }

    /// The layer as the description names it.
    fn layer(&self) -> &'static str {
        match self.trust {
            Trust::Public | Trust::Directory(_) => "tls",
            Trust::DangerAnyone => UNVERIFIED_LAYER,
        }
    }

    fn client(
        self,
        context: &Context,
        below: Rc<dyn StreamClientEndpoint>,
        name: ServerName<'static>,
    ) -> FileClient {
        let Self { trust, identity } = self;
        let context = context.clone();
        FileClient { below, context, name, trust, identity, config: RefCell::default() }
    }
}

/// As [`server_name`], and the description shows the host as it is connected to.
fn named_host(argument: &Argument<'_>) -> Result<(Host, ServerName<'static>), ParseError> {
    let (host, name) = server_name(argument)?;
    argument.record(Value::Text(host.to_string().into()));
    Ok((host, name))
}

/// A host as it is connected to, and as certificates name it: in ASCII, without the dot at the end.
fn server_name(argument: &Argument<'_>) -> Result<(Host, ServerName<'static>), ParseError> {
    let wrong = || argument.error("a host name that a certificate can be for, or an IP address");
    match argument.host()? {
        Host::Name(name) => {
            let bare = name.strip_suffix('.').unwrap_or(&name).to_owned();
            let server = ServerName::try_from(bare).map_err(|_| wrong())?;
            Ok((Host::Name(name), server))
        }
        Host::Ip(address) => Ok((Host::Ip(address), ServerName::from(address))),
        Host::Zoned { address, zone } => {
            Ok((Host::Zoned { address, zone }, ServerName::from(IpAddr::V6(address))))
        }
        _ => Err(wrong()),
    }
}
