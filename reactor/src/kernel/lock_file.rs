//! The lock file beside a UNIX path; Twisted's `FilesystemLock` of a `UNIX` port.
//!
//! A server holds a write lock on it for as long as it lives; the kernel frees the lock even when the
//! server is killed. The lock belongs to the open file (`F_OFD_SETLK`, fcntl(2)), so two reactors of one
//! process exclude each other, and a client can ask for it without taking it (`F_OFD_GETLK`): with
//! flock(2), a client that asks would for a moment keep a server from starting. The two kinds of lock do
//! not see each other, so a server takes a flock(2) too: programs that lock the file by that one are
//! excluded as well.
//!
//! `FilesystemLock` of the crate `protocol` is for programs: flock(2), portable, and its file stays. This
//! file is removed with its server, which takes the identity check below, and says whose it is.
//!
//! ```text
//!   take ── the file was not there ──► Owned ── drop ──► removed, if it is still at its path
//!    │                                   ▲
//!    └── it was ──► Found ──── sign ─────┘
//!                     └─── drop: the server was refused, and the file stays as it was found
//! ```
//!
//! Invariant: a file is written to and removed only while both of its locks are held. One that was found
//! is written to only if it is what a server of this user leaves behind: a regular file of this user with
//! no second name, which holds nothing or the number of a process.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
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
    state: State,
}

/// Whose the file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It was there before, and nothing was written to it.
    Found,
    /// It was made or signed here.
    Owned,
}

/// The reasons why a lock cannot be taken.
#[derive(Debug)]
pub(super) enum LockError {
    /// Another server holds it, of this process if the file tells.
    Held(Option<u32>),
    /// The file in its place is no lock file of this user.
    NotALock,
    /// The file cannot be made or opened.
    Failed(io::Error),
}

impl LockFile {
    /// Takes the lock beside `path`.
    pub(super) fn take(path: &Path) -> Result<Self, LockError> {
        let path = beside(path);
        for _ in 0..TRIES {
            let (file, state) = match open_or_make(&path) {
                Ok(opened) => opened,
                // It was removed between the two tries.
                Err(error) if error.kind() == io::ErrorKind::NotFound && has_directory(&path) => {
                    continue;
                }
                Err(error) if error.raw_os_error() == Some(libc::ELOOP) => {
                    return Err(linked(&path, error));
                }
                Err(error) => return Err(LockError::Failed(error)),
            };
            if !lock(&file).map_err(LockError::Failed)? {
                return Err(LockError::Held(process_in(&file)));
            }
            // The last holder may have removed the file between our open and our lock.
            let metadata = file.metadata().map_err(LockError::Failed)?;
            if FileIdentity::at(&path) != Some(FileIdentity::of(&metadata)) {
                continue;
            }
            if state == State::Found && !is_left_behind(&file, &metadata) {
                return Err(LockError::NotALock);
            }
            return Ok(Self { path, file, state });
        }
        Err(LockError::Held(None))
    }

    /// Writes the number of this process, for people who look, and for servers that are refused. The lock
    /// counts, not the text, so a full disk is no reason to fail.
    pub(super) fn sign(&mut self) {
        use std::io::Seek as _;
        self.state = State::Owned;
        let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
        drop(emptied.and_then(|()| writeln!(self.file, "{}", std::process::id())));
    }

    fn is_at_its_path(&self) -> bool {
        let own = self.file.metadata().ok().map(|metadata| FileIdentity::of(&metadata));
        own.is_some() && FileIdentity::at(&self.path) == own
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        if self.state == State::Owned && self.is_at_its_path() {
            // Removed before it is unlocked: a server that opened it meanwhile sees that another file,
            // or none, is at this path now, and opens again.
            drop(fs::remove_file(&self.path));
        }
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

/// Opens the file, or makes it if there is none.
fn open_or_make(path: &Path) -> io::Result<(File, State)> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600).custom_flags(FLAGS);
    match options.clone().create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            options.open(path).map(|file| (file, State::Found))
        }
        made => made.map(|file| (file, State::Owned)),
    }
}

fn has_directory(path: &Path) -> bool {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    directory.unwrap_or(Path::new(".")).is_dir()
}

/// Takes both locks; `false` while another server has one of them.
fn lock(file: &File) -> io::Result<bool> {
    // A file system without flock(2) has the other lock.
    let is_free = !matches!(file.try_lock(), Err(TryLockError::WouldBlock));
    Ok(is_free && raw_calls::try_lock(file)?)
}

/// A server of Twisted makes a symbolic link to the number of its process.
fn linked(path: &Path, error: io::Error) -> LockError {
    let target = fs::read_link(path).ok();
    let process = target.and_then(|target| target.to_str()?.parse::<u32>().ok());
    match process {
        Some(process) if raw_calls::is_alive(process) => LockError::Held(Some(process)),
        Some(_) | None => LockError::Failed(error),
    }
}

/// Whether it is what a server of this user leaves behind when it is killed.
fn is_left_behind(file: &File, metadata: &Metadata) -> bool {
    let is_ours = metadata.uid() == raw_calls::effective_user();
    metadata.is_file() && metadata.nlink() == 1 && is_ours && text_in(file).is_some()
}

/// The process that signed the file.
fn process_in(file: &File) -> Option<u32> {
    text_in(file)?.parse().ok()
}

/// The content, if it is what [`LockFile::sign`] writes, or the part of it that it wrote before it was
/// killed.
fn text_in(file: &File) -> Option<String> {
    let mut text = String::new();
    file.take(BYTES_MAX as u64 + 1).read_to_string(&mut text).ok()?;
    let is_short = text.len() <= BYTES_MAX;
    let number = text.strip_suffix('\n').unwrap_or(&text);
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    (is_short && is_number).then(|| number.to_owned())
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
                    Ok(mut lock) => {
                        assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0);
                        // A server that found the file of one that was too slow to lock it owns it from here.
                        lock.sign();
                        assert!(is_held(&path));
                        holders.fetch_sub(1, Ordering::SeqCst);
                        drop(lock);
                        taken += 1;
                    }
                    // The holder may wait for this very processor.
                    Err(LockError::Held(_)) => thread::yield_now(),
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
