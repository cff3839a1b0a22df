//! `ssl:` and `tls:` servers from strings; Twisted's `_parseSSL` and `_TLSServerEndpointParser`.
//!
//! Invariant: every argument is checked when the string is parsed, but for what only a file can tell.

use std::borrow::Cow;
use std::rc::Rc;

use endpoints::{
    Argument, Arguments, Host, ParseError, Parsed, ServerParser, TcpServerEndpoint, Value,
};
use interfaces::StreamServerEndpoint;

use super::Context;
use super::client_authentication::client_authentication;
use super::paths::{file, file_or};
use super::server::FileServer;
use super::session_strings::{interval, method, options_of, session_settings};
use crate::credentials::{Certificates, Identity, Named, UnknownName};
use crate::settings::{ServerSettings, VersionRange};

pub(super) struct SslServerParser(pub(super) Context);
pub(super) struct TlsServerParser(pub(super) Context);

/// The arguments of both kinds that are given by name: the endpoint below, the interval of looks at the files,
/// the meaning of a bare end, then those of clients' certificates, then those of the session.
const OPTIONS: [&str; 15] = [
    "endpoint",
    "reload",
    "eof",
    "clientCA",
    "clientAuth",
    "clientCN",
    "clientDNS",
    "clientURI",
    "clientPin",
    "alpn",
    "minVersion",
    "maxVersion",
    "groups",
    "tickets",
    "keyLog",
];

impl ServerParser for SslServerParser {
    fn kind(&self) -> &'static str {
        "ssl"
    }

    fn is_kind(&self, given: &str) -> bool {
        given == "ssl"
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
        let (
            [port, key, certificate, sslmethod, interface, backlog, extra, parameters],
            [ocsp, endpoint, reload, eof, options @ ..],
        ) = arguments.bind_options(
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
            with_own("ocsp"),
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
        let versions = method(&sslmethod)?;
        let extra_file = file(&extra)?;
        if parameters.is_given() {
            return Err(parameters.refuse(
                "dhParameters is not supported: leave it out, as keys are agreed on with elliptic \
                 curves",
            ));
        }
        let identity = Identity {
            certificate: Named::new(certificate.name(), certificate_file),
            key: Named::new(key.name(), key_file),
            extra_chain: extra_file.map(|path| Named::new(extra.name(), path)),
        };
        let staple = file(&ocsp)?.map(|path| Named::new(ocsp.name(), path));
        let certificates = Certificates::One(identity, staple);
        let Below { endpoint: below, layers } = below;
        let (context, settings) =
            (self.0.clone(), self.0.settings(certificates, options, versions)?);
        let (interval, tls) = (interval(&reload)?, options_of(&eof)?);
        let server = FileServer { below, context, settings, interval, tls };
        Ok(arguments.parsed(Rc::new(server), layers))
    }
}

impl ServerParser for TlsServerParser {
    fn kind(&self) -> &'static str {
        "tls"
    }

    fn examples(&self) -> &'static [&'static str] {
        &["tls:/etc/certificates", "tls:/etc/certificates:port=8443:clientCA=/etc/clients.pem"]
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let ([path, port, backlog, interface], [unknown, endpoint, reload, eof, options @ ..]) =
            arguments
                .bind_options(["path", "port", "backlog", "interface"], with_own("unknownName"))?;
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
        let certificates =
            Certificates::ByName(Named::new(path.name(), directory), unknown_name(&unknown)?);
        let versions = VersionRange::default();
        let (context, settings) =
            (self.0.clone(), self.0.settings(certificates, options, versions)?);
        let (interval, tls) = (interval(&reload)?, options_of(&eof)?);
        let server = FileServer { below, context, settings, interval, tls };
        Ok(arguments.parsed(Rc::new(server), layers))
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

/// [`OPTIONS`] behind one that only this kind has.
fn with_own(name: &'static str) -> [&'static str; OPTIONS.len() + 1] {
    let mut names = [name; OPTIONS.len() + 1];
    names[1..].copy_from_slice(&OPTIONS);
    names
}

fn unknown_name(argument: &Argument<'_>) -> Result<UnknownName, ParseError> {
    let (unknown, name) = match argument.text()? {
        None => return Ok(UnknownName::default()),
        Some("refuse") => (UnknownName::Refuse, "refuse"),
        Some("default") => (UnknownName::Default, "default"),
        Some(_) => return Err(argument.error("`refuse` or `default`")),
    };
    argument.record(Value::Text(name.into()));
    Ok(unknown)
}

impl Context {
    /// The settings from [`OPTIONS`] without the first three.
    fn settings(
        &self,
        certificates: Certificates,
        options: [Argument<'_>; 12],
        versions: VersionRange,
    ) -> Result<ServerSettings, ParseError> {
        let [trusted, mode, common_names, dns_names, uris, pins, session @ ..] = options;
        let clients = client_authentication([trusted, mode, common_names, dns_names, uris, pins])?;
        let settings = ServerSettings::of(certificates).with_session(session_settings(
            session,
            versions,
            &self.provider,
        )?);
        Ok(match clients {
            Some(clients) => settings.with_clients(clients),
            None => settings,
        })
    }

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
