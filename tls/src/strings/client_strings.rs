//! `ssl:` and `tls:` clients from strings; Twisted's `_parseClientSSL` and `_parseClientTLS`.
//!
//! Invariant: every argument is checked when the string is parsed, but for what only a file can tell.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use endpoints::{
    Argument, Arguments, ClientParser, Host, ParseError, Parsed, TcpClientEndpoint, Value,
};
use interfaces::StreamClientEndpoint;
use rustls::pki_types::ServerName;

use super::client::FileClient;
use super::key_pins::key_pins;
use super::paths::file;
use super::session_strings::{interval, options_of, session_settings};
use super::{Context, UNVERIFIED_LAYER};
use crate::TlsOptions;
use crate::credentials::{Identity, Named};
use crate::settings::{ClientSettings, Trust, VersionRange};

pub(super) struct SslClientParser(pub(super) Context);
pub(super) struct TlsClientParser(pub(super) Context);

/// The arguments of both kinds that are described only where they are given: the trusted authorities and keys,
/// the meaning of a bare end, then those of the session.
const OPTIONS: [&str; 10] = [
    "roots",
    "pin",
    "eof",
    "reload",
    "alpn",
    "minVersion",
    "maxVersion",
    "groups",
    "tickets",
    "keyLog",
];

/// [`OPTIONS`], and the name to verify, which `ssl` had first.
const TLS_OPTIONS: [&str; 11] = [
    "roots",
    "pin",
    "eof",
    "reload",
    "alpn",
    "minVersion",
    "maxVersion",
    "groups",
    "tickets",
    "keyLog",
    "hostname",
];

impl ClientParser for SslClientParser {
    fn kind(&self) -> &'static str {
        "ssl"
    }

    fn examples(&self) -> &'static [&'static str] {
        &["ssl:example.com:443", "ssl:example.com:443:certKey=/etc/me.pem:privateKey=/etc/me.key"]
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let (
            [host, port],
            [timeout, bind_address, certificate, key, trust, hostname, verify],
            [roots, pin, eof, reload, session @ ..],
        ) = arguments.bind_host_port_options(
            ["timeout", "bindAddress", "certKey", "privateKey", "caCertsDir", "hostname", "verify"],
            OPTIONS,
        )?;
        let (host, mut name) = named_host(&host)?;
        let below = TcpClientEndpoint::new(self.0.reactor.clone(), host, port.port()?)
            .with_arguments([timeout, bind_address])?;
        let credentials = Credentials::read(
            [certificate, key, trust, verify, roots, pin],
            [&eof, &reload],
            session,
            &self.0,
        )?;
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

    fn examples(&self) -> &'static [&'static str] {
        &["tls:example.com:443", "tls:example.com:443:certificate=/etc/me.pem"]
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let (
            [host, port, timeout, bind_address, certificate, key, trust, endpoint],
            [verify],
            [roots, pin, eof, reload, session @ .., hostname],
        ) = arguments.bind_with_options(
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
            TLS_OPTIONS,
        )?;
        let credentials = Credentials::read(
            [certificate, key, trust, verify, roots, pin],
            [&eof, &reload],
            session,
            &self.0,
        )?;
        // That the port is missing says more about `tls:443` than that `443` is not a host.
        arguments.require(&[host, port])?;
        let ((host, mut name), port) = (named_host(&host)?, port.port()?);
        if hostname.text()?.is_some() {
            name = server_name(&hostname)?.1;
        }
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

/// What a client trusts, shows and negotiates.
struct Credentials {
    settings: ClientSettings,
    verifies: bool,
    tls: TlsOptions,
    interval: Option<Duration>,
}

impl Credentials {
    fn read(
        [certificate, key, trusted, verify, roots, pin]: [Argument<'_>; 6],
        [eof, reload]: [&Argument<'_>; 2],
        session: [Argument<'_>; 6],
        context: &Context,
    ) -> Result<Self, ParseError> {
        let session = session_settings(session, VersionRange::default(), &context.provider)?;
        let settings = ClientSettings::default().with_session(session).with_pins(key_pins(&pin)?);
        let (settings, verifies) = trusting(settings, &trusted, &verify, &roots)?;
        let settings = match identity(&certificate, &key)? {
            Some(identity) => settings.with(identity),
            None => settings,
        };
        let (tls, interval) = (options_of(eof)?, interval(reload)?);
        Ok(Self { settings, verifies, tls, interval })
    }

    /// The layer as the description names it.
    fn layer(&self) -> &'static str {
        if self.verifies { "tls" } else { UNVERIFIED_LAYER }
    }

    fn client(
        self,
        context: &Context,
        below: Rc<dyn StreamClientEndpoint>,
        name: ServerName<'static>,
    ) -> FileClient {
        let Self { settings, tls, interval, .. } = self;
        let (context, config) = (context.clone(), RefCell::default());
        let looked = Cell::default();
        FileClient { below, context, name, settings, tls, interval, config, looked }
    }
}

/// The settings with the servers that are trusted, and whether these are verified.
fn trusting(
    settings: ClientSettings,
    trusted: &Argument<'_>,
    verify: &Argument<'_>,
    roots: &Argument<'_>,
) -> Result<(ClientSettings, bool), ParseError> {
    let roots_given = trust_roots(roots)?;
    let path = file(trusted)?;
    let given = [trusted, roots].into_iter().find(|argument| argument.is_given());
    match (verify.text()?, given) {
        (Some("danger-none"), Some(other)) => Err(verify.excluded_by(other)),
        (Some("danger-none"), None) => Ok((settings.with_trust(Trust::DangerAnyone), false)),
        (Some(_), _) => Err(verify.error("`danger-none`, or left out to verify the server")),
        (None, _) => match path {
            Some(_) if roots.is_given() => Err(roots.excluded_by(trusted)),
            Some(path) => Ok((settings.with_trusted_files(trusted.name(), path.into()), true)),
            None => Ok((settings.with_trust(roots_given), true)),
        },
    }
}

/// The authorities that `roots` names.
fn trust_roots(roots: &Argument<'_>) -> Result<Trust, ParseError> {
    match roots.text()? {
        None | Some("public") => Ok(Trust::Public),
        #[cfg(feature = "system-roots")]
        Some("system") => Ok(Trust::System),
        #[cfg(not(feature = "system-roots"))]
        Some("system") => Err(roots.refuse(
            "this program was built without the feature `system-roots`: give the file or directory of \
             the system's certificates",
        )),
        Some(_) => Err(roots.error("`public` or `system`")),
    }
}

/// The certificate that the client shows, if one is given.
fn identity(
    certificate: &Argument<'_>,
    key: &Argument<'_>,
) -> Result<Option<Identity>, ParseError> {
    match (file(certificate)?, file(key)?) {
        (Some(path), key_path) => Ok(Some(Identity {
            certificate: Named::new(certificate.name(), path),
            key: match key_path {
                Some(path) => Named::new(key.name(), path),
                None => {
                    key.record(Value::Text(path.to_owned().into()));
                    Named::new(certificate.name(), path)
                }
            },
            extra_chain: None,
        })),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(key.refuse(format!(
            "`{}` is given without `{}`: expected the certificate of the key, too",
            key.name(),
            certificate.name()
        ))),
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
