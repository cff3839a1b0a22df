//! `cargo xtask static`: the command as one file without a dynamic linker, for a container of nothing else.
//!
//! Invariant: nothing is installed; without the target of musl it says so and succeeds.

use std::env::consts::ARCH;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::{env, fs, io};

use lexopt::{Arg, Parser};

use super::{note, print};

const HELP: &str = "\
cargo xtask static

Builds the command ropewalk for musl, stripped, checks that it needs no dynamic linker and runs, and prints
its size and path. Needs the target of musl (rustup target add); without it nothing is built, which is no
failure.

Exit codes: 0 it was built or skipped, 1 it was not, 64 the arguments were not understood.
";

/// The type of the part of an ELF file that names the dynamic linker (elf(5), `PT_INTERP`).
const PT_INTERP: u32 = 3;

pub(crate) fn static_build(mut parser: Parser) -> Result<ExitCode, lexopt::Error> {
    if let Some(argument) = parser.next()? {
        return match argument {
            Arg::Long("help") | Arg::Short('h') => print(HELP),
            other => Ok(super::misused(&other.unexpected(), HELP)),
        };
    }
    let target = format!("{ARCH}-unknown-linux-musl");
    if !is_installed(&target) {
        let advice = format!("rustup target add {target}");
        note(&format!("cargo xtask static: skipped, as there is no target {target}; {advice}\n"));
        return Ok(ExitCode::SUCCESS);
    }
    match build(&target) {
        Ok(text) => print(&text),
        Err(error) => {
            note(&format!("cargo xtask static: {error}\n"));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Whether the toolchain has the standard library of this target.
fn is_installed(target: &str) -> bool {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output();
    let sysroot = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    sysroot.is_ok_and(|it| Path::new(&it).join("lib/rustlib").join(target).join("lib").is_dir())
}

/// Builds, checks, and returns what to print.
fn build(target: &str) -> io::Result<String> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--package", "ropewalk-cli", "--target", target]);
    cargo.env("CARGO_PROFILE_RELEASE_STRIP", "symbols").env("CARGO_PROFILE_RELEASE_DEBUG", "0");
    let compiler = format!("CC_{}", target.replace('-', "_"));
    if env::var_os(&compiler).is_none() && !is_there("musl-gcc") {
        // The parts in C, those of the cryptography, build with the compiler of the system, too.
        cargo.env(compiler, "cc");
    }
    if !cargo.stdin(Stdio::null()).status()?.success() {
        return Err(io::Error::other("cargo build failed"));
    }
    let directory = env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
    let path = directory.join(target).join("release/ropewalk");
    let bytes = fs::read(&path)?;
    match has_interpreter(&bytes) {
        Some(false) => {}
        Some(true) => return Err(io::Error::other("it needs a dynamic linker")),
        None => return Err(io::Error::other("it is no ELF file of 64 bits")),
    }
    let version = Command::new(&path).arg("--version").env_clear().output()?;
    if !version.status.success() {
        return Err(io::Error::other("it does not run"));
    }
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    let size = bytes.len() as f64 / f64::from(1 << 20);
    Ok(format!("{version}: {size:.1} MiB, static and stripped: {}\n", path.display()))
}

fn is_there(program: &str) -> bool {
    let mut command = Command::new(program);
    let command = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Whether a file names a dynamic linker; `None` where it is no ELF file of 64 bits in little endian.
fn has_interpreter(file: &[u8]) -> Option<bool> {
    let number = |at: usize, bytes: usize| {
        let field = file.get(at..at + bytes)?;
        Some(field.iter().rev().fold(0_usize, |number, byte| number << 8 | usize::from(*byte)))
    };
    if !file.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let (table, size, count) = (number(0x20, 8)?, number(0x36, 2)?, number(0x38, 2)?);
    let mut kinds = (0..count).map(|index| number(table + index * size, 4));
    Some(kinds.any(|kind| kind == Some(PT_INTERP as usize)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with parts of these types.
    fn elf(kinds: &[u32]) -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01".to_vec();
        file.resize(0x40, 0);
        file[0x20] = 0x40;
        file[0x36] = 56;
        file[0x38] = kinds.len() as u8;
        for kind in kinds {
            let part = file.len();
            file.resize(part + 56, 0);
            file[part..part + 4].copy_from_slice(&kind.to_le_bytes());
        }
        file
    }

    #[test]
    fn a_dynamic_linker_is_found_in_any_place_of_the_table() {
        assert_eq!(has_interpreter(&elf(&[1, 2, 6])), Some(false));
        assert_eq!(has_interpreter(&elf(&[6, 1, PT_INTERP])), Some(true));
        assert_eq!(has_interpreter(b"#!/bin/sh\n"), None);
    }

    #[test]
    fn this_program_has_one_and_what_is_not_installed_is_not() {
        let own = fs::read(env::current_exe().expect("it has a path")).expect("it can be read");
        assert_eq!(has_interpreter(&own), Some(cfg!(target_env = "gnu")));
        assert!(!is_installed("pdp11-unknown-linux-musl"));
    }
}
