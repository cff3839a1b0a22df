//! The coverage of the catalogue, as a table and as JSON.
//!
//! The JSON has the form that the catalogue's guide prescribes: `areas`, each with the numbers of rows
//! that apply, passed, failed, are missing and do not apply, and `rows`, each with its status, its tests
//! and a reason.
//! Invariant: in every area, apply = passed + failed + missing.

use std::fmt::Write;

use serde_json::{Value, json};

use super::coverage::{Stated, Status};

/// The numbers of rows of one area, or of all.
#[derive(Debug, Default)]
struct RowCounts {
    passed: usize,
    failed: usize,
    missing: usize,
    set_aside: usize,
}

impl RowCounts {
    fn add(&mut self, status: Status) {
        match status {
            Status::Passed => self.passed += 1,
            Status::Failed => self.failed += 1,
            Status::Missing => self.missing += 1,
            Status::SetAside => self.set_aside += 1,
        }
    }

    fn apply(&self) -> usize {
        self.passed + self.failed + self.missing
    }

    fn line(&self, name: &str) -> String {
        let Self { passed, failed, missing, set_aside } = self;
        let passed = format!("{passed} of {}", self.apply());
        format!("{name:24} {passed:>13} {failed:7} {missing:8} {set_aside:10}\n")
    }
}

/// The areas in the order of the catalogue.
fn areas(rows: &[Stated]) -> Vec<(&'static str, RowCounts)> {
    let mut areas: Vec<(&'static str, RowCounts)> = Vec::new();
    for row in rows {
        let area = row.entry.area;
        let place = areas.iter().position(|(name, _)| *name == area).unwrap_or_else(|| {
            areas.push((area, RowCounts::default()));
            areas.len() - 1
        });
        areas[place].1.add(row.status);
    }
    areas
}

/// The report as a table: the numbers by area, then the rows that failed or did not run.
pub(crate) fn table(rows: &[Stated]) -> String {
    let mut text =
        String::from("area                            passed  failed  missing  set aside\n");
    let mut total = RowCounts::default();
    for (area, counts) in areas(rows) {
        text.push_str(&counts.line(area));
    }
    for row in rows {
        total.add(row.status);
    }
    text.push_str(&total.line("all"));
    for row in rows {
        let why = match (row.status, &row.reason) {
            (Status::Failed, _) => "failed",
            (Status::Missing, Some(reason)) => reason,
            (Status::Passed | Status::Missing | Status::SetAside, _) => continue,
        };
        let _ = writeln!(text, "\n{}: {why}\n  {}", row.entry.id, row.tests.join("\n  "));
    }
    text
}

/// The report as JSON.
pub(crate) fn document(rows: &[Stated]) -> String {
    let areas: Vec<Value> = areas(rows)
        .into_iter()
        .map(|(area, counts)| {
            json!({
                "area": area,
                "apply": counts.apply(),
                "passed": counts.passed,
                "failed": counts.failed,
                "missing": counts.missing,
                "set_aside": counts.set_aside,
            })
        })
        .collect();
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "id": row.entry.id,
                "status": word(row.status),
                "tests": row.tests,
                "reason": row.reason,
            })
        })
        .collect();
    format!("{}\n", json!({"areas": areas, "rows": rows}))
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Passed => "passed",
        Status::Failed => "failed",
        Status::Missing => "missing",
        Status::SetAside => "set_aside",
    }
}
