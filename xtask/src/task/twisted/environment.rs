//! Python with Twisted and maturin, below the target directory.
//!
//! Invariant: nothing is installed outside of that directory.

use std::error::Error;
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::super::output;

/// The version of Twisted that Ropewalk follows.
const TWISTED: &str = "twisted[tls]==26.10.0";

/// What Twisted's own tests and the build need.
pub(super) const OF_TWISTED: [&str; 3] = ["pyhamcrest==2.1.0", "hypothesis", "maturin>=1.9,<2"];

/// How long the suites of one mode may take.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// The reason for which something cannot be installed here.
#[derive(Debug)]
pub(super) struct Unavailable(String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Unavailable {}

/// A script that is run on both reactors.
#[derive(Clone, Copy)]
pub(super) struct ScriptRun<'a> {
    /// Of the files of the run.
    pub(super) name: &'a str,
    /// Below `xtask/twisted`; its first argument is the reactor.
    pub(super) script: &'a str,
    pub(super) arguments: &'a [&'a str],
}

/// A virtual environment.
pub(super) struct Environment {
    directory: PathBuf,
}

/// The workspace of the bridge.
pub(super) fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("twisted")
}

impl Environment {
    /// Installs Twisted and these packages, unless they are there.
    ///
    /// # Errors
    ///
    /// The reason for which they can't be had here.
    pub(super) fn prepare(directory: &Path, packages: &[&str]) -> Result<Self, Unavailable> {
        let environment = Self { directory: directory.to_owned() };
        let list = [&[TWISTED], packages].concat();
        let installed = environment.directory.join("venv/packages.txt");
        if fs::read_to_string(&installed).is_ok_and(|text| text == list.join("\n")) {
            return Ok(environment);
        }
        let run = |command: &mut Command| {
            output(command).map(drop).map_err(|error| Unavailable(error.to_string()))
        };
        let venv = environment.directory.join("venv");
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        run(Command::new(environment.program("python")).args(pip).args(&list))?;
        fs::write(installed, list.join("\n")).map_err(|error| Unavailable(error.to_string()))?;
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

    /// Runs a script on our reactor and on the control, at once; the lines that it prints on each.
    ///
    /// # Errors
    ///
    /// A run that takes too long, or prints nothing.
    pub(super) fn run_both(&self, run: &ScriptRun<'_>) -> Result<(String, String), Box<dyn Error>> {
        let names = ["ours", "control"];
        let mut runs = Vec::new();
        for name in names {
            runs.push(self.start(name, run)?);
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

    fn start(&self, name: &str, run: &ScriptRun<'_>) -> Result<(Child, PathBuf), Box<dyn Error>> {
        let directory = self.directory.join("runs");
        fs::create_dir_all(&directory)?;
        let file = directory.join(format!("{name}-{}.jsonl", run.name));
        let mut command = Command::new(self.program("python"));
        command.arg("-B").arg(sources().join(run.script)).arg(name).args(run.arguments);
        command.current_dir(&directory).stdin(Stdio::null());
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
