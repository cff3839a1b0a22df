//! The file that a UNIX server makes, and the lock file beside it; Twisted's `FilesystemLock`.
//!
//! Invariant: a path is unlinked only while its lock is held and nobody answers there, or, at the
//! end, when it is still the very file that we made.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{
    FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use interfaces::{Address, ListenError, OsError, UnixAddress};

use super::{connecting, sockaddr};

/// How often a lock is tried for: a client that looks whether it is held holds it for a moment.
const LOCK_TRIES: u32 = 20;

/// A path of ours, and the lock that guards it.
#[derive(Debug)]
pub(super) struct UnixPath {
    path: PathBuf,
    made: Option<Identity>,
    lock: Option<Lock>,
}

/// Which file it is, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

#[derive(Debug)]
struct Lock {
    path: PathBuf,
    file: File,
}

impl UnixPath {
    /// A path without a lock file: what stands there stays, and binding will say so.
    pub(super) fn unlocked(path: &[u8]) -> Self {
        Self { path: sockaddr::as_path(path).to_owned(), made: None, lock: None }
    }

    /// Takes the lock, then removes what a dead server left behind.
    pub(super) fn locked(path: &Rc<[u8]>) -> Result<Self, ListenError> {
        let address = Address::Unix(UnixAddress::Path(Rc::clone(path)));
        let mut this = Self::unlocked(path);
        let lock = Lock::take(&this.path).map_err(|error| match error {
            TryLockError::WouldBlock => ListenError::InUse { address: address.clone() },
            TryLockError::Error(error) => ListenError::Refused {
                address: address.clone(),
                source: os_error(&error),
                hint: "its lock file, the path with .lock appended, cannot be made",
            },
        })?;
        this.lock = Some(lock);
        this.remove_stale(address, path)?;
        Ok(this)
    }

    fn remove_stale(&self, address: Address, name: &Rc<[u8]>) -> Result<(), ListenError> {
        let Ok(metadata) = fs::symlink_metadata(&self.path) else {
            return Ok(());
        };
        if !metadata.file_type().is_socket() {
            return Err(ListenError::NotASocket { address });
        }
        match connecting::unix(&UnixAddress::Path(Rc::clone(name))) {
            Err(error) if error.raw_os_error() == Some(libc::ECONNREFUSED) => {
                fs::remove_file(&self.path).map_err(|error| ListenError::Refused {
                    address,
                    source: os_error(&error),
                    hint: "a dead server left it behind, and it cannot be removed",
                })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Ok(_) | Err(_) => Err(ListenError::InUse { address }),
        }
    }

    /// The file was made just now: remembers which it is, and gives it all of `mode` where the
    /// umask took some.
    pub(super) fn made(&mut self, mode: u32) -> io::Result<()> {
        let metadata = fs::symlink_metadata(&self.path)?;
        self.made = Some(Identity::of(&metadata));
        if metadata.mode() & 0o7777 != mode {
            fs::set_permissions(&self.path, Permissions::from_mode(mode))?;
        }
        Ok(())
    }
}

impl Drop for UnixPath {
    fn drop(&mut self) {
        if self.made.is_some() && Identity::at(&self.path) == self.made {
            // It may have gone meanwhile, which is what is wanted.
            drop(fs::remove_file(&self.path));
        }
    }
}

impl Lock {
    fn take(path: &Path) -> Result<Self, TryLockError> {
        let path = lock_path(path);
        for _ in 0..LOCK_TRIES {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags(libc::O_NOFOLLOW)
                .open(&path)
                .map_err(TryLockError::Error)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    std::thread::sleep(Duration::from_millis(1));
                    continue;
                }
                Err(error) => return Err(error),
            }
            // The file may have been removed by its last holder between our open and our lock.
            let metadata = file.metadata().map_err(TryLockError::Error)?;
            if Identity::at(&path) == Some(Identity::of(&metadata)) {
                let mut lock = Self { path, file };
                lock.sign();
                return Ok(lock);
            }
        }
        Err(TryLockError::WouldBlock)
    }

    /// Writes who holds it, for people who look. The lock counts, not the text, so a full disk is
    /// no reason to fail.
    fn sign(&mut self) {
        let signed = self.file.set_len(0);
        drop(signed.and_then(|()| writeln!(self.file, "{}", std::process::id())));
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Removed before it is unlocked: whoever opened it meanwhile sees that it is not the file
        // at this path any more, and opens again.
        drop(fs::remove_file(&self.path));
    }
}

impl Identity {
    fn of(metadata: &fs::Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    fn at(path: &Path) -> Option<Self> {
        fs::symlink_metadata(path).ok().map(|metadata| Self::of(&metadata))
    }
}

/// Whether a server that lives holds the lock of this path. An abstract name has none, and ends
/// with its server.
pub(super) fn is_locked(address: &UnixAddress) -> bool {
    let UnixAddress::Path(path) = address else {
        return true;
    };
    let path = lock_path(sockaddr::as_path(path));
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(path);
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

fn os_error(error: &io::Error) -> OsError {
    OsError::from_raw_os_error(error.raw_os_error().unwrap_or(libc::EINVAL))
}
