//! The results as JSON.
//!
//! The form is stable: keys are added, never renamed or removed.
//!
//! ```json
//! {
//!   "subjects": ["tcp4", "…"],
//!   "cases": [{
//!     "id": "stream/written-at-once",
//!     "area": "stream",
//!     "claim": "what connection_made writes …",
//!     "rows": ["stream-010"],
//!     "results": [{"subject": "tcp4", "verdict": "passed", "text": null, "milliseconds": 2}]
//!   }],
//!   "totals": {"passed": 1, "failed": 0, "skipped": 0}
//! }
//! ```
//!
//! `verdict` is `passed`, `failed` or `skipped`; `text` has the contradiction of the claim, or the reason
//! why the subject was skipped. Invariant: the cases and results are in the order of the table.

use ropewalk_xtask::{Cell, Row, Verdict};
use serde_json::{Value, json};

/// One object, indented, with a line feed at its end.
pub(crate) fn document(subjects: &[String], rows: &[Row]) -> String {
    let cases: Vec<Value> = rows.iter().map(|row| case(subjects, row)).collect();
    let count = |word: &str| {
        let cells = rows.iter().flat_map(|row| &row.cells);
        cells.filter(|cell| verdict(cell).0 == word).count()
    };
    let document = json!({
        "subjects": subjects,
        "cases": cases,
        "totals": {
            "passed": count("passed"),
            "failed": count("failed"),
            "skipped": count("skipped"),
        },
    });
    format!("{document:#}\n")
}

fn case(subjects: &[String], row: &Row) -> Value {
    let results: Vec<Value> =
        subjects.iter().zip(&row.cells).map(|(subject, cell)| result(subject, cell)).collect();
    json!({
        "id": row.case.id,
        "area": row.case.area(),
        "claim": row.case.title,
        "rows": row.case.rows,
        "results": results,
    })
}

fn result(subject: &str, cell: &Cell) -> Value {
    let (word, text) = verdict(cell);
    let milliseconds = u64::try_from(cell.took.as_millis()).unwrap_or(u64::MAX);
    json!({"subject": subject, "verdict": word, "text": text, "milliseconds": milliseconds})
}

fn verdict(cell: &Cell) -> (&'static str, Option<&str>) {
    match &cell.verdict {
        Verdict::Passed => ("passed", None),
        Verdict::Failed(found) => ("failed", Some(found)),
        Verdict::Skipped(reason) => ("skipped", Some(reason)),
    }
}
