//! [`CertificateRenewal`]: the certificates that a server shows, and their renewal.
//!
//! Invariant: a handshake reads memory only, and no lock is held while files are read.

use std::fmt;
#[cfg(feature = "endpoints")]
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::UnixTime;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::{Renewal, RenewalError, RenewalFault};
use crate::credentials::{Certificates, CredentialsError, FileStamps, Loaded};

/// The renewal of a server's certificates from their files, without a restart; a clone is the same.
/// [`ServerSettings::renewable_config`](crate::ServerSettings::renewable_config) makes one. The endpoints from
/// strings call [`poll`](Self::poll) themselves.
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
/// if let Some(outcome) = renewal.poll() {
///     eprintln!("{outcome}");
/// }
/// # let _: rustls::ServerConfig = config;
/// # Ok::<(), ropewalk_tls::CredentialsError>(())
/// ```
#[derive(Clone)]
pub struct CertificateRenewal(Arc<Shown>);

/// The certificates that handshakes show.
struct Shown {
    files: Certificates,
    provider: Arc<CryptoProvider>,
    loaded: RwLock<Arc<Loaded>>,
    watch: Mutex<Watch>,
    /// A timer polls.
    #[cfg(feature = "endpoints")]
    is_polled: AtomicBool,
}

/// The state of the files at the last looks.
struct Watch {
    /// The stamps of what is shown.
    shown: FileStamps,
    /// The stamps at the last look, if they were others.
    changing: Option<FileStamps>,
    /// The refusal that was told, until it is over.
    told: Option<String>,
}

impl CertificateRenewal {
    /// Reads the files for the first time.
    pub(crate) fn load(
        files: &Certificates,
        provider: &Arc<CryptoProvider>,
        tell: &dyn Fn(&CredentialsError),
    ) -> Result<Self, CredentialsError> {
        // Looked at before they are read, so that a change in between is noticed.
        let shown = files.stamps();
        let loaded = files.load(provider, tell, unix_now())?;
        Ok(Self(Arc::new(Shown {
            files: files.clone(),
            provider: provider.clone(),
            loaded: RwLock::new(Arc::new(loaded)),
            watch: Mutex::new(Watch { shown, changing: None, told: None }),
            #[cfg(feature = "endpoints")]
            is_polled: AtomicBool::new(false),
        })))
    }

    /// What handshakes ask.
    pub(crate) fn resolver(&self) -> Arc<dyn ResolvesServerCert> {
        self.0.clone()
    }

    /// Looks whether the files have changed, and uses them when they have and are the same as at the last call:
    /// so those that a program is still writing are left alone. To be called every few seconds. It reads files,
    /// and so blocks as long as the file system does.
    ///
    /// `None`: nothing has changed, a change was seen for the first time, or the refusal was returned before.
    pub fn poll(&self) -> Option<Renewal> {
        let stamps = self.0.files.stamps();
        {
            let mut watch = self.0.watch();
            if stamps == watch.shown {
                (watch.changing, watch.told) = (None, None);
                return None;
            }
            if watch.changing.as_ref() != Some(&stamps) {
                watch.changing = Some(stamps);
                return None;
            }
        }
        match self.0.load(stamps) {
            Some(Renewal::Unchanged { .. }) | None => None,
            renewal => renewal,
        }
    }

    /// Reads the files now, whether they have changed or not; for a signal of the operator, who is done with
    /// them. It blocks as [`poll`](Self::poll) does.
    pub fn renew(&self) -> Renewal {
        let stamps = self.0.files.stamps();
        self.0.watch().told = None;
        let path = self.0.files.path().clone();
        self.0.load(stamps).unwrap_or(Renewal::Unchanged { path })
    }

    /// How many files are looked at.
    #[cfg(feature = "endpoints")]
    pub(crate) fn files(&self) -> usize {
        self.0.watch().shown.len()
    }

    /// Whether the caller is to poll from now on, until it [`leaves`](Self::leave).
    #[cfg(feature = "endpoints")]
    pub(crate) fn claim(&self) -> bool {
        !self.0.is_polled.swap(true, Ordering::Relaxed)
    }

    /// Another one may poll.
    #[cfg(feature = "endpoints")]
    pub(crate) fn leave(&self) {
        self.0.is_polled.store(false, Ordering::Relaxed);
    }
}

impl Shown {
    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn loaded(&self) -> Arc<Loaded> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads and checks the files, which have these stamps. `None`, when they change meanwhile, or the refusal
    /// was told.
    fn load(&self, stamps: FileStamps) -> Option<Renewal> {
        let path = self.files.path().clone();
        let before = self.loaded();
        let checked = self
            .files
            .load(&self.provider, &|_| {}, unix_now())
            .map_err(RenewalFault::from)
            .and_then(|loaded| check(loaded, &before));
        let after = self.files.stamps();
        let mut watch = self.watch();
        if after != stamps {
            watch.changing = Some(after);
            return None;
        }
        match checked {
            Ok(loaded) => {
                watch.shown = stamps;
                watch.changing = None;
                let was_refused = watch.told.take().is_some();
                drop(watch);
                let certificates = loaded.new_since(&before);
                if loaded.shows_as(&before) && !was_refused {
                    return Some(Renewal::Unchanged { path });
                }
                *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
                Some(Renewal::Renewed { path, certificates })
            }
            Err(fault) => {
                let refused = Renewal::Refused(RenewalError { path, fault });
                let text = refused.to_string();
                (watch.told.as_ref() != Some(&text)).then(|| {
                    watch.told = Some(text);
                    refused
                })
            }
        }
    }
}

/// Checks what is new in `loaded`.
fn check(loaded: Loaded, before: &Loaded) -> Result<Loaded, RenewalFault> {
    let now = unix_now();
    if let Some(loss) = loaded.loss_since(before) {
        return Err(loss.into());
    }
    match loaded.new_since(before).into_iter().find(|facts| !facts.is_valid_at(now)) {
        Some(facts) => Err(RenewalFault::NotValidNow(Box::new(facts))),
        None => Ok(loaded),
    }
}

fn unix_now() -> i64 {
    UnixTime::now().as_secs().try_into().unwrap_or(i64::MAX)
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.loaded().resolve(&hello)
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").field("files", &self.files).finish_non_exhaustive()
    }
}

impl fmt::Debug for CertificateRenewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CertificateRenewal").field(&self.0.files).finish()
    }
}
