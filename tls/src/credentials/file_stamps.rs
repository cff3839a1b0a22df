//! [`FileStamps`]: what tells that files have changed, without reading those that have not.
//!
//! Invariant: files with equal stamps have equal content. A file that was written just now may be written
//! again without another stamp of time, so a hash of its content is part of the stamp until it is older.

use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::Named;

/// The age from which on a later change has another time: file systems count in at most two seconds.
const SETTLED_AGE: Duration = Duration::from_secs(3);

/// The stamps of some files, in a fixed order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileStamps(Vec<(PathBuf, Option<FileStamp>)>);

/// The stamp of a file that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FileStamp {
    /// Device, inode and time of change, where the system has them.
    identity: [u64; 4],
    length: u64,
    modified: Option<SystemTime>,
    /// Of a file that was modified just now.
    content_hash: Option<u64>,
}

impl FileStamps {
    /// Looks at the files.
    pub(crate) fn of<'a>(files: impl IntoIterator<Item = &'a Named>) -> Self {
        Self(files.into_iter().map(|file| (file.path.clone(), FileStamp::of(file))).collect())
    }

    /// Whether all files are there and none of them was modified just now.
    pub(crate) fn have_settled(&self) -> bool {
        self.0
            .iter()
            .all(|(_, stamp)| stamp.as_ref().is_some_and(|stamp| stamp.content_hash.is_none()))
    }

    /// How many files there are.
    #[cfg(feature = "endpoints")]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl FileStamp {
    fn of(file: &Named) -> Option<Self> {
        let metadata = fs::metadata(&file.path).ok()?;
        let modified = metadata.modified().ok();
        // A time that is ahead, as another machine's may be, is no age.
        let age = modified.and_then(|modified| SystemTime::now().duration_since(modified).ok());
        let has_settled = age.is_some_and(|age| age > SETTLED_AGE);
        let content_hash = (!has_settled && metadata.is_file()).then(|| {
            let mut hasher = DefaultHasher::new();
            file.bytes().ok().hash(&mut hasher);
            hasher.finish()
        });
        let (identity, length) = (identity(&metadata), metadata.len());
        Some(Self { identity, length, modified, content_hash })
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> [u64; 4] {
    use std::os::unix::fs::MetadataExt as _;
    let (seconds, nanoseconds) = (metadata.ctime() as u64, metadata.ctime_nsec() as u64);
    [metadata.dev(), metadata.ino(), seconds, nanoseconds]
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> [u64; 4] {
    [0; 4]
}
