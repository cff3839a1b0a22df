//! [`FilesystemLock`]: a lock between processes, on a file; Twisted's
//! `twisted.python.lockfile.FilesystemLock`.
//!
//! Invariant: the file is never written to and never removed, so every process that opens its path
//! locks the same file.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use core::error::Error;
use core::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use deferred::Failure;

use super::TryLock;

/// A lock that one process of a machine has at a time, known by the path of a file.
///
/// The file is made if it is not there, empty and for its owner alone, and it stays. The system
/// frees the lock also when its holder is killed. It excludes other processes that lock the file by
/// the same call ([`File::try_lock`], flock(2) on Linux), and also a second holder in the same
/// process.
///
/// A user who may write in the directory of the path may remove the file, and so take a lock of the same
/// path: put it where only you can write.
///
/// # Examples
///
/// ```
/// # use ropewalk_protocol as protocol;
/// use protocol::task::{FilesystemLock, TryLock};
///
/// # let directory = tempfile::tempdir().unwrap();
/// let path = directory.path().join("daily-report.lock");
/// let lock = FilesystemLock::new(&path);
/// let held = lock.try_lock().unwrap().expect("it is free");
/// assert!(lock.try_lock().unwrap().is_none());
/// drop(held);
/// assert!(lock.try_lock().unwrap().is_some());
/// ```
///
/// # Differences from Twisted
///
/// Twisted makes a symbolic link to the number of the process that holds it, and takes one whose
/// process is gone for free. Here the system knows; the two do not exclude each other.
#[derive(Clone, Debug)]
pub struct FilesystemLock {
    path: Rc<Path>,
}

/// A [`FilesystemLock`] that is held. Dropping it frees the lock.
#[derive(Debug)]
#[must_use = "dropping it frees the lock"]
pub struct HeldFilesystemLock {
    _open: File,
}

impl FilesystemLock {
    /// The lock of this path. Nothing is made or opened yet.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: Rc::from(path.as_ref()) }
    }

    /// The path that it is known by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn open(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&self.path)
    }
}

impl TryLock for FilesystemLock {
    type Held = HeldFilesystemLock;

    /// # Errors
    ///
    /// [`FilesystemLockError`] when the file cannot be made, opened or locked.
    fn try_lock(&self) -> Result<Option<HeldFilesystemLock>, Failure> {
        let refused = |source| FilesystemLockError { path: self.path.to_path_buf(), source };
        let file = self.open().map_err(refused)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(HeldFilesystemLock { _open: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(refused(source).into()),
        }
    }

    fn name(&self) -> String {
        format!("{:?}", self.path)
    }
}

/// The file of a [`FilesystemLock`] could not be made, opened or locked; the system's error is the
/// source.
#[derive(Debug)]
#[non_exhaustive]
pub struct FilesystemLockError {
    /// The path of the lock.
    pub path: PathBuf,
    /// The system call's answer.
    pub source: io::Error,
}

impl fmt::Display for FilesystemLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot lock {:?}", self.path)
    }
}

impl Error for FilesystemLockError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}
