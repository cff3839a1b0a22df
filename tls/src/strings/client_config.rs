//! [`TlsClientConfig`]: the strings of clients of kind `ssl` and `tls`, as a value.
//!
//! Invariant: nothing is looked up or opened, and only `Trust::DangerAnyone` turns the verification off.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use endpoints::{
    Argument, Arguments, ClientString, EndpointConfig, Host, ParseError, Registry, Side,
    TcpClientEndpoint, Value, endpoint_config,
};
use interfaces::StreamClientEndpoint;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;

use super::client_arguments::{DANGER_NONE, certificate_files, named_host, server_name, trust};
use super::key_pins::key_pins;
use super::session_strings::{
    RELOAD_INTERVAL, bare_end, bare_end_value, interval, interval_value, joined, known_groups,
    session_arguments, session_settings,
};
use crate::credentials::{Identity, Named};
use crate::options::BareEnd;
use crate::settings::{ClientSettings, SessionSettings, Trust, VersionRange};
use crate::verification::KeyPin;

/// The arguments of `ssl` that are given by name and always listed.
const SSL: [&str; 7] =
    ["timeout", "bindAddress", "certKey", "privateKey", "caCertsDir", "hostname", "verify"];

/// Those of `tls`, which may stand by position, but for the last.
const TLS: [&str; 8] = [
    "host",
    "port",
    "timeout",
    "bindAddress",
    "certificate",
    "privateKey",
    "trustRoots",
    "endpoint",
];
const HOST_PORT: [&str; 2] = [TLS[0], TLS[1]];
const VERIFY: &str = "verify";

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
const TLS_OPTIONS: [&str; 11] = {
    let [roots, pin, eof, reload, alpn, least, greatest, groups, tickets, key_log] = OPTIONS;
    [roots, pin, eof, reload, alpn, least, greatest, groups, tickets, key_log, "hostname"]
};

/// Which of the two kinds of client a string is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsClientKind {
    /// `ssl`, with Twisted's arguments of it; over TCP alone.
    Ssl,
    /// `tls`.
    Tls,
}

/// A string of a client of kind `ssl` or `tls`.
///
/// # Examples
///
/// ```
/// use ropewalk_tls::{TlsClientConfig, Trust};
///
/// let mut client: TlsClientConfig = "tls:example.com:443".parse()?;
/// client.trust = Trust::Files("/etc/authority.pem".into());
/// let printed = "tls:host=example.com:port=443:timeout=30:trustRoots=/etc/authority.pem";
/// assert_eq!(client.to_string(), printed);
/// # Ok::<(), endpoints::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsClientConfig {
    /// `ssl` or `tls`.
    pub kind: TlsClientKind,
    /// The host to connect to, whose name is verified unless [`hostname`](Self::hostname) has another.
    pub host: Host,
    /// The port.
    pub port: u16,
    /// How it connects.
    pub connect: TlsConnect,
    /// The files of the certificate that it shows. Default none.
    pub certificate: Option<CertificateFiles>,
    /// The servers that it trusts.
    pub trust: Trust,
    /// Of these servers, it takes only those with one of these keys. Default all.
    pub pins: Vec<KeyPin>,
    /// The name that the server's certificate has to be for, and that it is asked for. Default the host.
    pub hostname: Option<Host>,
    /// The terms of the session.
    pub session: SessionSettings,
    /// The least time between two looks at the files. Default 10 s; `None` looks once.
    pub reload: Option<Duration>,
    /// The meaning of an end without `close_notify`.
    pub bare_end: BareEnd,
}

/// The files of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The file of the certificate, which its chain may follow.
    pub certificate: String,
    /// The file of its key; it may be the same.
    pub private_key: String,
}

/// The way to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsConnect {
    /// TCP, to the host and port.
    Tcp {
        /// How long each attempt may take. Default 30 s.
        timeout: Duration,
        /// The address to connect from. Default: the system's choice.
        bind_address: Option<IpAddr>,
    },
    /// Another endpoint; of kind `tls` alone.
    Endpoint(ClientString),
}

impl Default for TlsConnect {
    fn default() -> Self {
        Self::Tcp { timeout: TcpClientEndpoint::TIMEOUT, bind_address: None }
    }
}

impl TlsConnect {
    fn tcp(host: &Host, [timeout, bind_address]: [&Argument<'_>; 2]) -> Result<Self, ParseError> {
        Ok(Self::Tcp {
            timeout: timeout.seconds_or(TcpClientEndpoint::TIMEOUT)?,
            bind_address: bind_address.local_address(host.family())?,
        })
    }

    /// The values of `timeout`, `bindAddress` and `endpoint`.
    fn values(&self) -> [Value; 3] {
        match self {
            Self::Tcp { timeout, bind_address } => {
                let local = bind_address.map(|address| address.to_string());
                let local = Value::text_or_absent(local.as_deref());
                [Value::Seconds(*timeout), local, Value::Absent]
            }
            Self::Endpoint(inner) => {
                let inner = Value::Text(inner.as_str().to_owned().into());
                [Value::Absent, Value::Absent, inner]
            }
        }
    }
}

/// A string that was read.
pub(super) struct ReadClient<'s> {
    pub(super) config: TlsClientConfig,
    /// The name to verify.
    pub(super) name: ServerName<'static>,
    /// The argument of the endpoint below, of kind `tls`.
    pub(super) endpoint: Option<Argument<'s>>,
}

impl TlsClientConfig {
    /// `tls` to this host and port, with the defaults of a string.
    pub fn new(host: impl Into<Host>, port: u16) -> Self {
        Self {
            kind: TlsClientKind::Tls,
            host: host.into(),
            port,
            connect: TlsConnect::default(),
            certificate: None,
            trust: Trust::default(),
            pins: Vec::new(),
            hostname: None,
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
    pub fn client(&self, registry: &Registry) -> Result<Rc<dyn StreamClientEndpoint>, ParseError> {
        registry.client(&self.endpoint_string()?)
    }

    pub(super) fn settings(&self) -> ClientSettings {
        let (certificate_name, trust_name) = match self.kind {
            TlsClientKind::Ssl => (SSL[2], SSL[4]),
            TlsClientKind::Tls => (TLS[4], TLS[6]),
        };
        let settings = ClientSettings::default()
            .with_session(self.session.clone())
            .with_pins(self.pins.iter().copied());
        let settings = match &self.trust {
            Trust::Files(path) => settings.with_trusted_files(trust_name, path.clone()),
            trust => settings.with_trust(trust.clone()),
        };
        let Some(CertificateFiles { certificate, private_key }) = &self.certificate else {
            return settings;
        };
        let key_name = if certificate == private_key { certificate_name } else { "privateKey" };
        settings.with(Identity {
            certificate: Named::new(certificate_name, certificate),
            key: Named::new(key_name, private_key),
            extra_chain: None,
        })
    }

    /// The value of a string of kind `ssl` says.
    pub(super) fn read_ssl<'s>(
        arguments: &'s Arguments<'_>,
        provider: Option<&CryptoProvider>,
    ) -> Result<ReadClient<'s>, ParseError> {
        let (
            [host, port],
            [timeout, bind_address, certificate, key, trust, hostname, verify],
            [roots, pin, eof, reload, session @ ..],
        ) = arguments.bind_host_port_options(SSL, OPTIONS)?;
        let (host, name) = named_host(&host)?;
        let connect = TlsConnect::tcp(&host, [&timeout, &bind_address])?;
        let mut config =
            Self { kind: TlsClientKind::Ssl, connect, ..Self::new(host, port.port()?) };
        config.read_credentials([&certificate, &key, &trust, &verify, &roots, &pin])?;
        config.read_session(session, [&eof, &reload], provider)?;
        let name = config.read_hostname(&hostname, name)?;
        Ok(ReadClient { config, name, endpoint: None })
    }

    /// The value of a string of kind `tls` says.
    pub(super) fn read_tls<'s>(
        arguments: &'s Arguments<'_>,
        provider: Option<&CryptoProvider>,
    ) -> Result<ReadClient<'s>, ParseError> {
        let (
            [host, port, timeout, bind_address, certificate, key, trust, endpoint],
            [verify],
            [roots, pin, eof, reload, session @ .., hostname],
        ) = arguments.bind_with_options(TLS, [VERIFY], TLS_OPTIONS)?;
        let mut config = Self::new(Host::ANY_IPV4, 0);
        config.read_credentials([&certificate, &key, &trust, &verify, &roots, &pin])?;
        config.read_session(session, [&eof, &reload], provider)?;
        // That the port is missing says more about `tls:443` than that `443` is not a host.
        arguments.require(&[host, port])?;
        let (host, name) = named_host(&host)?;
        config.port = port.port()?;
        let name = config.read_hostname(&hostname, name)?;
        config.connect = match endpoint.client_string()? {
            Some(inner) => {
                let unused = [timeout, bind_address].into_iter().find(Argument::is_given);
                if let Some(unused) = unused {
                    return Err(unused.excluded_by(&endpoint));
                }
                TlsConnect::Endpoint(inner)
            }
            None => TlsConnect::tcp(&host, [&timeout, &bind_address])?,
        };
        config.host = host;
        Ok(ReadClient { config, name, endpoint: Some(endpoint) })
    }

    fn read_credentials(
        &mut self,
        [certificate, key, trusted, verify, roots, pin]: [&Argument<'_>; 6],
    ) -> Result<(), ParseError> {
        self.pins = key_pins(pin)?;
        self.trust = trust(trusted, verify, roots)?;
        self.certificate = certificate_files(certificate, key)?;
        Ok(())
    }

    fn read_session(
        &mut self,
        session: [Argument<'_>; 6],
        [eof, reload]: [&Argument<'_>; 2],
        provider: Option<&CryptoProvider>,
    ) -> Result<(), ParseError> {
        let groups = known_groups(provider);
        self.session = session_settings(session, VersionRange::default(), &groups)?;
        (self.bare_end, self.reload) = (bare_end(eof)?, interval(reload)?);
        Ok(())
    }

    /// The name to verify: that of the argument, or else the host's.
    fn read_hostname(
        &mut self,
        argument: &Argument<'_>,
        of_host: ServerName<'static>,
    ) -> Result<ServerName<'static>, ParseError> {
        if argument.text()?.is_none() {
            return Ok(of_host);
        }
        let (host, name) = server_name(argument)?;
        self.hostname = Some(host);
        Ok(name)
    }
}

impl EndpointConfig for TlsClientConfig {
    const SIDE: Side = Side::Client;
    const KINDS: &'static [&'static str] = &["ssl", "tls"];

    fn read(arguments: &mut Arguments<'_>) -> Result<Self, ParseError> {
        let read = match arguments.kind() {
            "ssl" => Self::read_ssl(arguments, None),
            _ => Self::read_tls(arguments, None),
        };
        Ok(read?.config)
    }

    fn kind(&self) -> &'static str {
        match self.kind {
            TlsClientKind::Ssl => "ssl",
            TlsClientKind::Tls => "tls",
        }
    }

    fn arguments(&self) -> Vec<(&'static str, Value)> {
        let text = |text: String| Value::Text(text.into());
        let [timeout, local, endpoint] = self.connect.values();
        let files = self.certificate.as_ref();
        let certificate = Value::text_or_absent(files.map(|it| &*it.certificate));
        let key = Value::text_or_absent(files.map(|it| &*it.private_key));
        let hostname = self.hostname.as_ref().map_or(Value::Absent, |it| text(it.to_string()));
        let mut trusted = [const { Value::Absent }; 3];
        match &self.trust {
            Trust::Public => {}
            #[cfg(feature = "system-roots")]
            Trust::System => trusted[2] = text("system".into()),
            Trust::Files(path) => trusted[0] = text(path.display().to_string()),
            Trust::DangerAnyone => trusted[1] = text(DANGER_NONE.into()),
        }
        let [trust, verify, roots] = trusted;
        let (end, looks) = (bare_end_value(self.bare_end), interval_value(self.reload));
        let options = [roots, joined(&self.pins), end, looks];
        let options = options.into_iter().chain(session_arguments(&self.session));
        let place = [text(self.host.to_string()), Value::Number(self.port.into())];
        match self.kind {
            TlsClientKind::Ssl => {
                let listed = [timeout, local, certificate, key, trust, hostname, verify];
                let below = [(TLS[7], endpoint)];
                let own = HOST_PORT.into_iter().zip(place).chain(SSL.into_iter().zip(listed));
                own.chain(OPTIONS.into_iter().zip(options)).chain(below).collect()
            }
            TlsClientKind::Tls => {
                let listed = [timeout, local, certificate, key, trust, endpoint];
                let own = TLS.into_iter().zip(place.into_iter().chain(listed));
                let options = TLS_OPTIONS.into_iter().zip(options.chain([hostname]));
                own.chain([(VERIFY, verify)]).chain(options).collect()
            }
        }
    }
}

endpoint_config!(TlsClientConfig, ClientString);
