//! `ssl:` and `tls:` servers from strings; Twisted's `_parseSSL` and `_TLSServerEndpointParser`.
//!
//! Invariant: every argument is checked when the string is parsed, but for what only a file can tell.

use std::borrow::Cow;
use std::rc::Rc;

use endpoints::{Argument, Arguments, Host, ParseError, Parsed, ServerParser, TcpServerEndpoint};
use interfaces::StreamServerEndpoint;

use super::Context;
use super::server::{Certificates, FileServer};
use super::versions::Versions;
use crate::credentials::{Identity, Named};

pub(super) struct SslServerParser(pub(super) Context);
pub(super) struct TlsServerParser(pub(super) Context);

impl ServerParser for SslServerParser {
    fn kind(&self) -> &'static str {
        "ssl"
    }

    fn is_kind(&self, given: &str) -> bool {
        given == "ssl"
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let ([port, key, certificate, method, interface, backlog, extra, parameters], [endpoint]) =
            arguments.bind_options(
                [
                    "port",
                    "privateKey",
                    "certKey",
                    "sslmethod",
                    "interface",
                    "backlog",
                    "extraCertChain",
                    "dhParameters",
                ],
                ["endpoint"],
            )?;
        let below = match wrapped(endpoint, [port, interface, backlog])? {
            Some(below) => below,
            None => {
                let host = interface.host_or(Host::ANY_IPV4)?;
                self.0.tcp(port.port()?, Some(host), backlog.backlog()?)
            }
        };
        let key_file = file_or(&key, "server.pem")?;
        let certificate_file = file_or(&certificate, key_file)?;
        let versions = Versions::of(&method)?;
        let extra_file = file(&extra)?;
        if parameters.is_given() {
            return Err(parameters.refuse(
                "dhParameters is not supported: leave it out, as keys are agreed on with elliptic \
                 curves",
            ));
        }
        let certificates = Certificates::One(Identity {
            certificate: Named::new(certificate.name(), certificate_file),
            key: Named::new(key.name(), key_file),
            extra_chain: extra_file.map(|path| Named::new(extra.name(), path)),
        });
        let Below { endpoint: below, layers } = below;
        let endpoint = FileServer { below, context: self.0.clone(), certificates, versions };
        Ok(arguments.parsed(Rc::new(endpoint), layers))
    }
}

impl ServerParser for TlsServerParser {
    fn kind(&self) -> &'static str {
        "tls"
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let ([path, port, backlog, interface], [endpoint]) =
            arguments.bind_options(["path", "port", "backlog", "interface"], ["endpoint"])?;
        let directory = file(&path)?.ok_or_else(|| path.missing())?;
        let below = match wrapped(endpoint, [port, interface, backlog])? {
            Some(below) => below,
            None => {
                let (port, backlog) = (port.port_or(443)?, backlog.backlog()?);
                let host = interface.host_or(Host::ANY_IPV6)?;
                let is_default = interface.span().is_empty();
                self.0.tcp(port, (!is_default).then_some(host), backlog)
            }
        };
        let Below { endpoint: below, layers } = below;
        let certificates = Certificates::ByName(Named::new(path.name(), directory));
        let (context, versions) = (self.0.clone(), Versions::All);
        let endpoint = FileServer { below, context, certificates, versions };
        Ok(arguments.parsed(Rc::new(endpoint), layers))
    }
}

/// The endpoint below TLS, and the layers from TLS down.
struct Below {
    endpoint: Rc<dyn StreamServerEndpoint>,
    layers: Vec<Cow<'static, str>>,
}

/// The endpoint that the argument `endpoint` describes, if it is given: it has a port, an interface and a
/// backlog of its own.
fn wrapped(endpoint: Argument<'_>, own: [Argument<'_>; 3]) -> Result<Option<Below>, ParseError> {
    let Some(inner) = endpoint.server()? else { return Ok(None) };
    match own.into_iter().find(Argument::is_given) {
        Some(unused) => Err(unused.excluded_by(&endpoint)),
        None => {
            let layers = [Cow::from("tls")].into_iter().chain(inner.description.layers).collect();
            Ok(Some(Below { endpoint: inner.endpoint, layers }))
        }
    }
}

impl Context {
    /// On an interface, or on every address.
    fn tcp(&self, port: u16, interface: Option<Host>, backlog: u32) -> Below {
        let endpoint = TcpServerEndpoint::new(self.reactor.clone(), port).with_backlog(backlog);
        let endpoint = match interface {
            Some(interface) => endpoint.with_interface(interface),
            None => endpoint.with_every_address(),
        };
        Below { endpoint: Rc::new(endpoint), layers: vec!["tls".into(), "tcp".into()] }
    }
}

/// A path, if it is given.
pub(super) fn file<'a>(argument: &Argument<'a>) -> Result<Option<&'a str>, ParseError> {
    match argument.text()? {
        Some(path) if path.is_empty() || path.contains('\0') => {
            Err(argument.error("the path of a file or directory"))
        }
        path => Ok(path),
    }
}

/// A path, or `default` if it is not given.
fn file_or<'a>(argument: &Argument<'a>, default: &'a str) -> Result<&'a str, ParseError> {
    match file(argument)? {
        Some(path) => Ok(path),
        None => argument.text_or(default),
    }
}
