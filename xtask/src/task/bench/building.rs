//! Builds the measured programs.
//!
//! Invariant: everything is built below the target directory, and nothing is installed.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::programs::sources;

/// Builds the programs in Rust, and returns their directory.
pub(super) fn rust(target: &Path) -> Result<PathBuf, Box<dyn Error>> {
    cargo(target, &["--release"])?;
    Ok(target.join("release"))
}

/// Builds the bench's workspace, or a part of it, with cargo.
pub(super) fn cargo(target: &Path, arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--manifest-path"]).arg(sources().join("Cargo.toml"));
    let status = command.arg("--target-dir").arg(target).args(arguments).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("cargo build of xtask/bench: {status}").into())
    }
}

/// Builds one program in C, with these additional arguments for the compiler.
pub(super) fn c(source: &str, program: &Path, more: &[String]) -> Result<(), String> {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let mut command = Command::new(&compiler);
    command.args(["-std=gnu17", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-pthread", "-o"]);
    command.arg(program).arg(sources().join("c").join(source)).args(more);
    let output = command
        .output()
        .map_err(|error| format!("there is no C compiler {}: {error}", compiler.display()))?;
    if output.status.success() {
        return Ok(());
    }
    let messages = String::from_utf8_lossy(&output.stderr);
    Err(format!("{source} was not compiled: {}", messages.lines().next().unwrap_or_default()))
}

/// The compiler's arguments for libuv.
pub(super) fn libuv() -> Result<Vec<String>, String> {
    let output = Command::new("pkg-config").args(["--cflags", "--libs", "libuv"]).output();
    let missing = "libuv is not there for pkg-config; Debian has it as libuv1-dev";
    match output {
        Ok(output) if output.status.success() => {
            let words = String::from_utf8_lossy(&output.stdout);
            Ok(words.split_whitespace().map(String::from).collect())
        }
        Ok(_) => Err(missing.into()),
        Err(error) => Err(format!("{missing} (pkg-config: {error})")),
    }
}

/// Creates a virtual environment with Twisted, if it does not exist, and returns the command that
/// starts its server.
pub(super) fn twisted(environment: &Path) -> Result<Vec<PathBuf>, String> {
    let python = environment.join("bin/python");
    let has_twisted = Command::new(&python).args(["-c", "import twisted"]).output();
    if !has_twisted.is_ok_and(|output| output.status.success()) {
        let made = [
            Command::new("python3").args(["-m", "venv"]).arg(environment).output(),
            Command::new(&python).args(["-m", "pip", "install", "--quiet", "twisted"]).output(),
        ];
        for step in made {
            let output = step.map_err(|error| format!("there is no Python for it: {error}"))?;
            if !output.status.success() {
                let messages = String::from_utf8_lossy(&output.stderr);
                let last = messages.lines().last().unwrap_or_default();
                return Err(format!("it cannot be installed: {last}"));
            }
        }
    }
    Ok(vec![python, sources().join("twisted/server.py")])
}

/// Builds the library that answers a server's system calls, and returns its path.
pub(super) fn shim(library: &Path) -> Result<PathBuf, String> {
    c("shim.c", library, &["-O3".into(), "-shared".into(), "-fPIC".into()])?;
    Ok(library.to_path_buf())
}

/// Generates a new certificate.
pub(super) fn certificate(load: &Path, directory: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(directory)?;
    let status = Command::new(load).arg("certificate").arg(directory).status()?;
    if status.success() { Ok(()) } else { Err("the certificate was not made".into()) }
}
