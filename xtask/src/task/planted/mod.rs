//! `cargo xtask planted`: plants bugs in a copy of the workspace, and has the simulated lives find each.
//!
//! All bugs are in one build, each behind its number; the tree itself has no such switch.
//! Invariant: the sources of the workspace are read, never written.

mod bug;
mod copy;
mod finding;

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lexopt::{Arg, Parser, ValueExt as _};

use self::bug::PlantedBug;
use self::copy::PlantedCopy;
use self::finding::{Finding, LIVES_MAX, SHRUNK_MAX};
use super::{misused, note, print};

const HELP: &str = "\
cargo xtask planted [--publish] [NAME]...

Plants the bugs of xtask/planted.tsv in a copy of the workspace, runs simulated lives until each is found,
and prints how many lives that took, and how many the shrunk run has. This takes some minutes.
  NAME       only this bug; all of them by default
  --publish  also writes the table of all bugs to xtask/planted.txt

Exit codes: 0 each was found and shrunk, 1 one was not, 64 the arguments were not understood.
";

pub(crate) fn planted(mut parser: Parser) -> Result<ExitCode, lexopt::Error> {
    let (mut names, mut publishes) = (Vec::new(), false);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return print(HELP),
            Arg::Long("publish") => publishes = true,
            Arg::Value(name) => names.push(name.string()?),
            other => return Ok(misused(&other.unexpected(), HELP)),
        }
    }
    if publishes && !names.is_empty() {
        return Ok(misused(&"--publish takes all bugs".into(), HELP));
    }
    find_all(&names, publishes).or_else(|error| {
        note(&format!("cargo xtask planted: {error}\n"));
        Ok(ExitCode::FAILURE)
    })
}

fn find_all(names: &[String], publishes: bool) -> Result<ExitCode, Box<dyn Error>> {
    let workspace = workspace();
    let bugs = PlantedBug::read_all(&fs::read_to_string(list_path())?)?;
    if let Some(name) = names.iter().find(|name| bugs.iter().all(|bug| bug.name != **name)) {
        return Err(format!("there is no planted bug {name:?} in xtask/planted.tsv").into());
    }
    let program = PlantedCopy::new(&workspace, &bugs)?.build()?;
    let (mut table, mut missed) = (String::new(), 0);
    let wanted = |bug: &PlantedBug| names.is_empty() || names.contains(&bug.name);
    for (number, bug) in bugs.iter().enumerate().filter(|(_, bug)| wanted(bug)) {
        let found = Finding::of(&program, number, bug)?;
        missed += usize::from(!found.as_ref().is_some_and(Finding::is_small));
        let row = row(bug, found.as_ref());
        print(&row)?;
        table.push_str(&row);
    }
    if publishes {
        fs::write(workspace.join("xtask").join("planted.txt"), format!("{}{table}", head()))?;
    }
    Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn head() -> String {
    format!(
        "Planted bugs, each found within {LIVES_MAX} simulated lives and shrunk to a run of at most {SHRUNK_MAX}.\n\
         cargo xtask planted --publish writes it anew. A line has the clean lives before the first run that failed, the\n\
         lives of the shrunk run, its seed, and the invariant that was broken; below it, what is broken.\n\n"
    )
}

fn row(bug: &PlantedBug, found: Option<&Finding>) -> String {
    let PlantedBug { name, kind, breaks, .. } = bug;
    let mut row = String::new();
    // Writing to a string cannot fail.
    let _ = match found {
        None => writeln!(row, "{name:<30} {kind:<10}  not found"),
        Some(Finding { behind, shrunk, token, what }) => {
            let seed = token.split(':').next().unwrap_or_default();
            let what: String = what.chars().take(WHAT_MAX).collect();
            writeln!(row, "{name:<30} {kind:<10} {behind:>6} {shrunk:>3}  seed {seed:<6} {what}")
        }
    };
    let _ = writeln!(row, "    {breaks}");
    row
}

/// How many letters of a broken invariant the table shows.
const WHAT_MAX: usize = 160;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn list_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("planted.tsv")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_bug_of_the_list_can_be_planted_in_the_sources_of_today() {
        let bugs = PlantedBug::read_all(&fs::read_to_string(list_path()).unwrap()).unwrap();
        let names: BTreeSet<&str> = bugs.iter().map(|bug| &*bug.name).collect();
        assert_eq!(names.len(), bugs.len(), "a name is there twice");
        for bug in &bugs {
            let source = fs::read_to_string(workspace().join(&bug.file)).unwrap();
            assert_ne!(bug.plant(0, &source).unwrap(), source, "{}", bug.name);
        }
        let of_reactor = bugs.iter().filter(|bug| bug.file.starts_with("reactor/")).count();
        assert!(of_reactor >= 25 && bugs.len() - of_reactor >= 15, "{of_reactor}, {}", bugs.len());
    }

    #[test]
    fn each_row_of_the_last_table_is_a_bug_of_the_list_that_was_found_and_shrunk() {
        let table = fs::read_to_string(workspace().join("xtask").join("planted.txt")).unwrap();
        let bugs = PlantedBug::read_all(&fs::read_to_string(list_path()).unwrap()).unwrap();
        let mut rows = 0;
        for line in table.lines().filter(|line| line.contains("  seed ")) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            assert!(
                bugs.iter().any(|bug| bug.name == fields[0] && bug.kind == fields[1]),
                "{line}"
            );
            let numbers = [2, 3].map(|place| fields[place].parse::<u64>().ok());
            let is_right = matches!(numbers, [Some(0..=LIVES_MAX), Some(1..=SHRUNK_MAX)]);
            assert!(is_right, "xtask/planted.txt: {line}");
            rows += 1;
        }
        assert!(rows >= 25, "xtask/planted.txt has {rows} rows");
    }
}
