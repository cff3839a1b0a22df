//! Python with Twisted and maturin, below the target directory.
//!
//! Invariant: nothing is installed outside of that directory.

use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::super::output;

/// The version of Twisted that Ropewalk follows, and what its tests and the build need.
const PACKAGES: [&str; 4] =
    ["twisted[tls]==26.10.0", "pyhamcrest==2.1.0", "hypothesis", "maturin>=1.9,<2"];

/// Whether they are there.
const CHECK: &str = "import hamcrest, hypothesis, maturin, OpenSSL, twisted; assert twisted.__version__ == '26.10.0'";

/// How long the suites of one mode may take.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// A virtual environment.
pub(super) struct Environment {
    directory: PathBuf,
}

/// The workspace of the bridge.
pub(super) fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("twisted")
}

impl Environment {
    /// Installs what is missing.
    ///
    /// # Errors
    ///
    /// The reason for which it can't be had here.
    pub(super) fn prepare(directory: &Path) -> Result<Self, String> {
        let environment = Self { directory: directory.to_owned() };
        let python = environment.program("python");
        let run = |command: &mut Command| output(command).map_err(|error| error.to_string());
        if run(Command::new(&python).args(["-c", CHECK])).is_err() {
            let venv = environment.directory.join("venv");
            run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv))?;
            let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
            run(Command::new(&python).args(pip).args(PACKAGES))?;
            run(Command::new(&python).args(["-c", CHECK]))?;
        }
        Ok(environment)
    }

    fn program(&self, name: &str) -> PathBuf {
        self.directory.join("venv/bin").join(name)
    }

    /// Builds the wheel, and returns its path.
    ///
    /// # Errors
    ///
    /// What maturin says.
    pub(super) fn build(&self) -> Result<PathBuf, Box<dyn Error>> {
        let wheels = self.directory.join("wheels");
        if wheels.exists() {
            fs::remove_dir_all(&wheels)?;
        }
        let mut maturin = Command::new(self.program("maturin"));
        maturin.args(["build", "--release", "--quiet", "--locked", "--out"]).arg(&wheels);
        maturin.arg("--interpreter").arg(self.program("python"));
        maturin.arg("--manifest-path").arg(sources().join("Cargo.toml"));
        maturin.env("CARGO_TARGET_DIR", self.directory.join("build"));
        output(&mut maturin)?;
        let wheel = fs::read_dir(&wheels)?.next().ok_or("maturin has built no wheel")??;
        Ok(wheel.path())
    }

    /// Installs the wheel.
    ///
    /// # Errors
    ///
    /// What pip says.
    pub(super) fn install(&self, wheel: &Path) -> Result<(), Box<dyn Error>> {
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        let mut command = Command::new(self.program("python"));
        output(command.args(pip).args(["--force-reinstall", "--no-deps"]).arg(wheel))?;
        Ok(())
    }

    /// Runs suites on our reactor and on the control, at once; the lines that the judge prints for each.
    ///
    /// # Errors
    ///
    /// A run that takes too long, or prints nothing.
    pub(super) fn run_both(
        &self,
        mode: &str,
        modules: &[&str],
    ) -> Result<(String, String), Box<dyn Error>> {
        let names = ["ours", "control"];
        let mut runs = Vec::new();
        for name in names {
            runs.push(self.start(name, mode, modules)?);
        }
        let mut printed = Vec::new();
        for (name, (child, file)) in names.into_iter().zip(runs) {
            finish(child).map_err(|error| format!("the suites, {name}: {error}"))?;
            let lines = fs::read_to_string(&file)?;
            if lines.is_empty() {
                let log = file.with_extension("log");
                return Err(
                    format!("the suites, {name}, did not run, see {}", log.display()).into()
                );
            }
            printed.push(lines);
        }
        let control = printed.pop().unwrap_or_default();
        Ok((printed.pop().unwrap_or_default(), control))
    }

    fn start(
        &self,
        name: &str,
        mode: &str,
        modules: &[&str],
    ) -> Result<(Child, PathBuf), Box<dyn Error>> {
        let directory = self.directory.join("runs");
        fs::create_dir_all(&directory)?;
        let file = directory.join(format!("{name}-{mode}.jsonl"));
        let mut command = Command::new(self.program("python"));
        command.arg("-B").arg(sources().join("judge/run_suites.py")).args([name, mode]);
        command.args(modules).current_dir(&directory).stdin(Stdio::null());
        command.stdout(File::create(&file)?);
        command.stderr(File::create(file.with_extension("log"))?);
        Ok((command.spawn()?, file))
    }
}

/// Waits for a run, and ends it when it takes too long.
fn finish(mut child: Child) -> Result<(), Box<dyn Error>> {
    let end = Instant::now() + PATIENCE;
    while child.try_wait()?.is_none() {
        if Instant::now() >= end {
            child.kill()?;
            child.wait()?;
            return Err(format!("not done within {PATIENCE:?}").into());
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
