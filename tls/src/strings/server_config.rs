//! [`TlsServerConfig`]: the strings of servers of kind `ssl` and `tls`, as a value.
//!
//! Invariant: no file is opened, and the kind is what the certificates say: a pair is `ssl`, a directory `tls`.

use std::rc::Rc;
use std::time::Duration;

use endpoints::{
    Argument, Arguments, EndpointConfig, Host, ParseError, Registry, ServerString, Side, Value,
    endpoint_config,
};
use interfaces::{BACKLOG_MAX, StreamServerEndpoint};
use rustls::crypto::CryptoProvider;

use super::client_authentication::{client_arguments, client_authentication};
use super::paths::{file, file_or};
use super::session_strings::{
    RELOAD_INTERVAL, bare_end, bare_end_value, interval, interval_value, known_groups, method,
    session_arguments, session_settings,
};
use crate::credentials::{Certificates, Identity, Named, UnknownName};
use crate::options::BareEnd;
use crate::settings::{ClientAuthentication, ServerSettings, SessionSettings, VersionRange};

const SSL: [&str; 8] = [
    "port",
    "privateKey",
    "certKey",
    "sslmethod",
    "interface",
    "backlog",
    "extraCertChain",
    "dhParameters",
];
const TLS: [&str; 4] = ["path", "port", "backlog", "interface"];
const OCSP: &str = "ocsp";
const UNKNOWN_NAME: &str = "unknownName";

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

/// The port of a server of kind `tls` that names none.
const TLS_PORT: u16 = 443;

/// A string of a server of kind `ssl` or `tls`.
///
/// # Examples
///
/// ```
/// use ropewalk_tls::{ServerCertificates, TlsServerConfig};
///
/// let mut server: TlsServerConfig = "ssl:443:privateKey=key.pem:certKey=chain.pem".parse()?;
/// server.session.alpn.push(b"h2".to_vec());
/// assert!(server.to_string().ends_with(":alpn=h2"));
/// server.certificates = ServerCertificates::directory("/etc/certificates");
/// assert!(server.to_string().starts_with("tls:path=/etc/certificates:port=443:"));
/// # Ok::<(), endpoints::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsServerConfig {
    /// The certificates that it shows; a pair makes it a server of kind `ssl`, a directory one of kind `tls`.
    pub certificates: ServerCertificates,
    /// Where it listens.
    pub listen: TlsListen,
    /// The certificates that clients are asked for. Default none.
    pub clients: Option<ClientAuthentication>,
    /// The terms of the session.
    pub session: SessionSettings,
    /// How long passes between two looks at the files. Default 10 s; `None` looks never.
    pub reload: Option<Duration>,
    /// The meaning of an end without `close_notify`.
    pub bare_end: BareEnd,
}

/// The files of a server's certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerCertificates {
    /// One certificate, of kind `ssl`.
    Pair {
        /// The file of the certificate, which its chain may follow.
        certificate: String,
        /// The file of its key; it may be the same.
        private_key: String,
        /// A file with more of the chain.
        extra_chain: Option<String>,
        /// A file with the OCSP response to staple, in DER.
        ocsp: Option<String>,
    },
    /// One for each name that clients ask for, of kind `tls`.
    Directory {
        /// The directory of the files with certificates and keys.
        path: String,
        /// What a client gets that asks for another name.
        unknown_name: UnknownName,
    },
}

/// What TLS listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsListen {
    /// A TCP port.
    Tcp {
        /// The port; 0 takes a free one.
        port: u16,
        /// The address of this machine. `None` is the kind's default: every address, and for `ssl` every one of IPv4.
        interface: Option<Host>,
        /// How many connections the kernel keeps before they are accepted. Default [`BACKLOG_MAX`].
        backlog: u32,
    },
    /// Another endpoint.
    Endpoint(ServerString),
}

impl ServerCertificates {
    /// One certificate and its key; they may be in the same file.
    pub fn pair(certificate: impl Into<String>, private_key: impl Into<String>) -> Self {
        let (certificate, private_key) = (certificate.into(), private_key.into());
        Self::Pair { certificate, private_key, extra_chain: None, ocsp: None }
    }

    /// Those of a directory.
    pub fn directory(path: impl Into<String>) -> Self {
        Self::Directory { path: path.into(), unknown_name: UnknownName::default() }
    }

    fn files(&self) -> Certificates {
        match self {
            Self::Pair { certificate, private_key, extra_chain, ocsp } => {
                let named = |name, path: &String| Named::new(name, path);
                let identity = Identity {
                    certificate: named("certKey", certificate),
                    key: named("privateKey", private_key),
                    extra_chain: extra_chain.as_ref().map(|path| named("extraCertChain", path)),
                };
                Certificates::One(identity, ocsp.as_ref().map(|path| named(OCSP, path)))
            }
            Self::Directory { path, unknown_name } => {
                Certificates::ByName(Named::new("path", path), *unknown_name)
            }
        }
    }
}

impl TlsListen {
    /// A port on the kind's default address.
    pub fn port(port: u16) -> Self {
        Self::Tcp { port, interface: None, backlog: BACKLOG_MAX }
    }

    /// That of `endpoint`, if it is given: then it has a port, an interface and a backlog of its own.
    fn of_endpoint(
        endpoint: &Argument<'_>,
        own: [&Argument<'_>; 3],
    ) -> Result<Option<Self>, ParseError> {
        let Some(inner) = endpoint.server_string()? else { return Ok(None) };
        match own.into_iter().find(|argument| argument.is_given()) {
            Some(unused) => Err(unused.excluded_by(endpoint)),
            None => Ok(Some(Self::Endpoint(inner))),
        }
    }

    /// The values of `port`, `interface`, `backlog` and `endpoint`.
    fn values(&self) -> [Value; 4] {
        match self {
            Self::Tcp { port, interface, backlog } => {
                let interface = interface.as_ref().map(Host::to_string);
                [
                    Value::Number((*port).into()),
                    Value::text_or_absent(interface.as_deref()),
                    Value::backlog(*backlog),
                    Value::Absent,
                ]
            }
            Self::Endpoint(inner) => {
                let inner = Value::Text(inner.as_str().to_owned().into());
                [Value::Absent, Value::Absent, Value::Absent, inner]
            }
        }
    }
}

impl TlsServerConfig {
    /// With these certificates on this port, and the defaults of a string.
    pub fn new(certificates: ServerCertificates, port: u16) -> Self {
        Self {
            certificates,
            listen: TlsListen::port(port),
            clients: None,
            session: SessionSettings::default(),
            reload: Some(RELOAD_INTERVAL),
            bare_end: BareEnd::default(),
        }
    }

    /// The endpoint, of a registry that knows `ssl` and `tls`.
    ///
    /// # Errors
    ///
    /// [`ParseError`], at its place in the string that the value prints.
    pub fn server(&self, registry: &Registry) -> Result<Rc<dyn StreamServerEndpoint>, ParseError> {
        registry.server(&self.endpoint_string()?)
    }

    pub(super) fn settings(&self) -> ServerSettings {
        let settings =
            ServerSettings::of(self.certificates.files()).with_session(self.session.clone());
        match &self.clients {
            Some(clients) => settings.with_clients(clients.clone()),
            None => settings,
        }
    }

    /// The value of `ssl`, and the argument of the endpoint below.
    pub(super) fn read_ssl<'s>(
        arguments: &'s Arguments<'_>,
        provider: Option<&CryptoProvider>,
    ) -> Result<(Self, Argument<'s>), ParseError> {
        let (
            [port, key, certificate, sslmethod, interface, backlog, extra, parameters],
            [ocsp, endpoint, options @ ..],
        ) = arguments.bind_options(SSL, with_own(OCSP))?;
        let listen = match TlsListen::of_endpoint(&endpoint, [&port, &interface, &backlog])? {
            Some(below) => below,
            None => TlsListen::Tcp {
                interface: Some(interface.host_or(Host::ANY_IPV4)?)
                    .filter(|host| *host != Host::ANY_IPV4),
                port: port.port()?,
                backlog: backlog.backlog()?,
            },
        };
        let key_file = file_or(&key, "server.pem")?;
        let certificate_file = file_or(&certificate, key_file)?;
        let versions = method(&sslmethod)?;
        let extra_chain = file(&extra)?.map(str::to_owned);
        if parameters.is_given() {
            return Err(parameters.refuse(
                "dhParameters is not supported: leave it out, as keys are agreed on with elliptic \
                 curves",
            ));
        }
        let certificates = ServerCertificates::Pair {
            certificate: certificate_file.to_owned(),
            private_key: key_file.to_owned(),
            extra_chain,
            ocsp: file(&ocsp)?.map(str::to_owned),
        };
        Ok((Self::with_options(certificates, listen, options, (versions, provider))?, endpoint))
    }

    /// The value of `tls`, and the argument of the endpoint below.
    pub(super) fn read_tls<'s>(
        arguments: &'s Arguments<'_>,
        provider: Option<&CryptoProvider>,
    ) -> Result<(Self, Argument<'s>), ParseError> {
        let ([path, port, backlog, interface], [unknown, endpoint, options @ ..]) =
            arguments.bind_options(TLS, with_own(UNKNOWN_NAME))?;
        let directory = file(&path)?.ok_or_else(|| path.missing())?.to_owned();
        let listen = match TlsListen::of_endpoint(&endpoint, [&port, &interface, &backlog])? {
            Some(below) => below,
            None => {
                let is_default = interface.span().is_empty();
                let host = interface.host_or(Host::ANY_IPV6)?;
                TlsListen::Tcp {
                    port: port.port_or(TLS_PORT)?,
                    interface: (!is_default).then_some(host),
                    backlog: backlog.backlog()?,
                }
            }
        };
        let unknown_name = unknown_name(&unknown)?;
        let certificates = ServerCertificates::Directory { path: directory, unknown_name };
        let versions = VersionRange::default();
        Ok((Self::with_options(certificates, listen, options, (versions, provider))?, endpoint))
    }

    /// With [`OPTIONS`] but the endpoint.
    fn with_options(
        certificates: ServerCertificates,
        listen: TlsListen,
        [reload, eof, options @ ..]: [Argument<'_>; 14],
        (versions, provider): (VersionRange, Option<&CryptoProvider>),
    ) -> Result<Self, ParseError> {
        let [trusted, mode, common_names, dns_names, uris, pins, session @ ..] = options;
        let clients = client_authentication([trusted, mode, common_names, dns_names, uris, pins])?;
        let session = session_settings(session, versions, &known_groups(provider))?;
        let (reload, bare_end) = (interval(&reload)?, bare_end(&eof)?);
        Ok(Self { certificates, listen, clients, session, reload, bare_end })
    }
}

/// [`OPTIONS`] behind one that only this kind has.
fn with_own(name: &'static str) -> [&'static str; OPTIONS.len() + 1] {
    let mut names = [name; OPTIONS.len() + 1];
    names[1..].copy_from_slice(&OPTIONS);
    names
}

fn unknown_name(argument: &Argument<'_>) -> Result<UnknownName, ParseError> {
    let unknown = match argument.text()? {
        None => return Ok(UnknownName::default()),
        Some("refuse") => UnknownName::Refuse,
        Some("default") => UnknownName::Default,
        Some(_) => return Err(argument.error("`refuse` or `default`")),
    };
    argument.record(unknown_name_value(unknown));
    Ok(unknown)
}

fn unknown_name_value(unknown: UnknownName) -> Value {
    let name = match unknown {
        UnknownName::Refuse => "refuse",
        UnknownName::Default => "default",
    };
    Value::Text(name.into())
}

impl EndpointConfig for TlsServerConfig {
    const SIDE: Side = Side::Server;
    const KINDS: &'static [&'static str] = &["ssl", "tls"];

    fn is_kind(kind: &str, given: &str) -> bool {
        given == kind || (kind == "tls" && given.eq_ignore_ascii_case(kind))
    }

    fn read(arguments: &mut Arguments<'_>) -> Result<Self, ParseError> {
        let read = match arguments.kind() {
            "ssl" => Self::read_ssl(arguments, None),
            _ => Self::read_tls(arguments, None),
        };
        Ok(read?.0)
    }

    fn kind(&self) -> &'static str {
        match self.certificates {
            ServerCertificates::Pair { .. } => "ssl",
            ServerCertificates::Directory { .. } => "tls",
        }
    }

    fn arguments(&self) -> Vec<(&'static str, Value)> {
        let text = |text: &str| Value::Text(text.to_owned().into());
        let [port, interface, backlog, endpoint] = self.listen.values();
        let mut printed: Vec<_> = match &self.certificates {
            ServerCertificates::Pair { certificate, private_key, extra_chain, ocsp } => {
                let (own, extra) = ([private_key, certificate].map(|path| text(path)), extra_chain);
                let ([key, certificate], method) = (own, Value::Absent);
                let extra = Value::text_or_absent(extra.as_deref());
                let values =
                    [port, key, certificate, method, interface, backlog, extra, Value::Absent];
                let ocsp = (OCSP, Value::text_or_absent(ocsp.as_deref()));
                SSL.into_iter().zip(values).chain([ocsp]).collect()
            }
            ServerCertificates::Directory { path, unknown_name } => {
                let unknown = match *unknown_name == UnknownName::default() {
                    true => Value::Absent,
                    false => unknown_name_value(*unknown_name),
                };
                let values = [text(path), port, backlog, interface];
                TLS.into_iter().zip(values).chain([(UNKNOWN_NAME, unknown)]).collect()
            }
        };
        let below = [endpoint, interval_value(self.reload), bare_end_value(self.bare_end)];
        let clients = client_arguments(self.clients.as_ref());
        let options = below.into_iter().chain(clients).chain(session_arguments(&self.session));
        printed.extend(OPTIONS.into_iter().zip(options));
        printed
    }
}

endpoint_config!(TlsServerConfig, ServerString);
