//! [`Root`]: the directory whose files are served, and the way from a path of a request to one of them.
//!
//! Invariant: a file that is opened lies below the directory, whatever links lead to it; the open file itself is
//! looked at, so that no link that changes meanwhile leads out.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A directory.
#[derive(Clone, Debug)]
pub(crate) struct Root(PathBuf);

/// A file to be sent.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) file: File,
    pub(super) length: u64,
    /// The last part of its path.
    pub(super) name: String,
}

/// Why there is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is no path.
    BadPath,
    /// It leads out, or to something that is not served.
    Forbidden,
    Absent,
    /// With the path of the directory, safe for a head.
    IsDirectory(String),
}

/// What a directory is asked for with.
const INDEX: &str = "index.html";

impl Root {
    /// The directory of this path.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub(crate) fn new(path: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(path)?;
        if !path.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self(path))
    }

    /// The file of a request's path, which may have a query.
    pub(super) fn find(&self, path: &str) -> Result<Found, Refusal> {
        let parts = parts(path)?;
        let is_plain = |part: &&String| !part.starts_with('.');
        if !parts.iter().all(|part| is_plain(&part)) {
            return Err(Refusal::Forbidden);
        }
        let mut wanted = self.0.clone();
        wanted.extend(&parts);
        let asks_for_directory = path_only(path).ends_with('/');
        if asks_for_directory {
            wanted.push(INDEX);
        }
        let wanted = fs::canonicalize(wanted).map_err(|error| refusal(&error))?;
        if !wanted.starts_with(&self.0) {
            return Err(Refusal::Forbidden);
        }
        if wanted.is_dir() {
            let is_file_of_directory = asks_for_directory;
            return Err(if is_file_of_directory { Refusal::Absent } else { directory(&parts) });
        }
        self.open(&wanted)
    }

    fn open(&self, path: &Path) -> Result<Found, Refusal> {
        // A device or a FIFO may block, or have an effect.
        if !path.is_file() {
            return Err(Refusal::Forbidden);
        }
        let mut options = OpenOptions::new();
        let options = options.read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW);
        let file = options.open(path).map_err(|error| refusal(&error))?;
        let opened = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()));
        let metadata = file.metadata().map_err(|error| refusal(&error))?;
        let is_below = opened.is_ok_and(|opened| opened.starts_with(&self.0));
        if !is_below || !metadata.is_file() {
            return Err(Refusal::Forbidden);
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Found { file, length: metadata.len(), name })
    }
}

fn refusal(error: &io::Error) -> Refusal {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Refusal::Forbidden,
        _ => Refusal::Absent,
    }
}

fn path_only(path: &str) -> &str {
    path.split(['?', '#']).next().unwrap_or_default()
}

/// The names in a path, decoded.
fn parts(path: &str) -> Result<Vec<String>, Refusal> {
    let path = path_only(path).strip_prefix('/').ok_or(Refusal::BadPath)?;
    let named = path.split('/').filter(|part| !part.is_empty());
    let decoded: Result<Vec<String>, Refusal> = named.map(decoded).collect();
    let decoded = decoded?;
    let is_name = |part: &String| !part.contains(['/', '\0']);
    if decoded.iter().all(is_name) { Ok(decoded) } else { Err(Refusal::BadPath) }
}

/// A name whose escapes (RFC 3986 section 2.1) are resolved.
fn decoded(part: &str) -> Result<String, Refusal> {
    let mut bytes = part.bytes();
    let mut name = Vec::with_capacity(part.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            name.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
        let (high, low) = (digit().ok_or(Refusal::BadPath)?, digit().ok_or(Refusal::BadPath)?);
        name.push((high * 16 + low) as u8);
    }
    String::from_utf8(name).map_err(|_| Refusal::BadPath)
}

/// The path of a directory, whose names are escaped but for letters, digits and a few signs.
fn directory(parts: &[String]) -> Refusal {
    let mut path = String::new();
    for part in parts {
        path.push('/');
        for byte in part.bytes() {
            match byte {
                b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                    path.push(char::from(byte));
                }
                _ => path.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    Refusal::IsDirectory(path + "/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A directory with a file, one with an index, links in and out, and one beside it with a like name.
    fn scene() -> (tempfile::TempDir, Root) {
        let directory = tempfile::tempdir().unwrap();
        let at = |path: &str| directory.path().join(path);
        for path in ["root/with index", "root/empty", "root-beside"] {
            fs::create_dir_all(at(path)).unwrap();
        }
        for path in
            ["root/a.txt", "root/with index/index.html", "root/.hidden", "root-beside/b", "c"]
        {
            fs::write(at(path), path).unwrap();
        }
        symlink("a.txt", at("root/inside")).unwrap();
        symlink("../c", at("root/outside")).unwrap();
        symlink(at("root-beside"), at("root/beside")).unwrap();
        symlink("loop", at("root/loop")).unwrap();
        let root = Root::new(&at("root")).unwrap();
        (directory, root)
    }

    #[test]
    fn what_is_below_is_found_with_its_length() {
        let (_directory, root) = scene();
        for (path, length) in [
            ("/a.txt", 10),
            ("//a.txt?query", 10),
            ("/%61%2Etxt#x", 10),
            ("/inside", 10),
            ("/with%20index/", 26),
        ] {
            assert_eq!(root.find(path).unwrap().length, length, "{path}");
        }
    }

    #[test]
    fn nothing_else_is() {
        let (_directory, root) = scene();
        for path in ["/../c", "/a/../a.txt", "/%2e%2e/c", "/.hidden", "/./a.txt", "/outside"] {
            assert_eq!(root.find(path).unwrap_err(), Refusal::Forbidden, "{path}");
        }
        assert_eq!(root.find("/beside/b").unwrap_err(), Refusal::Forbidden);
        for path in
            ["", "a.txt", "*", "http://host/a.txt", "/a%2", "/%zz", "/%ff", "/..%2fc", "/a%00"]
        {
            assert_eq!(root.find(path).unwrap_err(), Refusal::BadPath, "{path}");
        }
        for path in ["/b", "/", "/empty/", "/a.txt/x", "/loop", &format!("/{}", "x".repeat(5000))] {
            assert_eq!(root.find(path).unwrap_err(), Refusal::Absent, "{path:.20}");
        }
        let moved = Refusal::IsDirectory("/with%20index/".into());
        assert_eq!(root.find("//with%20index").unwrap_err(), moved);
    }
}
