//! [`Watched`]: content that is read from files, and read again when they change.
//!
//! Invariant: a handshake reads memory only, and no lock is held while files are read.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use rustls::pki_types::UnixTime;

use super::{Renewal, RenewalError, RenewalFault};
use crate::credentials::{CertificateFacts, CredentialsError, FileStamps};

/// Files, and what they are read as.
pub(super) trait Source: fmt::Debug + Send + Sync {
    type Content: Send + Sync;

    /// The file or directory that an operator knows them by.
    fn path(&self) -> &PathBuf;

    fn stamps(&self) -> FileStamps;

    /// Reads the files.
    fn read(&self, tell: &dyn Fn(&CredentialsError)) -> Result<Self::Content, CredentialsError>;

    /// Checks that `new` may take the place of `before`.
    fn check(&self, new: &Self::Content, before: &Self::Content) -> Result<(), RenewalFault>;

    /// Whether a handshake sees no difference.
    fn is_same(&self, new: &Self::Content, before: &Self::Content) -> bool;

    /// The certificates that `before` does not have.
    fn news(&self, new: &Self::Content, before: &Self::Content) -> Vec<CertificateFacts>;

    /// The first end of what is shown, in UNIX time; `None` where nothing is.
    fn first_end(&self, content: &Self::Content) -> Option<i64> {
        let _ = content;
        None
    }

    /// `new` has taken the place of what was there.
    fn replaced(&self, new: &Self::Content) {
        let _ = new;
    }
}

/// The content of a source, as it is used now.
pub(super) struct Watched<S: Source> {
    pub(super) source: S,
    current: RwLock<Arc<S::Content>>,
    /// Of the current content; kept, as it may come from thousands of files.
    first_end: Mutex<Option<i64>>,
    watch: Mutex<Watch>,
}

/// The state of the files at the last looks.
struct Watch {
    /// The stamps of what is used.
    used: FileStamps,
    /// The stamps at the last look, if they were others.
    changing: Option<FileStamps>,
    /// The refusal that was told, until it is over.
    told: Option<String>,
}

/// The kinds of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// One of many in a row: a change counts when it is the same at the next look.
    Regular,
    /// One now and then: a change counts that is some seconds old, too.
    Occasional,
}

/// Content of any kind that is read from files and renewed.
pub(super) trait Renewable: fmt::Debug + Send + Sync {
    /// Looks whether the files have changed, and reads them then.
    fn look(&self, look: Look) -> Option<Renewal>;

    /// Reads the files now.
    fn renew(&self) -> Renewal;

    /// The path of certificates that are shown, and their first end.
    fn first_end(&self) -> Option<(PathBuf, i64)>;

    /// How many files there are.
    #[cfg(feature = "endpoints")]
    fn files(&self) -> usize;
}

impl<S: Source> Watched<S> {
    /// Reads the files for the first time.
    pub(super) fn read(
        source: S,
        tell: &dyn Fn(&CredentialsError),
    ) -> Result<Self, CredentialsError> {
        // Looked at before they are read, so that a change in between is noticed.
        let used = source.stamps();
        let content = source.read(tell)?;
        let first_end = Mutex::new(source.first_end(&content));
        Ok(Self {
            first_end,
            source,
            current: RwLock::new(Arc::new(content)),
            watch: Mutex::new(Watch { used, changing: None, told: None }),
        })
    }

    /// The content that is used now.
    pub(super) fn current(&self) -> Arc<S::Content> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        lock(&self.watch)
    }

    /// Reads and checks the files, which have these stamps. `None`, when they change meanwhile, or the refusal
    /// was told.
    fn load(&self, stamps: FileStamps) -> Option<Renewal> {
        let before = self.current();
        let checked = self.source.read(&|_| {}).map_err(RenewalFault::from).and_then(|content| {
            self.source.check(&content, &before)?;
            Ok(content)
        });
        let after = self.source.stamps();
        let mut watch = self.watch();
        if after != stamps {
            watch.changing = Some(after);
            return None;
        }
        let path = self.source.path().clone();
        match checked {
            Ok(content) => {
                watch.used = stamps;
                watch.changing = None;
                let was_refused = watch.told.take().is_some();
                drop(watch);
                let certificates = self.source.news(&content, &before);
                if self.source.is_same(&content, &before) && !was_refused {
                    return Some(Renewal::Unchanged { path });
                }
                self.replace(content);
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

    fn replace(&self, content: S::Content) {
        *lock(&self.first_end) = self.source.first_end(&content);
        let content = Arc::new(content);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = content.clone();
        self.source.replaced(&content);
    }
}

impl<S: Source> Renewable for Watched<S> {
    fn look(&self, look: Look) -> Option<Renewal> {
        let stamps = self.source.stamps();
        {
            let mut watch = self.watch();
            if stamps == watch.used {
                (watch.changing, watch.told) = (None, None);
                return None;
            }
            let is_old = look == Look::Occasional && stamps.have_settled();
            if !is_old && watch.changing.as_ref() != Some(&stamps) {
                watch.changing = Some(stamps);
                return None;
            }
        }
        match self.load(stamps) {
            Some(Renewal::Unchanged { .. }) | None => None,
            renewal => renewal,
        }
    }

    fn renew(&self) -> Renewal {
        let stamps = self.source.stamps();
        self.watch().told = None;
        let path = self.source.path().clone();
        self.load(stamps).unwrap_or(Renewal::Unchanged { path })
    }

    fn first_end(&self) -> Option<(PathBuf, i64)> {
        let first_end = *lock(&self.first_end);
        first_end.map(|end| (self.source.path().clone(), end))
    }

    #[cfg(feature = "endpoints")]
    fn files(&self) -> usize {
        self.watch().used.len()
    }
}

impl<S: Source> fmt::Debug for Watched<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("source", &self.source).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The second of UNIX time by the clock of this machine.
pub(super) fn unix_now() -> i64 {
    UnixTime::now().as_secs().try_into().unwrap_or(i64::MAX)
}
