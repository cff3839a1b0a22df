//! The lock file beside a UNIX path; Twisted's `FilesystemLock`.
//!
//! A server holds a lock on it for as long as it lives (flock(2)); the kernel lets go of it even when
//! the server is killed. Invariant: a file is written to and removed only while its lock is held, and
//! only if it holds what a lock file holds: nothing, or a process's number.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::file_identity::FileIdentity;

/// How often a lock is tried for, a millisecond apart, while only clients have it that look whether
/// a server does: each for a moment.
const TRIES: u32 = 200;

/// The most bytes of a lock file: the number of a process and the end of the line.
const BYTES_MAX: usize = 20;

/// Whatever is in the file's place, opening it follows nothing and waits for nobody.
const FLAGS: i32 = libc::O_NOFOLLOW | libc::O_NONBLOCK;

/// A lock that is held.
#[derive(Debug)]
pub(super) struct LockFile {
    path: PathBuf,
    file: File,
}

/// Why a lock could not be had.
#[derive(Debug)]
pub(super) enum LockError {
    /// Somebody else holds it.
    Held,
    /// Its name belongs to a file that is no lock file.
    NotALock,
    /// The file cannot be made or opened.
    Failed(io::Error),
}

impl LockFile {
    /// Takes the lock beside `path`.
    pub(super) fn take(path: &Path) -> Result<Self, LockError> {
        let path = beside(path);
        for _ in 0..TRIES {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).mode(0o600);
            let file = options.custom_flags(FLAGS).open(&path).map_err(LockError::Failed)?;
            match file.try_lock() {
                Ok(()) => {}
                // Only a server's lock keeps a shared one away; a client that looks has a shared one.
                Err(TryLockError::WouldBlock) if is_kept_away(&file) => {
                    return Err(LockError::Held);
                }
                Err(TryLockError::WouldBlock) => {
                    drop(file);
                    std::thread::sleep(Duration::from_millis(1));
                    continue;
                }
                Err(TryLockError::Error(error)) => return Err(LockError::Failed(error)),
            }
            // The file may have been removed by its last holder between our open and our lock.
            let metadata = file.metadata().map_err(LockError::Failed)?;
            if FileIdentity::at(&path) != Some(FileIdentity::of(&metadata)) {
                continue;
            }
            if !metadata.is_file() || !is_signed_or_empty(&file) {
                return Err(LockError::NotALock);
            }
            let mut lock = Self { path, file };
            lock.sign();
            return Ok(lock);
        }
        Err(LockError::Held)
    }

    /// Writes who holds it, for people who look. The lock counts, not the text, so a full disk is
    /// no reason to fail.
    fn sign(&mut self) {
        use std::io::Seek as _;
        let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
        drop(emptied.and_then(|()| writeln!(self.file, "{}", std::process::id())));
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Removed before it is unlocked: whoever opened it meanwhile sees that it is not the file
        // at this path any more, and opens again.
        drop(fs::remove_file(&self.path));
    }
}

/// Whether a server that lives holds the lock beside `path`. Where the file may not be looked into,
/// it is somebody else's, and connecting will tell.
pub(super) fn is_held(path: &Path) -> bool {
    match OpenOptions::new().read(true).custom_flags(FLAGS).open(beside(path)) {
        Ok(file) => is_kept_away(&file),
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    }
}

/// Whether a server has the lock.
fn is_kept_away(file: &File) -> bool {
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Whether the file holds what [`LockFile::sign`] writes, or what it wrote before it was stopped.
fn is_signed_or_empty(file: &File) -> bool {
    let mut text = Vec::with_capacity(BYTES_MAX + 1);
    let read = file.take(BYTES_MAX as u64 + 1).read_to_end(&mut text);
    let number = text.strip_suffix(b"\n").unwrap_or(&text);
    read.is_ok() && text.len() <= BYTES_MAX && number.iter().all(u8::is_ascii_digit)
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}
