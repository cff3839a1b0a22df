//! `ssl:` and `tls:` servers from strings; Twisted's `_parseSSL` and `_TLSServerEndpointParser`.
//!
//! Invariant: every argument is checked when the string is parsed, but for what only a file can tell.

use std::rc::Rc;

use endpoints::{
    Argument, Arguments, Description, Host, ParseError, Parsed, ServerParser, TcpServerEndpoint,
    Value,
};
use interfaces::StreamServerEndpoint;

use super::Context;
use super::server::{Certificates, FileServer};
use super::versions::Versions;
use crate::credentials::{Identity, Named};

/// The largest backlog that listen(2) takes.
const BACKLOG_MAX: u64 = i32::MAX as u64;

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
        arguments: &Arguments<'_>,
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
        let port = port.port()?;
        let key = file_or(&key, "server.pem")?;
        let certificate = file_or(&certificate, key)?;
        let versions = Versions::of(&method)?;
        let interface = host_or(&interface, Host::ANY_IPV4)?;
        let backlog = backlog.number_or(0..=BACKLOG_MAX, 50)?;
        let extra = file(&extra)?;
        if parameters.is_given() {
            return Err(parameters.refuse(
                "dhParameters is not supported: leave it out, as keys are agreed on with elliptic \
                 curves",
            ));
        }
        let description = Description {
            kind: "ssl",
            arguments: vec![
                ("port", Value::Number(port.into())),
                ("privateKey", Value::Text(key.into())),
                ("certKey", Value::Text(certificate.into())),
                ("sslmethod", Value::Text(versions.name().into())),
                ("interface", Value::Text(interface.to_string())),
                ("backlog", Value::Number(backlog)),
                ("extraCertChain", text(extra)),
                ("dhParameters", Value::Absent),
            ],
            layers: vec!["tls".into(), "tcp".into()],
        };
        let identity = Identity {
            certificate: Named::new("certKey", certificate),
            key: Named::new("privateKey", key),
            extra_chain: extra.map(|path| Named::new("extraCertChain", path)),
        };
        let below = TcpServerEndpoint::new(self.0.reactor.clone(), port)
            .with_interface(interface)
            .with_backlog(backlog as u32);
        let certificates = Certificates::One(identity);
        let endpoint = FileServer { below, context: self.0.clone(), certificates, versions };
        Ok(Parsed::new(Rc::new(endpoint), description))
    }
}

impl ServerParser for TlsServerParser {
    fn kind(&self) -> &'static str {
        "tls"
    }

    fn parse(
        &self,
        arguments: &Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let [path, port, backlog, interface] =
            arguments.bind(["path", "port", "backlog", "interface"])?;
        let directory = file(&path)?.ok_or_else(|| path.missing())?;
        let port = port.port_or(443)?;
        let backlog = backlog.number_or(0..=BACKLOG_MAX, 50)?;
        let interface = host_or(&interface, Host::ANY_IPV6)?;
        let description = Description {
            kind: "tls",
            arguments: vec![
                ("path", Value::Text(directory.into())),
                ("port", Value::Number(port.into())),
                ("backlog", Value::Number(backlog)),
                ("interface", Value::Text(interface.to_string())),
            ],
            layers: vec!["tls".into(), "tcp".into()],
        };
        let below = TcpServerEndpoint::new(self.0.reactor.clone(), port)
            .with_interface(interface)
            .with_backlog(backlog as u32);
        let certificates = Certificates::ByName(Named::new("path", directory));
        let (context, versions) = (self.0.clone(), Versions::All);
        Ok(Parsed::new(Rc::new(FileServer { below, context, certificates, versions }), description))
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

fn file_or<'a>(argument: &Argument<'a>, default: &'a str) -> Result<&'a str, ParseError> {
    Ok(file(argument)?.unwrap_or(default))
}

/// An empty interface means the default, as in Twisted.
fn host_or(argument: &Argument<'_>, default: Host) -> Result<Host, ParseError> {
    if argument.span().is_empty() { Ok(default) } else { argument.host() }
}

/// For descriptions.
pub(super) fn text(value: Option<&str>) -> Value {
    value.map_or(Value::Absent, |text| Value::Text(text.into()))
}
