//! The tests of the crates with parsers, built with counters.
//!
//! Invariant: all of it is below the target directory, apart from what is built without counters.

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cargo_metadata::{Message, MetadataCommand};

use super::super::{note, output};

/// The crates' directories, which are their tests' working directories.
const PACKAGES: [&str; 3] = ["endpoints", "systemd", "tls"];

/// Where the build and its profiles are.
pub(super) struct CountedTests {
    workspace: PathBuf,
    directory: PathBuf,
}

impl CountedTests {
    pub(super) fn prepare() -> Result<Self, Box<dyn Error>> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
        let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec()?;
        let directory = metadata.target_directory.into_std_path_buf().join("lines");
        Ok(Self { workspace: metadata.workspace_root.into_std_path_buf(), directory })
    }

    pub(super) fn workspace(&self) -> &Path {
        &self.workspace
    }

    /// The programs of the tests.
    pub(super) fn executables(&self) -> Result<Vec<PathBuf>, Box<dyn Error>> {
        note("building the tests with counters\n");
        let built = output(self.cargo()?.args(["--no-run", "--quiet", "--message-format=json"]))?;
        let mut executables = Vec::new();
        for message in Message::parse_stream(built.as_bytes()) {
            if let Message::CompilerArtifact(artifact) = message? {
                executables.extend(artifact.executable.map(PathBuf::from));
            }
        }
        Ok(executables)
    }

    /// The directory of the profiles, emptied.
    pub(super) fn profiles(&self) -> Result<PathBuf, Box<dyn Error>> {
        let profiles = self.directory.join("profiles");
        if profiles.exists() {
            fs::remove_dir_all(&profiles)?;
        }
        fs::create_dir_all(&profiles)?;
        Ok(profiles)
    }

    /// Runs the tests, which write a profile for each program.
    pub(super) fn test(&self, profiles: &Path) -> Result<(), Box<dyn Error>> {
        note("running the tests\n");
        let mut command = self.cargo()?;
        command.arg("--quiet").env("LLVM_PROFILE_FILE", profiles.join("%p-%m.profraw"));
        let status = command.stdout(Stdio::null()).status()?;
        for package in PACKAGES {
            gather(&self.workspace.join(package), profiles)?;
        }
        if status.success() { Ok(()) } else { Err("a test fails".into()) }
    }

    fn cargo(&self) -> Result<Command, Box<dyn Error>> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        // For a named target, so that the flags do not reach procedural macros.
        command.args(["test", "--lib", "--tests", "--target", &super::super::fuzz::host()?]);
        for package in PACKAGES {
            command.args(["--package", &format!("ropewalk-{package}")]);
        }
        command.arg("--target-dir").arg(&self.directory).current_dir(&self.workspace);
        command.env("RUSTFLAGS", "-Cinstrument-coverage").stdin(Stdio::null());
        Ok(command)
    }
}

/// Moves the profiles of programs that ran without the tests' environment out of their working directory.
fn gather(directory: &Path, profiles: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        if path.extension().is_some_and(|it| it == "profraw") {
            fs::copy(&path, profiles.join(entry.file_name()))?;
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_profile_stays_beside_the_sources() {
        let [sources, profiles] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        for name in ["default_1_2.profraw", "lib.rs"] {
            fs::write(sources.path().join(name), name).unwrap();
        }
        gather(sources.path(), profiles.path()).unwrap();
        let names = |directory: &Path| -> Vec<_> {
            let entries = fs::read_dir(directory).unwrap();
            entries.map(|entry| entry.unwrap().file_name()).collect()
        };
        assert_eq!(names(sources.path()), ["lib.rs"]);
        assert_eq!(names(profiles.path()), ["default_1_2.profraw"]);
    }
}
