//! [`PidFile`]: a file with the number of the process that runs; Twisted's `PIDFile`.
//!
//! Invariant: a process writes into the file only while it holds the lock on it (flock(2)), and the lock is on
//! the file that has the name.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::{fmt, fs, process};

use crate::{KernelSignals, PidFileError, SendSignal};

/// How often a file that is removed at the same time is opened anew.
const TRIES: usize = 100;
/// The owner writes, and all read.
const MODE: u32 = 0o644;
/// The most bytes that are read of the file.
const CONTENT_BYTES_MAX: u64 = 4096;

/// The name of a file that has the number of the process that runs.
///
/// # Differences from Twisted
///
/// - To hold it is one step, under a lock, so that of two programs one gets it. Twisted looks, and then
///   writes.
/// - A number below 1 is invalid, and so is no group of processes.
/// - A file that names the own process before it is held is of an earlier process with the same number,
///   as in a container, and is replaced.
#[derive(Clone)]
pub struct PidFile {
    path: PathBuf,
    signals: Rc<dyn SendSignal>,
}

impl PidFile {
    /// The file of this name, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self::with_signals(path, Rc::new(KernelSignals))
    }

    /// Asks by these signals which processes are alive.
    pub fn with_signals(path: impl Into<PathBuf>, signals: Rc<dyn SendSignal>) -> Self {
        Self { path: path.into(), signals }
    }

    /// The name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of the process, from the first line.
    ///
    /// # Errors
    ///
    /// [`NotFound`](PidFileError::NotFound), [`Invalid`](PidFileError::Invalid), or
    /// [`Io`](PidFileError::Io).
    pub fn read(&self) -> Result<i32, PidFileError> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(PidFileError::NotFound { path: self.path.clone() });
            }
            Err(source) => return Err(self.failed("open", source)),
        };
        self.number(&self.content(&mut file)?)
    }

    /// Whether the process of the file is alive. Without the file none is.
    ///
    /// # Errors
    ///
    /// [`Invalid`](PidFileError::Invalid), or [`Io`](PidFileError::Io).
    ///
    /// # Differences from Twisted
    ///
    /// A process that is gone is no error.
    #[doc(alias = "isRunning")]
    pub fn is_running(&self) -> Result<bool, PidFileError> {
        match self.read() {
            Ok(process) => self.is_alive(process),
            Err(PidFileError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes the own process's number. What is returned is dropped when the program ends, and removes
    /// the file then.
    ///
    /// # Errors
    ///
    /// [`AlreadyRunning`](PidFileError::AlreadyRunning), and as [`read`](Self::read), but for a file that
    /// is missing or empty.
    pub fn hold(&self) -> Result<HeldPidFile, PidFileError> {
        for _ in 0..TRIES {
            let mut file = self.open_locked()?;
            let content = self.content(&mut file)?;
            // A process that ended between making the file and writing leaves it empty.
            if !content.is_empty() {
                let process = self.number(&content)?;
                if process.cast_unsigned() != process::id() && self.is_alive(process)? {
                    return Err(self.already_running(Some(process)));
                }
            }
            if !is_named(&file, &self.path) {
                continue;
            }
            write_number(&mut file).map_err(|source| self.failed("write", source))?;
            return Ok(HeldPidFile { path: self.path.clone(), file });
        }
        Err(self.already_running(None))
    }

    fn open_locked(&self) -> Result<File, PidFileError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(MODE);
        let file = options.open(&self.path).map_err(|source| self.failed("open", source))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(self.already_running(self.read().ok())),
            Err(TryLockError::Error(source)) => Err(self.failed("lock", source)),
        }
    }

    fn content(&self, file: &mut File) -> Result<String, PidFileError> {
        let mut bytes = Vec::new();
        let read = file.take(CONTENT_BYTES_MAX).read_to_end(&mut bytes);
        read.map_err(|source| self.failed("read", source))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn number(&self, content: &str) -> Result<i32, PidFileError> {
        let line = content.lines().next().unwrap_or_default();
        let number = line.trim().parse().ok().filter(|number| *number > 0);
        number.ok_or_else(|| PidFileError::Invalid {
            path: self.path.clone(),
            content: line.chars().take(100).collect(),
        })
    }

    fn is_alive(&self, process: i32) -> Result<bool, PidFileError> {
        match self.signals.send_signal(process, None) {
            Ok(()) => Ok(true),
            // It is another user's.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(true),
            Err(error) if error.raw_os_error() == Some(nix::errno::Errno::ESRCH as i32) => {
                Ok(false)
            }
            Err(source) => Err(self.failed("ask for the process of", source)),
        }
    }

    fn already_running(&self, process: Option<i32>) -> PidFileError {
        PidFileError::AlreadyRunning { path: self.path.clone(), process }
    }

    fn failed(&self, attempt: &'static str, source: io::Error) -> PidFileError {
        PidFileError::Io { attempt, path: self.path.clone(), source }
    }
}

impl fmt::Debug for PidFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PidFile").field(&self.path).finish()
    }
}

/// A pid file with the own number, which other processes find locked; its drop removes the file.
#[derive(Debug)]
#[must_use = "its drop removes the file"]
pub struct HeldPidFile {
    path: PathBuf,
    file: File,
}

impl Drop for HeldPidFile {
    /// A process without the right to remove the file, as it dropped its privileges, leaves it empty.
    fn drop(&mut self) {
        if is_named(&self.file, &self.path) && fs::remove_file(&self.path).is_err() {
            let _ = self.file.set_len(0);
        }
    }
}

/// Whether the name leads to this file.
fn is_named(file: &File, path: &Path) -> bool {
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(file), Ok(named)) => identity(file) == identity(named),
        _ => false,
    }
}

fn write_number(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", process::id())
}
