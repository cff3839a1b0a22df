//! The programs that read the compiler's counters, of the toolchain that compiles.
//!
//! Invariant: they are of the compiler's own version, as others cannot read its files.

use std::path::PathBuf;
use std::process::Command;

use super::super::output;

/// llvm-cov and llvm-profdata.
pub(super) struct Tools(PathBuf);

impl Tools {
    /// Those of the toolchain.
    ///
    /// # Errors
    ///
    /// The reason for which they are not there.
    pub(super) fn find() -> Result<Self, String> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let libraries = output(Command::new(rustc).args(["--print", "target-libdir"]))
            .map_err(|error| error.to_string())?;
        let tools = Self(PathBuf::from(libraries.trim()).with_file_name("bin"));
        match output(tools.cov().arg("--version")) {
            Ok(_) => Ok(tools),
            Err(error) => {
                Err(format!("`rustup component add llvm-tools` adds what is missing: {error}"))
            }
        }
    }

    pub(super) fn cov(&self) -> Command {
        Command::new(self.0.join("llvm-cov"))
    }

    pub(super) fn profdata(&self) -> Command {
        Command::new(self.0.join("llvm-profdata"))
    }
}
