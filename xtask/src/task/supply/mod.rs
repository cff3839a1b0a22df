//! `cargo xtask supply-chain`: what this workspace is made of, and what it gives to others.
//!
//! Invariant: a job that cannot run here says why it is skipped, and is no failure.

mod api;
mod jobs;
mod licence;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use cargo_metadata::{Metadata, MetadataCommand, Package};
use lexopt::{Arg, Parser};

use super::{misused, note, print};

const HELP: &str = "\
cargo xtask supply-chain [JOB]... [--bless]

Checks what the workspace depends on and what it publishes. A job whose tool is not installed is skipped, with
the reason. The network is used by minimal-versions alone, where cargo has not fetched those versions before.
  licences          every dependency may be used under an allowed licence
  advisories        cargo-deny knows no advisory against a dependency; it reads the copy that
                    `cargo deny fetch` made, and fetches nothing
  public-api        the public API is the one of xtask/public-api; needs a nightly and cargo-public-api
  minimal-versions  the workspace builds with the oldest direct dependencies that its manifests allow
  features          each crate builds with every combination of its features
  msrv              the workspace builds with the oldest compiler that it promises
  package           cargo package accepts every crate
  --bless           public-api writes its files instead

Exit codes: 0 all passed or were skipped, 1 something failed, 64 the arguments were not understood.
";

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum JobOutcome {
    Passed(String),
    Skipped(String),
    Failed(String),
}

/// A job: its name, and what it does.
type Job = (&'static str, fn(&Workspace) -> JobOutcome);

const JOBS: [Job; 7] = [
    ("licences", jobs::licences),
    ("advisories", jobs::advisories),
    ("public-api", api::public_api),
    ("minimal-versions", jobs::minimal_versions),
    ("features", jobs::features),
    ("msrv", jobs::msrv),
    ("package", jobs::package),
];

/// What the jobs look at.
struct Workspace {
    root: PathBuf,
    metadata: Metadata,
    /// Snapshots are written and not compared.
    blesses: bool,
}

pub(crate) fn supply_chain(mut parser: Parser) -> Result<ExitCode, lexopt::Error> {
    let (mut wanted, mut blesses) = (Vec::new(), false);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return print(HELP),
            Arg::Long("bless") => blesses = true,
            Arg::Value(name) if JOBS.iter().any(|(job, _)| name == *job) => wanted.push(name),
            Arg::Value(name) => {
                return Ok(misused(&format!("there is no job {}", name.display()).into(), HELP));
            }
            other => return Ok(misused(&other.unexpected(), HELP)),
        }
    }
    let workspace = match Workspace::read(blesses) {
        Ok(workspace) => workspace,
        Err(error) => {
            note(&format!("cargo xtask supply-chain: {error}\n"));
            return Ok(ExitCode::FAILURE);
        }
    };
    let mut all_well = true;
    for (name, job) in JOBS {
        if wanted.is_empty() || wanted.iter().any(|it| it == name) {
            all_well &= tell(name, &job(&workspace));
        }
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints how a job ended; whether that is well.
fn tell(name: &str, outcome: &JobOutcome) -> bool {
    let (word, text) = match outcome {
        JobOutcome::Passed(text) => ("passed", text),
        JobOutcome::Skipped(text) => ("skipped", text),
        JobOutcome::Failed(text) => ("failed", text),
    };
    let _ = print(&format!("{name:<17} {word}: {text}\n"));
    !matches!(outcome, JobOutcome::Failed(_))
}

impl Workspace {
    fn read(blesses: bool) -> Result<Self, cargo_metadata::Error> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
        let options = vec!["--locked".into(), "--all-features".into()];
        let metadata =
            MetadataCommand::new().manifest_path(manifest).other_options(options).exec()?;
        let root = metadata.workspace_root.clone().into_std_path_buf();
        Ok(Self { root, metadata, blesses })
    }

    /// The crates that are published.
    fn published(&self) -> impl Iterator<Item = &Package> {
        let packages = self.metadata.workspace_packages().into_iter();
        packages.filter(|package| package.publish.as_ref().is_none_or(|to| !to.is_empty()))
    }

    /// Cargo of a toolchain, in the workspace, with a folder for what it builds of its own.
    fn cargo(&self, toolchain: Option<&str>, job: &str) -> Command {
        let mut command = Command::new("cargo");
        // A toolchain that was chosen for this process would be asked instead.
        command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
        command.args(toolchain.map(|name| format!("+{name}")));
        let target = self.metadata.target_directory.join("supply-chain").join(job);
        command.env("CARGO_TARGET_DIR", target).current_dir(&self.root).stdin(Stdio::null());
        command
    }
}

/// Whether a command runs at all, and ends well.
fn succeeds(command: &mut Command) -> bool {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Runs a command; its last lines where it fails.
fn run(command: &mut Command) -> Result<String, String> {
    const LINES_TOLD: usize = 15;
    let name = format!("{command:?}");
    let output = command.output().map_err(|error| format!("{name} does not start: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = errors.lines().collect();
    let told = lines[lines.len().saturating_sub(LINES_TOLD)..].join("\n");
    Err(format!("{name} ended with {}:\n{told}", output.status))
}
