//! The files that a program's name may mean; Twisted's `procutils.which`.
//!
//! Invariant: nothing is run, and a folder that cannot be read has no files.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::vec;
use std::vec::Vec;

/// The executable files of this name in the folders of `PATH`, in its order; the first is what a spawn by
/// this name runs. Empty without a `PATH`. To tell a user what would be run, or that nothing would be: the
/// answer may be out of date by the time of the spawn, whose error counts. Twisted's `which`.
///
/// A file is executable if any of its three permissions says so; whether this user may, the spawn finds
/// out. A name with a slash is a path: it is the one answer, if it is such a file.
///
/// # Examples
///
/// ```
/// # use ropewalk_protocol as protocol;
/// use protocol::process::which;
///
/// assert!(which("sh").iter().all(|path| path.ends_with("sh")));
/// assert!(which("no-such-program").is_empty());
/// ```
pub fn which(name: impl AsRef<OsStr>) -> Vec<PathBuf> {
    which_in(name.as_ref(), env::var_os("PATH"))
}

/// As [`which`], in the folders of this variable.
fn which_in(name: &OsStr, path: Option<OsString>) -> Vec<PathBuf> {
    if Path::new(name).components().count() != 1 || name.as_encoded_bytes().contains(&b'/') {
        let path = PathBuf::from(name);
        return if is_executable(&path) { vec![path] } else { Vec::new() };
    }
    let Some(path) = path else { return Vec::new() };
    // An empty entry is the current folder (environ(7)).
    let folders = env::split_paths(&path);
    folders.map(|folder| folder.join(name)).filter(|path| is_executable(path)).collect()
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &Path, mode: u32) {
        fs::write(path, "").expect("a file");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its owner may");
    }

    #[test]
    fn executable_files_are_found_in_the_order_of_the_path_and_nothing_else_is() {
        let all = tempfile::tempdir().expect("a folder");
        let folders = ["one", "two", "three", "four"].map(|name| all.path().join(name));
        folders.iter().for_each(|it| fs::create_dir(it).expect("a folder"));
        let [one, two, three, four] = folders.map(|folder| folder.join("tool"));
        file(&one, 0o755);
        file(&two, 0o644);
        fs::create_dir(&three).expect("a folder");
        file(&four, 0o100);
        let folder = |file: &Path| file.parent().expect("it has one").to_path_buf();
        let missing = all.path().join("missing");
        let path = [folder(&four), folder(&two), missing, folder(&three), folder(&one)];
        let path = env::join_paths(path).expect("no colon");
        assert_eq!(which_in("tool".as_ref(), Some(path.clone())), [four, one.clone()]);
        assert!(which_in("other".as_ref(), Some(path.clone())).is_empty());
        assert!(which_in("".as_ref(), Some(path)).is_empty());
        assert!(which_in("tool".as_ref(), None).is_empty());
        assert_eq!(which_in(one.as_os_str(), None), [one]);
        assert!(which_in(two.as_os_str(), None).is_empty());
    }
}
