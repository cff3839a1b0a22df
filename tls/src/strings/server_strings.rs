//! `ssl:` and `tls:` servers from strings; Twisted's `_parseSSL` and `_TLSServerEndpointParser`.
//!
//! Invariant: every argument is checked when the string is parsed, but for what only a file can tell.

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
        let [port, key, certificate, method, interface, backlog, extra, parameters] = arguments
            .bind([
                "port",
                "privateKey",
                "certKey",
                "sslmethod",
                "interface",
                "backlog",
                "extraCertChain",
                "dhParameters",
            ])?;
        let below = TcpServerEndpoint::new(self.0.reactor.clone(), port.port()?);
        let key_file = file_or(&key, "server.pem")?;
        let certificate_file = file_or(&certificate, key_file)?;
        let versions = Versions::of(&method)?;
        let below = below
            .with_interface(interface.host_or(Host::ANY_IPV4)?)
            .with_backlog(backlog.backlog()?);
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
        let endpoint = FileServer { below, context: self.0.clone(), certificates, versions };
        Ok(arguments.parsed(Rc::new(endpoint), ["tls", "tcp"]))
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
        let [path, port, backlog, interface] =
            arguments.bind(["path", "port", "backlog", "interface"])?;
        let directory = file(&path)?.ok_or_else(|| path.missing())?;
        let below = TcpServerEndpoint::new(self.0.reactor.clone(), port.port_or(443)?)
            .with_backlog(backlog.backlog()?);
        let host = interface.host_or(Host::ANY_IPV6)?;
        let is_default = interface.span().is_empty();
        let below =
            if is_default { below.with_every_address() } else { below.with_interface(host) };
        let certificates = Certificates::ByName(Named::new(path.name(), directory));
        let (context, versions) = (self.0.clone(), Versions::All);
        let endpoint = FileServer { below, context, certificates, versions };
        Ok(arguments.parsed(Rc::new(endpoint), ["tls", "tcp"]))
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
