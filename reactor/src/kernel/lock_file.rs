//! The lock file beside a UNIX path; Twisted's `FilesystemLock` of a `UNIX` port.
//!
//! A server holds a write lock on it for as long as it lives; the kernel frees the lock even when the
//! server is killed. The lock belongs to the open file (`F_OFD_SETLK`, fcntl(2)), so two reactors of one
//! process exclude each other, and a client can ask for it without taking it (`F_OFD_GETLK`): with
//! flock(2), a client that asks would for a moment keep a server from starting.
//!
//! `FilesystemLock` of the crate `protocol` is for programs: flock(2), portable, and its file stays. This
//! file is removed with its server, which takes the identity check below, and says whose it is.
//!
//! Invariant: a file is written to and removed only while its lock is held, and only if its content is
//! that of a lock file: nothing, or the number of a process.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::file_identity::FileIdentity;
use super::raw_calls;

/// How many files are locked that their last holders removed meanwhile, before the path counts as
/// taken: each of them is the trace of another server.
const TRIES: u32 = 100;

/// The most bytes of a lock file: the number of a process and the end of the line.
const BYTES_MAX: usize = 20;

/// Opening follows no symbolic link and waits for no peer, whatever kind of file it is.
const FLAGS: i32 = libc::O_NOFOLLOW | libc::O_NONBLOCK;

/// A lock that is held.
#[derive(Debug)]
pub(super) struct LockFile {
    path: PathBuf,
    file: File,
}

/// The reasons why a lock cannot be taken.
#[derive(Debug)]
pub(super) enum LockError {
    /// Another server holds it.
    Held,
    /// The file in its place is no lock file.
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
            match raw_calls::try_lock(&file) {
                Ok(true) => {}
                Ok(false) => return Err(LockError::Held),
                Err(error) => return Err(LockError::Failed(error)),
            }
            // The last holder may have removed the file between our open and our lock.
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

    /// Writes the number of this process, for people who look. The lock counts, not the text, so a full
    /// disk is no reason to fail.
    fn sign(&mut self) {
        use std::io::Seek as _;
        let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
        drop(emptied.and_then(|()| writeln!(self.file, "{}", std::process::id())));
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Removed before it is unlocked: a server that opened it meanwhile sees that another file, or
        // none, is at this path now, and opens again.
        drop(fs::remove_file(&self.path));
    }
}

/// Whether a live server holds the lock beside `path`. A file that may not be opened counts as held;
/// connecting will tell.
pub(super) fn is_held(path: &Path) -> bool {
    match OpenOptions::new().read(true).custom_flags(FLAGS).open(beside(path)) {
        Ok(file) => raw_calls::is_locked(&file),
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    }
}

/// Whether the content is what [`LockFile::sign`] writes, or the part of it that it wrote before it was
/// killed.
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    fn place() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a directory for the test");
        let path = directory.path().join("s");
        (directory, path)
    }

    #[test]
    fn asking_whether_a_lock_is_held_never_keeps_a_server_from_taking_it() {
        let (_directory, path) = place();
        let over = AtomicBool::new(false);
        let taken = thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        is_held(&path);
                    }
                });
            }
            let taken: Vec<bool> =
                (0..500).map(|_| LockFile::take(&path).map(drop).is_ok()).collect();
            over.store(true, Ordering::Relaxed);
            taken
        });
        assert_eq!(taken.iter().filter(|taken| !**taken).count(), 0);
    }

    #[test]
    fn servers_that_come_while_others_go_never_hold_the_lock_together() {
        const LOCKS: usize = 100;
        const TRIES: usize = 10_000_000;
        let (_directory, path) = place();
        let holders = AtomicUsize::new(0);
        let server = || {
            let mut taken = 0;
            for _ in 0..TRIES {
                match LockFile::take(&path) {
                    Ok(lock) => {
                        assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0);
                        assert!(is_held(&path));
                        holders.fetch_sub(1, Ordering::SeqCst);
                        drop(lock);
                        taken += 1;
                    }
                    // The holder may wait for this very processor.
                    Err(LockError::Held) => thread::yield_now(),
                    Err(error) => panic!("{error:?}"),
                }
                if taken == LOCKS {
                    break;
                }
            }
            taken
        };
        let taken = thread::scope(|scope| {
            let servers: Vec<_> = (0..4).map(|_| scope.spawn(server)).collect();
            servers.into_iter().map(|server| server.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(taken, [LOCKS; 4], "no server is kept out for good");
        assert!(!is_held(&path) && !beside(&path).exists());
    }
}
