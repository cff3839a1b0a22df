//! `cargo xtask mutants`: breaks one line of the crate deferred at a time, and says which tests notice.
//!
//! The mutations are listed in `mutants.tsv`. Each is made in a copy below the target directory.
//! Invariant: the sources of the workspace are read, never written.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use lexopt::{Arg, Parser, ValueExt};

use super::{note, print};

const HELP: &str = "\
cargo xtask mutants [--only TEXT]

Makes each mutation of xtask/mutants.tsv in a copy of the crate deferred, runs the tests there, and
prints which of them notice it. This takes some minutes.
  --only TEXT   only mutations whose line in the list has this text

Exit codes: 0 each was noticed, 1 one was not or could not be made, 64 the arguments were not
understood.
";

/// The tests that take long. They run only for what the others do not notice.
const SLOW: [&str; 2] = ["deep", "twisted"];

/// After so long tests are taken to hang, which is a way to notice.
const SECONDS_MAX: &str = "60";

/// The model test, which is named first where it notices.
const MODEL: &str = "what_a_deferred_does_is_what_the_rules_say";

/// How many sequences the model test tries of each mutation.
const SEQUENCES: &str = "20000";

pub(crate) fn mutants(parser: Parser) -> Result<ExitCode, lexopt::Error> {
    let only = match parse(parser) {
        Ok(Some(only)) => only,
        Ok(None) => return print(HELP),
        Err(error) => return Ok(super::misused(&error, HELP)),
    };
    try_all(&only).or_else(|error| {
        note(&format!("cargo xtask mutants: {error}\n"));
        Ok(ExitCode::FAILURE)
    })
}

/// What mutations have to have, or none when help is asked for.
fn parse(mut parser: Parser) -> Result<Option<String>, lexopt::Error> {
    let mut only = String::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("only") => only = parser.value()?.string()?,
            Arg::Long("help") | Arg::Short('h') => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(only))
}

fn try_all(only: &str) -> Result<ExitCode, Box<dyn Error>> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask has no parent")?;
    let list = fs::read_to_string(workspace.join("xtask").join("mutants.tsv"))?;
    let lines = list.lines().filter(|line| !line.starts_with('#') && line.contains(only));
    let mutations = lines.map(Mutation::read).collect::<Result<Vec<_>, _>>()?;
    if mutations.is_empty() {
        return Err(format!("no mutation of the list has {only:?}").into());
    }
    let copy = Copy::new(workspace)?;
    let expected: BTreeSet<String> =
        mutations.iter().flat_map(|mutation| mutation.tests.iter().cloned()).collect();
    match copy.test(&Vec::from_iter(expected))? {
        Found::Nothing => {}
        found => return Err(format!("without a mutation, too: {}", found.words()).into()),
    }
    let mut unnoticed = 0;
    for mutation in &mutations {
        let found = copy.test_with(mutation)?;
        unnoticed += usize::from(!found.is_noticed());
        let Mutation { file, broken, .. } = mutation;
        _ = print(&format!("{file}: {broken}\n    {}\n", found.words()));
    }
    let noticed = mutations.len() - unnoticed;
    _ = print(&format!("{noticed} of {} mutations were noticed\n", mutations.len()));
    Ok(if unnoticed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One line of the list.
struct Mutation {
    file: String,
    /// The tests that are tried first.
    tests: Vec<String>,
    was: String,
    becomes: String,
    broken: String,
}

impl Mutation {
    fn read(line: &str) -> Result<Self, String> {
        let fields: Vec<String> =
            line.split('\t').map(|field| field.replace("\\n", "\n")).collect();
        match <[String; 5]>::try_from(fields) {
            Ok([file, tests, was, becomes, broken]) => {
                let tests = tests.split_whitespace().map(str::to_owned).collect();
                Ok(Self { file, tests, was, becomes, broken })
            }
            Err(_) => Err(format!("a mutation has five fields: {line}")),
        }
    }

    /// The source with the mutation.
    fn apply(&self, source: &str) -> Result<String, String> {
        match source.matches(&self.was).count() {
            1 => Ok(source.replacen(&self.was, &self.becomes, 1)),
            count => Err(format!("{} has {count} times, not once: {}", self.file, self.was)),
        }
    }
}

/// What the tests have found.
enum Found {
    Nothing,
    Failed(Vec<String>),
    Hung,
    Uncompiled(String),
}

impl Found {
    fn is_noticed(&self) -> bool {
        matches!(self, Found::Failed(_) | Found::Hung)
    }

    fn words(&self) -> String {
        const SHOWN_MAX: usize = 3;
        match self {
            Found::Nothing => "NOT NOTICED".to_owned(),
            Found::Hung => "noticed: a test hangs".to_owned(),
            Found::Uncompiled(error) => format!("DOES NOT COMPILE: {error}"),
            Found::Failed(tests) if tests.len() > SHOWN_MAX => {
                let more = tests.len() - SHOWN_MAX;
                format!("noticed by {} and {more} more", tests[..SHOWN_MAX].join(", "))
            }
            Found::Failed(tests) => format!("noticed by {}", tests.join(", ")),
        }
    }
}

/// A workspace of its own, with the crate deferred alone.
struct Copy {
    root: PathBuf,
    quick: Vec<String>,
    slow: Vec<String>,
}

impl Copy {
    fn new(workspace: &Path) -> Result<Self, Box<dyn Error>> {
        let target = std::env::var_os("CARGO_TARGET_DIR");
        let target = target.map_or_else(|| workspace.join("target"), PathBuf::from);
        let root = target.join("mutants");
        let package = root.join("deferred");
        if package.exists() {
            fs::remove_dir_all(&package)?;
        }
        for directory in ["src", "tests"] {
            copy(&workspace.join("deferred").join(directory), &package.join(directory))?;
        }
        let manifest = fs::read_to_string(workspace.join("Cargo.toml"))?;
        fs::write(root.join("Cargo.toml"), with_one_member(&manifest)?)?;
        let manifest = fs::read_to_string(workspace.join("deferred").join("Cargo.toml"))?;
        // The benchmarks and what they need stay behind.
        let manifest = manifest.split("[dev-dependencies]").next().unwrap_or_default();
        fs::write(package.join("Cargo.toml"), manifest)?;
        let (slow, quick) = test_names(&package.join("tests"))?
            .into_iter()
            .partition(|name| SLOW.contains(&name.as_str()));
        Ok(Self { root, quick, slow })
    }

    fn test_with(&self, mutation: &Mutation) -> Result<Found, Box<dyn Error>> {
        let file = self.root.join("deferred").join("src").join(&mutation.file);
        let source = fs::read_to_string(&file)?;
        fs::write(&file, mutation.apply(&source)?)?;
        let mut found = Ok(Found::Nothing);
        for tests in [&mutation.tests, &self.quick, &self.slow] {
            if matches!(found, Ok(Found::Nothing)) {
                found = self.test(tests);
            }
        }
        fs::write(&file, source)?;
        found
    }

    /// Runs these tests as they are now: whole targets, and then modules of targets.
    fn test(&self, names: &[String]) -> Result<Found, Box<dyn Error>> {
        let (modules, targets): (Vec<&str>, Vec<&str>) =
            names.iter().map(String::as_str).partition(|name| name.contains("::"));
        let mut found = match targets.is_empty() {
            true => Found::Nothing,
            false => self.run(&targets, &[])?,
        };
        let of_module = |name| str::split_once(name, "::");
        let owners: BTreeSet<&str> =
            modules.iter().filter_map(|name| Some(of_module(name)?.0)).collect();
        for owner in owners {
            if matches!(found, Found::Nothing) {
                let modules: Vec<String> = modules
                    .iter()
                    .filter_map(|name| of_module(name).filter(|(target, _)| *target == owner))
                    .map(|(_, module)| format!("{module}::"))
                    .collect();
                found = self.run(&[owner], &modules)?;
            }
        }
        Ok(found)
    }

    /// Runs the tests of these targets whose names have one of the filters, or all without any.
    fn run(&self, targets: &[&str], filters: &[String]) -> Result<Found, Box<dyn Error>> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new("timeout");
        command.arg(SECONDS_MAX).arg(cargo).args(["test", "--offline", "--no-fail-fast"]);
        targets.iter().for_each(|target| _ = command.args(["--test", target]));
        command.arg("--").args(filters);
        let output = command
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", self.root.join("target"))
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("ROPEWALK_SEQUENCES", SEQUENCES)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("cannot run the program timeout: {error}"))?;
        if output.status.success() {
            return Ok(Found::Nothing);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        if let Some(error) = said.lines().find(|line| line.starts_with("error[")) {
            return Ok(Found::Uncompiled(error.to_owned()));
        }
        let failed = failed_tests(&String::from_utf8_lossy(&output.stdout));
        // Also a test that overflows its stack or aborts leaves no line.
        let crashed = said.lines().any(|line| line.contains("process didn't exit successfully"));
        Ok(match (failed.is_empty(), output.status.code()) {
            (false, _) => Found::Failed(failed),
            (true, Some(124)) => Found::Hung,
            (true, _) if crashed => Found::Failed(vec!["a crash of the tests".to_owned()]),
            (true, _) => Found::Uncompiled(said.trim_end().to_owned()),
        })
    }
}

fn failed_tests(output: &str) -> Vec<String> {
    let tests = output.lines().filter_map(|line| line.strip_prefix("test "));
    let failed = tests.filter_map(|test| test.strip_suffix(" ... FAILED"));
    let mut failed: Vec<String> = failed.map(str::to_owned).collect();
    // The model test first, and the others in their order.
    failed.sort_by_key(|test| test != MODEL);
    failed
}

/// The manifest of the workspace, with one member instead of all.
fn with_one_member(manifest: &str) -> Result<String, String> {
    let around = manifest.split_once("members = [").and_then(|(before, rest)| {
        let (_, after) = rest.split_once("\n]")?;
        Some((before, after))
    });
    let (before, after) = around.ok_or("the workspace's manifest has no list of members")?;
    Ok(format!("{before}members = [\"deferred\"]{after}"))
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// The test targets: files, and directories with a `main.rs`.
fn test_names(tests: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(tests)? {
        let path = entry?.path();
        let is_test =
            path.extension().is_some_and(|is| is == "rs") || path.join("main.rs").exists();
        if let Some(name) = path.file_stem().filter(|_| is_test) {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutation_of_the_list_can_be_made_in_the_sources_of_today() {
        let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
        let list = fs::read_to_string(xtask.join("mutants.tsv")).unwrap();
        let lines: Vec<&str> = list.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines.len() >= 12);
        for line in lines {
            let mutation = Mutation::read(line).unwrap();
            let file = xtask.join("../deferred/src").join(&mutation.file);
            let source = fs::read_to_string(file).unwrap();
            assert_ne!(mutation.apply(&source).unwrap(), source, "{line}");
            for test in &mutation.tests {
                let tests = xtask.join("../deferred/tests");
                let file = tests.join(format!("{}.rs", test.replace("::", "/")));
                assert!(file.exists() || tests.join(test).join("main.rs").exists(), "{line}");
            }
        }
    }

    #[test]
    fn the_copy_has_one_member() {
        let manifest = "[workspace]\nmembers = [\n    \"a\",\n    \"b\", # why\n]\n[profile]\n";
        let one = with_one_member(manifest).unwrap();
        assert_eq!(one, "[workspace]\nmembers = [\"deferred\"]\n[profile]\n");
        assert!(with_one_member("[package]").is_err());
    }
}
