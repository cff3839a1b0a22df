//! The socket file of a UNIX server.
//!
//! Invariant: a path is unlinked only while its lock is held and connections to it are refused, or, when
//! the server ends, while it is still the file that this server made and its socket is still open: the
//! number of that file belongs to no other file before the socket is closed.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use interfaces::{Address, ListenError, UnixAddress};

use super::file_identity::FileIdentity;
use super::file_owner::FileOwner;
use super::lock_file::{LockError, LockFile};
use super::{connecting, raw_calls, sockaddr};
use crate::sys::os_error::os_error;

/// The path of a server, and the lock that guards it. Dropped before the server's socket is closed.
#[derive(Debug)]
pub(super) struct UnixPath {
    path: PathBuf,
    made: Option<FileIdentity>,
    /// Dropped after the path is unlinked, which is in this type's own `drop`.
    _lock: Option<LockFile>,
}

impl UnixPath {
    /// A path without a lock file: a file that is there stays, and binding fails.
    pub(super) fn unlocked(path: &[u8]) -> Self {
        Self { path: sockaddr::as_path(path).to_owned(), made: None, _lock: None }
    }

    /// Takes the lock, then removes the socket of a dead server.
    pub(super) fn locked(path: &Rc<[u8]>) -> Result<Self, ListenError> {
        let address = Address::Unix(UnixAddress::Path(Rc::clone(path)));
        let file = sockaddr::as_path(path).to_owned();
        let mut lock =
            LockFile::take(&file).map_err(|error| not_locked(address.clone(), &error))?;
        remove_stale(&file, path, address)?;
        lock.sign();
        Ok(Self { path: file, made: None, _lock: Some(lock) })
    }

    /// Records the identity of the file that bind(2) just made, and gives it the bits of `mode` that the
    /// umask took.
    pub(super) fn made(&mut self, mode: u32) -> io::Result<()> {
        let metadata = fs::symlink_metadata(&self.path)?;
        self.made = Some(FileIdentity::of(&metadata));
        if metadata.mode() & 0o7777 != mode {
            fs::set_permissions(&self.path, Permissions::from_mode(mode))?;
        }
        Ok(())
    }

    /// Frees the lock, and leaves the file where it is.
    pub(super) fn keep(mut self) {
        self.made = None;
    }

    /// Gives the file to its owner.
    pub(super) fn give(&self, owner: FileOwner) -> io::Result<()> {
        owner.give(&self.path)
    }
}

impl Drop for UnixPath {
    fn drop(&mut self) {
        if self.made.is_some() && FileIdentity::at(&self.path) == self.made {
            drop(remove(&self.path));
        }
    }
}

/// Removes a socket at which connections are refused.
fn remove_stale(path: &Path, name: &Rc<[u8]>, address: Address) -> Result<(), ListenError> {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !metadata.file_type().is_socket() {
        return Err(ListenError::NotASocket { address });
    }
    let stale = FileIdentity::of(&metadata);
    match connecting::unix(&UnixAddress::Path(Rc::clone(name))) {
        Err(error) if error.raw_os_error() == Some(libc::ECONNREFUSED) => {
            if FileIdentity::at(path).is_some_and(|now| now != stale) {
                // A server without a lock file has taken the path meanwhile.
                return Err(ListenError::InUse { address, process: None });
            }
            remove(path).map_err(|error| ListenError::Refused {
                address,
                source: os_error(&error),
                hint: "a dead server left it behind, and it cannot be removed".into(),
            })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(socket) => {
            let process = raw_calls::peer_credentials(&socket).map(|(process, _, _)| process);
            Err(ListenError::InUse { address, process })
        }
        Err(_) => Err(ListenError::InUse { address, process: None }),
    }
}

/// Removes a file; one that is gone meanwhile needs no removal.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        answer => answer,
    }
}

fn not_locked(address: Address, error: &LockError) -> ListenError {
    let (source, hint) = match error {
        LockError::Held(process) => {
            return ListenError::InUse { address, process: *process };
        }
        LockError::NotALock => (
            interfaces::OsError::from_raw_os_error(libc::EEXIST),
            "its lock file would be the path with .lock appended, which is a file of another kind, \
             of another user, or with a second name",
        ),
        LockError::Failed(error) => {
            (os_error(error), "its lock file, the path with .lock appended, cannot be made")
        }
    };
    ListenError::Refused { address, source, hint: hint.into() }
}

/// Whether a live server holds the lock of this path. An abstract name has no lock, and ends with its
/// server.
pub(super) fn is_locked(address: &UnixAddress) -> bool {
    match address {
        UnixAddress::Path(path) => super::lock_file::is_held(sockaddr::as_path(path)),
        UnixAddress::Abstract(_) | UnixAddress::Unnamed => true,
    }
}
