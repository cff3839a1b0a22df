//! [`KeyLogTo`]: the keys of sessions in a file, as NSS and Wireshark have them.
//!
//! Invariant: only the owner of the file can read it, and nothing but a setting opens it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
#[cfg(unix)]
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rustls::KeyLog;

/// Appends a line for each secret. What cannot be written is lost, as a log may not end a connection.
#[derive(Debug)]
pub(super) struct KeyLogTo(Mutex<File>);

impl KeyLogTo {
    /// Opens the file, or creates it for its owner alone.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        options.mode(0o600).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
        options.open(path).map(|file| Self(Mutex::new(file)))
    }
}

impl KeyLog for KeyLogTo {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let random = data_encoding::HEXLOWER.encode(client_random);
        let line = format!("{label} {random} {}\n", data_encoding::HEXLOWER.encode(secret));
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk takes the log and nothing else.
        let _ = file.write_all(line.as_bytes());
    }
}
