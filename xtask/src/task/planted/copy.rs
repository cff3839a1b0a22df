//! [`PlantedCopy`]: a copy of the workspace with all planted bugs, each behind its number.
//!
//! Invariant: the sources of the workspace are read, never written; a file of the copy is written where it differs
//! alone, so that cargo builds only what changed.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::bug::PlantedBug;

/// The variable with the number of the one bug that is on.
pub(super) const NUMBER: &str = "ROPEWALK_PLANTED";

/// The module of the copy that knows which bug is on. It lies in the crate that all others depend on.
const SWITCH: &str = "\
//! Which planted bug is on.

extern crate std;

use std::sync::LazyLock;

static NUMBER: LazyLock<usize> = LazyLock::new(|| {
    let number = std::env::var(\"ROPEWALK_PLANTED\").ok();
    number.and_then(|number| number.parse().ok()).unwrap_or(usize::MAX)
});

/// Whether the bug of this number is on.
#[inline]
pub fn is(number: usize) -> bool {
    *NUMBER == number
}
";

/// Entries of the workspace that are copied, and then those that are left out wherever they are.
const COPIED: [&str; 9] = [
    ".cargo",
    "deferred",
    "endpoints",
    "interfaces",
    "protocol",
    "reactor",
    "systemd",
    "tls",
    "xtask",
];
const MANIFESTS: [&str; 2] = ["Cargo.toml", "Cargo.lock"];
const LEFT_OUT: [&str; 2] = ["target", ".git"];

pub(super) struct PlantedCopy {
    root: PathBuf,
}

impl PlantedCopy {
    /// Copies the workspace below its target directory, and plants the bugs; the first has the number 0.
    pub(super) fn new(workspace: &Path, bugs: &[PlantedBug]) -> Result<Self, Box<dyn Error>> {
        let root = workspace.join("target").join("planted");
        let mut planted = planted_files(workspace, bugs)?;
        let library = Path::new("interfaces").join("src");
        let entry = library.join("lib.rs");
        let text = match planted.remove(&entry) {
            Some(text) => text,
            None => fs::read_to_string(workspace.join(&entry))?,
        };
        planted.insert(entry, format!("{text}\n#[allow(missing_docs)]\npub mod planted;\n"));
        planted.insert(library.join("planted.rs"), SWITCH.to_owned());
        fs::create_dir_all(&root)?;
        for name in COPIED {
            copy_tree(workspace, &root, Path::new(name), &planted)?;
        }
        for name in MANIFESTS {
            write_changed(&root.join(name), &fs::read(workspace.join(name))?)?;
        }
        for (file, text) in &planted {
            write_changed(&root.join(file), text.as_bytes())?;
        }
        Ok(Self { root })
    }

    /// Builds the program of the lives in the copy; returns its path. The target directory is the copy's own: cargo
    /// takes the packages of the two trees for the same.
    pub(super) fn build(&self) -> Result<PathBuf, Box<dyn Error>> {
        let target = self.root.join("target");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["build", "--quiet", "--locked", "--release", "--package", "ropewalk-lives"])
            .env("CARGO_TARGET_DIR", &target)
            .current_dir(&self.root)
            .stdin(Stdio::null())
            .output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let errors = said.lines().skip_while(|line| !line.starts_with("error"));
            let errors: Vec<&str> = errors.take(60).collect();
            return Err(format!("the copy does not build:\n{}", errors.join("\n")).into());
        }
        Ok(target.join("release").join("ropewalk-lives"))
    }
}

/// The texts of the files with bugs, by their paths from the root.
fn planted_files(
    workspace: &Path,
    bugs: &[PlantedBug],
) -> Result<BTreeMap<PathBuf, String>, Box<dyn Error>> {
    let mut planted = BTreeMap::new();
    for (number, bug) in bugs.iter().enumerate() {
        let file = PathBuf::from(&bug.file);
        let source = match planted.remove(&file) {
            Some(text) => text,
            None => fs::read_to_string(workspace.join(&file))?,
        };
        planted.insert(file, bug.plant(number, &source)?);
    }
    Ok(planted)
}

/// Copies a directory or a file, but for those that are planted.
fn copy_tree(
    from: &Path,
    to: &Path,
    path: &Path,
    planted: &BTreeMap<PathBuf, String>,
) -> io::Result<()> {
    let source = from.join(path);
    if !source.is_dir() {
        return match planted.contains_key(path) {
            true => Ok(()),
            false => write_changed(&to.join(path), &fs::read(source)?),
        };
    }
    fs::create_dir_all(to.join(path))?;
    for entry in fs::read_dir(source)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_copied = !LEFT_OUT.iter().any(|left_out| name == *left_out);
        if is_copied && !entry.file_type()?.is_symlink() {
            copy_tree(from, to, &path.join(name), planted)?;
        }
    }
    Ok(())
}

fn write_changed(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::read(path) {
        Ok(before) if before == bytes => Ok(()),
        _ => fs::write(path, bytes),
    }
}
