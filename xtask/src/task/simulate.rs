//! `cargo xtask simulate`: lives on a simulated network, under seeds.
//!
//! Invariant: the program is built in release mode in the same run, from the sources of the tree; it reads the
//! arguments itself.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};

use lexopt::Parser;

use super::note;

pub(crate) fn simulate(mut parser: Parser) -> Result<ExitCode, lexopt::Error> {
    let arguments: Vec<OsString> = parser.raw_args()?.collect();
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["run", "--quiet", "--locked", "--release", "--package", "ropewalk-lives"])
        .arg("--manifest-path")
        .arg(manifest)
        .arg("--")
        .args(arguments)
        .status();
    match status {
        Ok(status) => {
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
        }
        Err(error) => {
            note(&format!("cargo xtask simulate: cannot run cargo: {error}\n"));
            Ok(ExitCode::FAILURE)
        }
    }
}
