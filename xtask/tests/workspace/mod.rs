//! The workspace's directory and files, for the tests that read them.
//!
//! Invariant: files are read, never written.
#![allow(dead_code, reason = "each test that includes this uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};

/// The workspace's top directory.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().expect("xtask lies in the workspace").to_path_buf()
}

/// All files below the top directory, relative to it, without those of git and of builds.
pub(crate) fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![root()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("the workspace can be read") {
            let path = entry.expect("the workspace can be read").path();
            let name = path.file_name().expect("an entry has a name");
            if name == ".git" || name == "target" {
                continue;
            } else if path.is_dir() {
                directories.push(path);
            } else {
                files.push(path.strip_prefix(root()).expect("found below the top").to_path_buf());
            }
        }
    }
    files.sort();
    files
}

/// The text of a file named relative to the top directory.
pub(crate) fn text(file: &Path) -> String {
    fs::read_to_string(root().join(file))
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()))
}

/// Fails with all complaints at once.
#[track_caller]
pub(crate) fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n  {}\n", complaints.join("\n  "));
}
