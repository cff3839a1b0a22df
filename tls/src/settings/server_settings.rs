//! [`ServerSettings`]: the settings of a TLS server, and the configuration of rustls that they make.
//!
//! Invariant: a server that asks for clients' certificates verifies those that it gets.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::{NoServerSessionStorage, ProducesTickets};

use super::session_settings::SessionSettings;
use crate::credentials::{Certificates, CredentialsError, Identity, Named, UnknownName};
use crate::renewal::{CertificateRenewal, ServerParts};
use crate::session::keeping_exporter;
use crate::verification::ClientNames;

/// The settings of a TLS server.
///
/// # Examples
///
/// ```no_run
/// use std::sync::Arc;
/// use ropewalk_tls::{ClientAuthentication, ClientNames, ServerSettings, default_provider};
///
/// let mut names = ClientNames::default();
/// names.common_names.push("backup".to_owned());
/// let clients = ClientAuthentication::required("/etc/app/clients.pem").with_names(names);
/// let settings = ServerSettings::new("chain.pem", "key.pem").with_clients(clients);
/// let config = settings.config(&Arc::new(default_provider()), None, &|told| eprintln!("{told}"))?;
/// # let _: rustls::ServerConfig = config;
/// # Ok::<(), ropewalk_tls::CredentialsError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    certificates: Certificates,
    clients: Option<ClientAuthentication>,
    session: SessionSettings,
    exports_keying_material: bool,
}

/// The certificates that a server asks its clients for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAuthentication {
    trusted: Named,
    names: ClientNames,
    is_required: bool,
}

impl ClientAuthentication {
    /// Each client has to show a certificate that one in this file or directory vouches for, or that is itself
    /// there.
    pub fn required(trusted: impl Into<PathBuf>) -> Self {
        let trusted = Named::new("clientCA", trusted);
        Self { trusted, names: ClientNames::default(), is_required: true }
    }

    /// A client may show none. One that shows a certificate is verified all the same.
    pub fn wanted(trusted: impl Into<PathBuf>) -> Self {
        Self { is_required: false, ..Self::required(trusted) }
    }

    /// Of the clients that the authorities vouch for, takes these.
    #[must_use]
    pub fn with_names(mut self, names: ClientNames) -> Self {
        self.names = names;
        self
    }

    /// The file or directory of the authorities.
    pub fn trusted(&self) -> &Path {
        &self.trusted.path
    }

    /// Which clients are taken.
    pub fn names(&self) -> &ClientNames {
        &self.names
    }

    /// Whether a client has to show a certificate.
    pub fn is_required(&self) -> bool {
        self.is_required
    }
}

impl ServerSettings {
    /// Shows the certificate of the first file, which its chain may follow, with the key of the second one. It
    /// may be the same file. Asks clients for nothing.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self::of(Certificates::One(
            Identity {
                certificate: Named::new("certificate", certificate),
                key: Named::new("key", key),
                extra_chain: None,
            },
            None,
        ))
    }

    /// Shows each client the certificate for the name that it asks for, from the files of a directory; see
    /// [`register_with_provider`](crate::register_with_provider).
    pub fn by_name(directory: impl Into<PathBuf>) -> Self {
        Self::of(Certificates::ByName(Named::new("path", directory), UnknownName::default()))
    }

    pub(crate) fn of(certificates: Certificates) -> Self {
        let session = SessionSettings::default();
        Self { certificates, clients: None, session, exports_keying_material: false }
    }

    /// What a client gets that asks for a name which no certificate of the directory is for. A single
    /// certificate is for any name.
    #[must_use]
    pub fn with_unknown_name(mut self, unknown: UnknownName) -> Self {
        if let Certificates::ByName(_, own) = &mut self.certificates {
            *own = unknown;
        }
        self
    }

    /// Staples the OCSP response of a file, in DER, to a single certificate; it is read again with the
    /// certificate. The program that fetches it sees to it that it has not expired.
    #[must_use]
    pub fn with_ocsp_response(mut self, response: impl Into<PathBuf>) -> Self {
        if let Certificates::One(_, staple) = &mut self.certificates {
            *staple = Some(Named::new("ocsp", response));
        }
        self
    }

    /// Asks clients for certificates.
    #[must_use]
    pub fn with_clients(mut self, clients: ClientAuthentication) -> Self {
        self.clients = Some(clients);
        self
    }

    /// Negotiates so.
    #[must_use]
    pub fn with_session(mut self, session: SessionSettings) -> Self {
        self.session = session;
        self
    }

    /// Has sessions keep the secret that
    /// [`TlsTransport::export_keying_material`](interfaces::TlsTransport::export_keying_material) needs, until
    /// they end. It is logged nowhere.
    #[must_use]
    pub fn with_exported_keying_material(mut self) -> Self {
        self.exports_keying_material = true;
        self
    }

    /// Reads the files. Sessions are sealed by `ticketer`, if there is one, and else the last 256 are kept.
    /// `tell` takes what an operator should know, such as a file of a directory that is not used.
    ///
    /// # Errors
    ///
    /// [`CredentialsError`], about a file or the provider.
    pub fn config(
        &self,
        provider: &Arc<CryptoProvider>,
        ticketer: Option<Arc<dyn ProducesTickets>>,
        tell: &dyn Fn(&CredentialsError),
    ) -> Result<ServerConfig, CredentialsError> {
        self.renewable_config(provider, ticketer, tell).map(|(config, _)| config)
    }

    /// As [`config`](Self::config), with the renewal of its certificates and of the authorities of its clients when
    /// their files change.
    ///
    /// # Errors
    ///
    /// As [`config`](Self::config).
    pub fn renewable_config(
        &self,
        provider: &Arc<CryptoProvider>,
        ticketer: Option<Arc<dyn ProducesTickets>>,
        tell: &dyn Fn(&CredentialsError),
    ) -> Result<(ServerConfig, CertificateRenewal), CredentialsError> {
        let provider = self.session.limited(provider);
        let mut parts = ServerParts::read(&self.certificates, &provider, tell)?;
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(self.session.versions.supported())
            .map_err(CredentialsError::Unsupported)?;
        let builder = match &self.clients {
            Some(clients) => {
                let ClientAuthentication { trusted, names, is_required } = clients;
                let verifier = parts.verifier(trusted, names, *is_required, &provider, tell)?;
                builder.with_client_cert_verifier(verifier)
            }
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(parts.resolver.clone());
        // As in Twisted, the server's order of suites counts.
        config.ignore_client_order = true;
        config.alpn_protocols.clone_from(&self.session.alpn);
        match (self.session.resumes, ticketer) {
            (true, Some(ticketer)) if self.clients.is_some() => {
                config.ticketer = parts.tickets(ticketer);
            }
            (true, Some(ticketer)) => config.ticketer = ticketer,
            (true, None) if self.clients.is_some() => {
                config.session_storage = parts.store(config.session_storage);
            }
            (true, None) => {}
            (false, _) => {
                config.send_tls13_tickets = 0;
                config.session_storage = Arc::new(NoServerSessionStorage {});
            }
        }
        if let Some(log) = self.session.key_log(tell)? {
            config.key_log = log;
        }
        if self.exports_keying_material {
            config.key_log = keeping_exporter(config.key_log);
        }
        Ok((config, parts.renewal))
    }
}
