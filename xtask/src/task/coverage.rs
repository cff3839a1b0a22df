//! `cargo xtask conformance --coverage`: the rows of the catalogue that a passing test states.
//!
//! Invariant: a row has passed only if all of its tests ran in this run and passed.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use ropewalk_xtask::{Row, Subject, Verdict, all_cases, run};

use super::arguments::OutputFormat;
use super::cargo_tests::{package_of, run_package};
use super::catalogue::{Applies, Entry, catalogue};
use super::coverage_report::{document, table};
use super::{note, print};

/// The status of a row after the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Passed,
    Failed,
    /// No test states it, or a named test did not run.
    Missing,
    SetAside,
}

/// A row with its status.
#[derive(Debug)]
pub(crate) struct Stated {
    pub(crate) entry: Entry,
    pub(crate) status: Status,
    pub(crate) tests: Vec<String>,
    pub(crate) reason: Option<String>,
}

/// The results of the tests, by name; `None` did not run.
type Outcomes = BTreeMap<String, Option<bool>>;

pub(crate) fn coverage(
    subjects: &[Arc<dyn Subject>],
    output: OutputFormat,
) -> Result<ExitCode, Box<dyn Error>> {
    let entries = catalogue()?;
    let rows = run_cases(subjects);
    let outcomes = run_named(&entries)?;
    let stated: Vec<Stated> =
        entries.into_iter().map(|entry| state(entry, subjects, &rows, &outcomes)).collect();
    let text = match output {
        OutputFormat::Table => table(&stated),
        OutputFormat::Json => document(&stated),
    };
    print(&text)?;
    let dangling = outcomes.values().any(Option::is_none);
    let failed = stated.iter().any(|row| row.status == Status::Failed);
    Ok(if failed || dangling { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn run_cases(subjects: &[Arc<dyn Subject>]) -> Vec<Row> {
    let cases: Vec<_> = all_cases().into_iter().filter(|case| !case.rows.is_empty()).collect();
    note(&format!("running {} cases on {} subjects\n", cases.len(), subjects.len()));
    run(&cases, subjects, |_| {})
}

/// Runs the packages whose tests the catalogue names.
fn run_named(entries: &[Entry]) -> Result<Outcomes, Box<dyn Error>> {
    let named: BTreeSet<&str> = entries.iter().flat_map(|entry| entry.tests.clone()).collect();
    let mut outcomes: Outcomes = named.iter().map(|name| (name.to_string(), None)).collect();
    let packages: BTreeSet<&str> = named.iter().filter_map(|test| package_of(test)).collect();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for package in packages {
        note(&format!("running the tests of {package}\n"));
        for (name, passed) in run_package(&workspace, package)? {
            outcomes.entry(name).and_modify(|outcome| *outcome = Some(passed));
        }
    }
    Ok(outcomes)
}

fn state(entry: Entry, subjects: &[Arc<dyn Subject>], rows: &[Row], outcomes: &Outcomes) -> Stated {
    if let Applies::No(reason) = entry.applies {
        let reason = Some(reason.to_owned());
        return Stated { entry, status: Status::SetAside, tests: Vec::new(), reason };
    }
    let mut tests = Vec::new();
    let mut results = Vec::new();
    for row in rows.iter().filter(|row| row.case.rows.contains(&entry.id)) {
        tests.push(format!("conformance:{}", row.case.id));
        results.push(outcome_of(row, subjects, entry.area));
    }
    for name in &entry.tests {
        tests.push((*name).to_owned());
        results.push(outcomes.get(*name).copied().flatten());
    }
    let status = if results.contains(&Some(false)) {
        Status::Failed
    } else if results.is_empty() || results.contains(&None) {
        Status::Missing
    } else {
        Status::Passed
    };
    let not_run = results.iter().position(Option::is_none);
    let reason = not_run.map(|place| format!("{} did not run", tests[place]));
    Stated { entry, status, tests, reason }
}

/// The result of a case for a row of this area; `None` if it ran on no subject of the area.
fn outcome_of(row: &Row, subjects: &[Arc<dyn Subject>], area: &str) -> Option<bool> {
    let failed = row.cells.iter().any(|cell| matches!(cell.verdict, Verdict::Failed(_)));
    let passed = subjects
        .iter()
        .zip(&row.cells)
        .any(|(subject, cell)| cell.verdict == Verdict::Passed && is_about(area, subject.name()));
    if failed { Some(false) } else { passed.then_some(true) }
}

fn is_about(area: &str, subject: &str) -> bool {
    match area {
        "tls" | "unix" | "tcp" => subject.starts_with(area),
        "memory" | "clock" => subject == "memory",
        _ => true,
    }
}
