//! The table of cases and subjects, row by row as the cases run.
//!
//! Invariant: each reason for skipping is printed once, and each failure with its case and subject.

use std::fmt::Write;

use ropewalk_xtask::{Case, Row, Verdict};

/// The state of the printing: the widths, and the notes below the table.
pub(crate) struct Table {
    first_width: usize,
    subjects: Vec<String>,
    reasons: Vec<&'static str>,
    failures: Vec<String>,
    counts: VerdictCounts,
}

#[derive(Debug, Default)]
struct VerdictCounts {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Table {
    pub(crate) fn new(cases: &[Case], subjects: &[String]) -> Self {
        Self {
            first_width: cases.iter().map(|case| case.id.len()).max().unwrap_or(0),
            subjects: subjects.to_vec(),
            reasons: Vec::new(),
            failures: Vec::new(),
            counts: VerdictCounts::default(),
        }
    }

    pub(crate) fn head(&self) -> String {
        let mut line = " ".repeat(self.first_width);
        for subject in &self.subjects {
            let _ = write!(line, "  {subject:width$}", width = width(subject));
        }
        line.trim_end().to_owned() + "\n"
    }

    pub(crate) fn row(&mut self, row: &Row) -> String {
        let mut line = format!("{:1$}", row.case.id, self.first_width);
        for (subject, cell) in self.subjects.iter().zip(&row.cells) {
            let word = match &cell.verdict {
                Verdict::Passed => {
                    self.counts.passed += 1;
                    String::from("pass")
                }
                Verdict::Failed(found) => {
                    self.counts.failed += 1;
                    self.failures.push(format!(
                        "FAIL {} on {subject}\n  claim: {}\n  found: {found}\n",
                        row.case.id, row.case.title,
                    ));
                    String::from("FAIL")
                }
                Verdict::Skipped(reason) => {
                    self.counts.skipped += 1;
                    format!("skip {}", number(&mut self.reasons, reason))
                }
            };
            let _ = write!(line, "  {word:width$}", width = width(subject));
        }
        line.trim_end().to_owned() + "\n"
    }

    pub(crate) fn foot(&self) -> String {
        let mut text = String::new();
        if !self.reasons.is_empty() {
            text.push_str("\nSkipped because:\n");
            for (number, reason) in (1..).zip(&self.reasons) {
                let _ = writeln!(text, "{number:3}  {reason}");
            }
        }
        for failure in &self.failures {
            let _ = write!(text, "\n{failure}");
        }
        let VerdictCounts { passed, failed, skipped } = self.counts;
        let _ = writeln!(text, "\n{passed} passed, {failed} failed, {skipped} skipped");
        text
    }
}

/// The place of a reason in the list below the table.
fn number(reasons: &mut Vec<&'static str>, reason: &'static str) -> usize {
    let place = reasons.iter().position(|known| *known == reason);
    place.unwrap_or_else(|| {
        reasons.push(reason);
        reasons.len() - 1
    }) + 1
}

/// A width for the head and for "skip 12".
fn width(subject: &str) -> usize {
    subject.len().max(7)
}
