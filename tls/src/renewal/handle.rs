//! [`CertificateRenewal`]: the certificates of a configuration, and their renewal.
//!
//! Invariant: each part is renewed by itself, and one that cannot be stays as it was.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ClientSessionStore, ResolvesClientCert};
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ProducesTickets, ResolvesServerCert, StoresServerSessions};

use super::Renewal;
use super::authorities::Authorities;
use super::client_authorities::{OfClients, RenewedVerifier};
use super::own_certificates::OwnCertificates;
use super::server_authorities::OfServers;
use super::sessions::{ClientSessions, ServerSessions};
use super::watched::{Look, Renewable, Watched};
use crate::credentials::{Certificates, CredentialsError, Identity, Named};
use crate::verification::{ClientNames, KeyPin};

/// The renewal of certificates from their files, without a restart: those that a server shows and those of its
/// clients' authorities, or those of the authorities that a client trusts and those that it shows. A clone is the
/// same.
/// [`ServerSettings::renewable_config`](crate::ServerSettings::renewable_config) and
/// [`ClientSettings::renewable_config`](crate::ClientSettings::renewable_config) make one. The endpoints from
/// strings call [`poll`](Self::poll) themselves.
///
/// When the authorities of peers change, or a client's own certificate, no session from before is resumed.
///
/// # Examples
///
/// ```no_run
/// # use std::sync::Arc;
/// use ropewalk_tls::{ServerSettings, default_provider};
///
/// let settings = ServerSettings::new("chain.pem", "key.pem");
/// let (config, renewal) =
///     settings.renewable_config(&Arc::new(default_provider()), None, &|told| eprintln!("{told}"))?;
/// // Every few seconds:
/// for outcome in renewal.poll() {
///     eprintln!("{outcome}");
/// }
/// # let _: rustls::ServerConfig = config;
/// # Ok::<(), ropewalk_tls::CredentialsError>(())
/// ```
#[derive(Clone, Default)]
pub struct CertificateRenewal {
    parts: Vec<Arc<dyn Renewable>>,
    /// A timer polls.
    #[cfg_attr(not(feature = "endpoints"), expect(dead_code, reason = "for the strings alone"))]
    is_polled: Arc<AtomicBool>,
}

/// The certificates that a server shows.
pub(crate) struct ServerParts {
    pub(crate) renewal: CertificateRenewal,
    pub(crate) resolver: Arc<dyn ResolvesServerCert>,
    generation: Arc<AtomicU64>,
}

impl ServerParts {
    /// Reads the certificates for the first time.
    pub(crate) fn read(
        files: &Certificates,
        provider: &Arc<CryptoProvider>,
        tell: &dyn Fn(&CredentialsError),
    ) -> Result<Self, CredentialsError> {
        let (files, provider) = (files.clone(), provider.clone());
        let own = OwnCertificates { files, provider, on_replaced: Box::new(|| {}) };
        let own = Arc::new(Watched::read(own, tell)?);
        let mut renewal = CertificateRenewal::default();
        renewal.parts.push(own.clone());
        Ok(Self { renewal, resolver: own, generation: Arc::default() })
    }

    /// Reads the authorities of clients for the first time, and makes the verifier.
    pub(crate) fn verifier(
        &mut self,
        trusted: &Named,
        names: &ClientNames,
        is_required: bool,
        provider: &Arc<CryptoProvider>,
        tell: &dyn Fn(&CredentialsError),
    ) -> Result<Arc<dyn ClientCertVerifier>, CredentialsError> {
        let (names, provider) = (names.clone(), provider.clone());
        let generation = self.generation.clone();
        let source = Authorities {
            trusted: trusted.clone(),
            maker: OfClients { names, is_required, provider },
            on_replaced: Box::new(move || {
                generation.fetch_add(1, Ordering::Release);
            }),
        };
        let authorities = Arc::new(Watched::read(source, tell)?);
        self.renewal.parts.push(authorities.clone());
        Ok(Arc::new(RenewedVerifier::new(authorities)))
    }

    /// The tickets, for sessions that end with the authorities of their clients.
    pub(crate) fn tickets(&self, inner: Arc<dyn ProducesTickets>) -> Arc<dyn ProducesTickets> {
        Arc::new(ServerSessions { inner, generation: self.generation.clone() })
    }

    /// The store, likewise.
    pub(crate) fn store(
        &self,
        inner: Arc<dyn StoresServerSessions>,
    ) -> Arc<dyn StoresServerSessions> {
        Arc::new(ServerSessions { inner, generation: self.generation.clone() })
    }
}

/// What a client reads from files: the authorities of its servers, and the certificate that it shows.
#[derive(Default)]
pub(crate) struct ClientParts {
    pub(crate) renewal: CertificateRenewal,
    sessions: Arc<ClientSessions>,
}

impl ClientParts {
    /// Reads the authorities of servers for the first time, and makes the verifier.
    pub(crate) fn verifier(
        &mut self,
        trusted: &Named,
        pins: &[KeyPin],
        provider: &Arc<CryptoProvider>,
        tell: &dyn Fn(&CredentialsError),
    ) -> Result<Arc<dyn ServerCertVerifier>, CredentialsError> {
        let (pins, provider, sessions) = (pins.to_vec(), provider.clone(), self.sessions.clone());
        let source = Authorities {
            trusted: trusted.clone(),
            maker: OfServers { pins, provider },
            on_replaced: Box::new(move || sessions.forget()),
        };
        let authorities = Arc::new(Watched::read(source, tell)?);
        self.renewal.parts.push(authorities.clone());
        Ok(authorities)
    }

    /// Reads the certificate for the first time.
    pub(crate) fn resolver(
        &mut self,
        identity: &Identity,
        provider: &Arc<CryptoProvider>,
        tell: &dyn Fn(&CredentialsError),
    ) -> Result<Arc<dyn ResolvesClientCert>, CredentialsError> {
        let (files, provider) = (Certificates::One(identity.clone(), None), provider.clone());
        let sessions = self.sessions.clone();
        let on_replaced = Box::new(move || sessions.forget());
        let own = Arc::new(Watched::read(OwnCertificates { files, provider, on_replaced }, tell)?);
        self.renewal.parts.push(own.clone());
        Ok(own)
    }

    /// The sessions, which are resumed until a part is renewed.
    pub(crate) fn sessions(&self) -> Arc<dyn ClientSessionStore> {
        self.sessions.clone()
    }
}

impl CertificateRenewal {
    /// Looks whether files have changed, and uses them when they have and are the same as at the last call: so
    /// those that a program is still writing are left alone. To be called every few seconds. It reads files, and
    /// so blocks as long as the file system does.
    ///
    /// Returns an outcome for each change: none where nothing has changed, a change was seen for the first time,
    /// or its refusal was returned before.
    pub fn poll(&self) -> Vec<Renewal> {
        self.look(Look::Regular)
    }

    /// As [`poll`](Self::poll), for a caller that comes now and then: a change that is some seconds old is used
    /// at once.
    #[cfg(feature = "endpoints")]
    pub(crate) fn look_now_and_then(&self) -> Vec<Renewal> {
        self.look(Look::Occasional)
    }

    fn look(&self, look: Look) -> Vec<Renewal> {
        self.parts.iter().filter_map(|part| part.look(look)).collect()
    }

    /// Reads the files now, whether they have changed or not; for a signal of the operator, who is done with
    /// them. It blocks as [`poll`](Self::poll) does. Returns an outcome for the certificates that are shown, and
    /// one for the authorities of peers.
    pub fn renew(&self) -> Vec<Renewal> {
        self.parts.iter().map(|part| part.renew()).collect()
    }

    /// The files or directories of the certificates that are shown, each with the first end of one of them or of
    /// their chains, in UNIX time; for monitoring. It reads no file.
    pub fn first_ends(&self) -> Vec<(PathBuf, i64)> {
        self.parts.iter().filter_map(|part| part.first_end()).collect()
    }

    /// How many files are looked at.
    #[cfg(feature = "endpoints")]
    pub(crate) fn files(&self) -> usize {
        self.parts.iter().map(|part| part.files()).sum()
    }

    /// Whether the caller is to poll from now on, until it [`leaves`](Self::leave).
    #[cfg(feature = "endpoints")]
    pub(crate) fn claim(&self) -> bool {
        !self.is_polled.swap(true, Ordering::Relaxed)
    }

    /// Another one may poll.
    #[cfg(feature = "endpoints")]
    pub(crate) fn leave(&self) {
        self.is_polled.store(false, Ordering::Relaxed);
    }
}

impl fmt::Debug for CertificateRenewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CertificateRenewal").field(&self.parts).finish()
    }
}
