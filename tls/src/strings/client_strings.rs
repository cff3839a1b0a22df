//! `ssl:` and `tls:` clients from strings; Twisted's `_parseClientSSL` and `_parseClientTLS`.
//!
//! Invariant: every argument is checked when the string is parsed, but for what only a file can tell.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use endpoints::{
    Argument, Arguments, ClientParser, Description, Host, ParseError, Parsed, TcpClientEndpoint,
    Value,
};
use interfaces::StreamClientEndpoint;
use rustls::pki_types::ServerName;

use super::Context;
use super::ascii_name::to_ascii;
use super::client::{FileClient, Trust};
use super::server_strings::{file, text};
use crate::credentials::{Identity, Named};

pub(super) struct SslClientParser(pub(super) Context);
pub(super) struct TlsClientParser(pub(super) Context);

impl ClientParser for SslClientParser {
    fn kind(&self) -> &'static str {
        "ssl"
    }

    fn parse(
        &self,
        arguments: &Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let given = ssl_arguments(arguments)?;
        let (host, tcp) = given.tcp.endpoint(&self.0)?;
        let credentials = given.credentials.read()?;
        let name = match given.hostname.is_given() {
            true => server_name(&given.hostname)?.1,
            false => host.name.clone(),
        };
        let mut described = given.tcp.described(&host)?;
        described.extend(credentials.described());
        described.extend([("hostname", text(given.hostname.text()?)), credentials.verify()]);
        let description = Description {
            kind: "ssl",
            arguments: described,
            layers: vec!["tls".into(), "tcp".into()],
        };
        Ok(client(&self.0, Rc::new(tcp), name, credentials, description))
    }
}

impl ClientParser for TlsClientParser {
    fn kind(&self) -> &'static str {
        "tls"
    }

    fn parse(
        &self,
        arguments: &Arguments<'_>,
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
        let tcp = TcpArguments { host, port, timeout, bind_address };
        let credentials = CredentialArguments { certificate, key, trust, verify }.read()?;
        let (host, below) = tcp.endpoint(&self.0)?;
        let mut described = tcp.described(&host)?;
        let mut layers = vec!["tls".into()];
        let below: Rc<dyn StreamClientEndpoint> = match endpoint.client()? {
            Some(inner) => {
                let unused = [timeout, bind_address].into_iter().find(Argument::is_given);
                if let Some(unused) = unused {
                    return Err(unused.excluded_by(&endpoint));
                }
                layers.extend(inner.description.layers);
                described.truncate(2);
                described.extend([("timeout", Value::Absent), ("bindAddress", Value::Absent)]);
                inner.endpoint
            }
            None => {
                layers.push("tcp".into());
                Rc::new(below)
            }
        };
        described.extend(credentials.described());
        described.extend([("endpoint", text(endpoint.text()?)), credentials.verify()]);
        let description = Description { kind: "tls", arguments: described, layers };
        Ok(client(&self.0, below, host.name, credentials, description))
    }
}

fn client(
    context: &Context,
    below: Rc<dyn StreamClientEndpoint>,
    name: ServerName<'static>,
    credentials: ClientCredentials,
    description: Description,
) -> Parsed<dyn StreamClientEndpoint> {
    let endpoint = FileClient {
        below,
        context: context.clone(),
        name,
        trust: credentials.trust,
        identity: credentials.identity,
        config: RefCell::default(),
    };
    Parsed::new(Rc::new(endpoint), description)
}

struct SslArguments<'a> {
    tcp: TcpArguments<'a>,
    credentials: CredentialArguments<'a>,
    hostname: Argument<'a>,
}

/// Twisted's rule: a single value by position is the port if the host is given by name.
fn ssl_arguments<'a>(arguments: &'a Arguments<'_>) -> Result<SslArguments<'a>, ParseError> {
    const KEYWORDS: [&str; 7] =
        ["timeout", "bindAddress", "certKey", "privateKey", "caCertsDir", "hostname", "verify"];
    let [t, b, c, k, d, h, v] = KEYWORDS;
    let (host, port, rest) = if arguments.positional_count() == 1 && arguments.has_option("host") {
        let ([port], [host, rest @ ..]) =
            arguments.bind_keywords(["port"], ["host", t, b, c, k, d, h, v])?;
        (host, port, rest)
    } else {
        let ([host, port], rest) = arguments.bind_keywords(["host", "port"], KEYWORDS)?;
        (host, port, rest)
    };
    let [timeout, bind_address, certificate, key, trust, hostname, verify] = rest;
    Ok(SslArguments {
        tcp: TcpArguments { host, port, timeout, bind_address },
        credentials: CredentialArguments { certificate, key, trust, verify },
        hostname,
    })
}

/// Where to connect over TCP.
#[derive(Clone, Copy)]
struct TcpArguments<'a> {
    host: Argument<'a>,
    port: Argument<'a>,
    timeout: Argument<'a>,
    bind_address: Argument<'a>,
}

/// A host, and what its certificate has to be for.
struct NamedHost {
    host: Host,
    name: ServerName<'static>,
}

impl TcpArguments<'_> {
    fn endpoint(&self, context: &Context) -> Result<(NamedHost, TcpClientEndpoint), ParseError> {
        // That the port is missing says more about `ssl:443` than that `443` is not a host.
        let missing = [self.host, self.port].into_iter().find(|needed| !needed.is_given());
        if let Some(missing) = missing {
            return Err(missing.missing());
        }
        let (host, name) = server_name(&self.host)?;
        let bind_address = self.bind_address.ip_address()?;
        match (host.socket_addr(0).map(|address| address.is_ipv6()), bind_address) {
            (Some(true), Some(IpAddr::V4(_))) => {
                return Err(self.bind_address.error("an IPv6 address"));
            }
            (Some(false), Some(IpAddr::V6(_))) => {
                return Err(self.bind_address.error("an IPv4 address"));
            }
            _ => {}
        }
        let endpoint =
            TcpClientEndpoint::new(context.reactor.clone(), host.clone(), self.port.port()?)
                .with_timeout(self.seconds()?);
        let endpoint = match bind_address {
            Some(address) => endpoint.with_bind_address(address),
            None => endpoint,
        };
        Ok((NamedHost { host, name }, endpoint))
    }

    fn seconds(&self) -> Result<Duration, ParseError> {
        self.timeout.seconds_or(Duration::from_secs(30))
    }

    fn described(&self, host: &NamedHost) -> Result<Vec<(&'static str, Value)>, ParseError> {
        let bind_address = self.bind_address.ip_address()?.map(|address| address.to_string());
        Ok(vec![
            ("host", Value::Text(host.host.to_string())),
            ("port", Value::Number(self.port.port()?.into())),
            ("timeout", Value::Seconds(self.seconds()?)),
            ("bindAddress", text(bind_address.as_deref())),
        ])
    }
}

/// Who is trusted, and who is told.
struct CredentialArguments<'a> {
    certificate: Argument<'a>,
    key: Argument<'a>,
    trust: Argument<'a>,
    verify: Argument<'a>,
}

struct ClientCredentials {
    trust: Trust,
    identity: Option<Identity>,
    /// The names of certificate, key and directory arguments.
    names: [&'static str; 3],
}

impl CredentialArguments<'_> {
    fn read(&self) -> Result<ClientCredentials, ParseError> {
        let names = [self.certificate.name(), self.key.name(), self.trust.name()];
        let directory = file(&self.trust)?.map(|path| Named::new(names[2], path));
        let trust = match (self.verify.text()?, directory) {
            (None, None) => Trust::Public,
            (None, Some(directory)) => Trust::Directory(directory),
            (Some("danger-none"), None) => Trust::DangerAnyone,
            (Some("danger-none"), Some(_)) => return Err(self.verify.excluded_by(&self.trust)),
            (Some(_), _) => {
                return Err(self.verify.error("`danger-none`, or left out to verify the server"));
            }
        };
        let identity = match (file(&self.certificate)?, file(&self.key)?) {
            (Some(certificate), key) => Some(Identity {
                certificate: Named::new(names[0], certificate),
                key: match key {
                    Some(key) => Named::new(names[1], key),
                    None => Named::new(names[0], certificate),
                },
                extra_chain: None,
            }),
            (None, None) => None,
            (None, Some(_)) => {
                return Err(self.key.refuse(format!(
                    "`{}` is given without `{}`: expected the certificate of the key, too",
                    names[1], names[0]
                )));
            }
        };
        Ok(ClientCredentials { trust, identity, names })
    }
}

impl ClientCredentials {
    fn described(&self) -> [(&'static str, Value); 3] {
        let [certificate, key, trust] = self.names;
        let path = |file: &Named| Value::Text(file.path.display().to_string());
        let (certificate_file, key_file) = match &self.identity {
            Some(identity) => (path(&identity.certificate), path(&identity.key)),
            None => (Value::Absent, Value::Absent),
        };
        let directory = match &self.trust {
            Trust::Directory(directory) => path(directory),
            Trust::Public | Trust::DangerAnyone => Value::Absent,
        };
        [(certificate, certificate_file), (key, key_file), (trust, directory)]
    }

    fn verify(&self) -> (&'static str, Value) {
        match self.trust {
            Trust::DangerAnyone => ("verify", Value::Text("danger-none".into())),
            Trust::Public | Trust::Directory(_) => ("verify", Value::Absent),
        }
    }
}

/// A host as it is connected to, and as certificates name it: in ASCII, without the dot at the end.
fn server_name(argument: &Argument<'_>) -> Result<(Host, ServerName<'static>), ParseError> {
    let wrong = || argument.error("a host name that a certificate can be for, or an IP address");
    match argument.host()? {
        Host::Name(name) => {
            let name = to_ascii(&name).ok_or_else(wrong)?;
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
