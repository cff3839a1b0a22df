//! [`ClientSettings`]: the settings of a TLS client, and the configuration of rustls that they make.
//!
//! Invariant: the server is verified, unless the settings say [`Trust::DangerAnyone`].

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;

use super::session_settings::SessionSettings;
use crate::credentials::{CredentialsError, Identity, Named, TrustAnchors};
use crate::public_roots;
use crate::renewal::{CertificateRenewal, ClientParts};
use crate::session::keeping_exporter;
use crate::verification::{AnyCertificate, KeyPin, ServerVerifier};

/// The servers that a client trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trust {
    /// Those that the authorities of [`public_roots`] vouch for.
    #[default]
    Public,
    /// Those that the authorities of the system's store vouch for: Twisted's `platformTrust`. `SSL_CERT_FILE`
    /// and `SSL_CERT_DIR` in the environment name another store, as for OpenSSL.
    #[cfg(feature = "system-roots")]
    System,
    /// Those that a certificate in this file or directory vouches for, and those whose certificate is itself
    /// there.
    Files(PathBuf),
    /// Any server: nothing is verified but that it has the key of the certificate that it shows.
    DangerAnyone,
}

/// The settings of a TLS client.
///
/// # Examples
///
/// ```no_run
/// use std::sync::Arc;
/// use ropewalk_tls::{ClientSettings, Trust, default_provider};
///
/// let settings = ClientSettings::default()
///     .with_trust(Trust::Files("/etc/app/authority.pem".into()))
///     .with_identity("client.pem", "client-key.pem");
/// let config = settings.config(&Arc::new(default_provider()), &|told| eprintln!("{told}"))?;
/// # let _: rustls::ClientConfig = config;
/// # Ok::<(), ropewalk_tls::CredentialsError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientSettings {
    trust: Trust,
    pins: Vec<KeyPin>,
    identity: Option<Identity>,
    session: SessionSettings,
    /// The argument that named the trusted files, for errors.
    trust_argument: Option<&'static str>,
    exports_keying_material: bool,
}

impl ClientSettings {
    /// Trusts these servers.
    #[must_use]
    pub fn with_trust(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }

    /// Of the trusted servers, takes only those whose key is one of these. With [`Trust::DangerAnyone`] they
    /// decide alone.
    #[must_use]
    pub fn with_pins(mut self, pins: impl IntoIterator<Item = KeyPin>) -> Self {
        self.pins = pins.into_iter().collect();
        self
    }

    /// Shows the certificate of the first file, which its chain may follow, with the key of the second one. It
    /// may be the same file.
    #[must_use]
    pub fn with_identity(self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.with(Identity {
            certificate: Named::new("certificate", certificate),
            key: Named::new("key", key),
            extra_chain: None,
        })
    }

    pub(crate) fn with(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Trusts the certificates of files that this argument has named.
    #[cfg(feature = "endpoints")]
    pub(crate) fn with_trusted_files(self, argument: &'static str, path: PathBuf) -> Self {
        let trusting = self.with_trust(Trust::Files(path));
        Self { trust_argument: Some(argument), ..trusting }
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

    /// Reads the files. `tell` takes what an operator should know, such as a file of a directory that is not
    /// used.
    ///
    /// # Errors
    ///
    /// [`CredentialsError`], about a file or the provider.
    pub fn config(
        &self,
        provider: &Arc<CryptoProvider>,
        tell: &dyn Fn(&CredentialsError),
    ) -> Result<ClientConfig, CredentialsError> {
        self.renewable_config(provider, tell).map(|(config, _)| config)
    }

    /// As [`config`](Self::config), with the renewal of the certificates of [`Trust::Files`] and of the one that
    /// the client shows, when their files change.
    ///
    /// # Errors
    ///
    /// As [`config`](Self::config).
    pub fn renewable_config(
        &self,
        provider: &Arc<CryptoProvider>,
        tell: &dyn Fn(&CredentialsError),
    ) -> Result<(ClientConfig, CertificateRenewal), CredentialsError> {
        let provider = self.session.limited(provider);
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(self.session.versions.supported())
            .map_err(CredentialsError::Unsupported)?
            .dangerous();
        let mut parts = ClientParts::default();
        let builder =
            builder.with_custom_certificate_verifier(self.verifier(&mut parts, &provider, tell)?);
        let mut config = match &self.identity {
            Some(identity) => {
                builder.with_client_cert_resolver(parts.resolver(identity, &provider, tell)?)
            }
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::store(parts.sessions());
        config.alpn_protocols.clone_from(&self.session.alpn);
        if !self.session.resumes {
            config.resumption = Resumption::disabled();
        }
        if let Some(log) = self.session.key_log(tell)? {
            config.key_log = log;
        }
        if self.exports_keying_material {
            config.key_log = keeping_exporter(config.key_log);
        }
        Ok((config, parts.renewal))
    }

    /// The verifier of servers; where their authorities are in files, with the part that renews it.
    fn verifier(
        &self,
        parts: &mut ClientParts,
        provider: &Arc<CryptoProvider>,
        tell: &dyn Fn(&CredentialsError),
    ) -> Result<Arc<dyn ServerCertVerifier>, CredentialsError> {
        let (pins, provider) = (self.pins.clone(), provider.clone());
        let anchors = match &self.trust {
            Trust::Public => TrustAnchors::of_authorities(public_roots()),
            #[cfg(feature = "system-roots")]
            Trust::System => crate::credentials::system_anchors(tell)?,
            Trust::Files(path) => {
                let trusted = Named::new(self.trust_argument.unwrap_or("trust"), path);
                return parts.verifier(&trusted, &pins, &provider, tell);
            }
            Trust::DangerAnyone => return Ok(Arc::new(AnyCertificate::new(pins, provider))),
        };
        Ok(Arc::new(ServerVerifier::new(anchors, pins, &provider)?))
    }
}
