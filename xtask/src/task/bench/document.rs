//! The results as JSON, which the charts and README are made from.
//!
//! ```json
//! {
//!   "machine": {"date": "2026-11-21", "processor": "…", "cores": 2, "system": "…", "compiler": "…"},
//!   "effort": "full",
//!   "trials": [{
//!     "id": "echo-64-50",
//!     "title": "64 B echo over 50 connections",
//!     "figures": [{
//!       "id": "server_cpu",
//!       "unit": "ns",
//!       "peers": {"ours": {"median": 1.0, "least": 0.9, "greatest": 1.1, "ratio": 1.0}},
//!       "goals": [{"goal": "at most 1.00 x tokio", "peer": "tokio", "ratio": 0.9, "met": true}]
//!     }],
//!     "suites": {"ours": "the cipher suite that was agreed on, where TLS is spoken"},
//!     "reports": {"ours": [{"operations": 1, "…": "what the program said, round by round"}]},
//!     "skipped": {"libuv": "why"},
//!     "failed": {"tokio": "how"}
//!   }]
//! }
//! ```
//!
//! `ratio` of a peer is ours divided by its median; `ratio` and `met` of a goal are null when one of
//! the two was not measured, and `met` also where there is no bound. The form is stable: keys are added,
//! never renamed or removed. Invariant: trials and figures are in the order of the table.

use serde_json::{Map, Value, json};

use super::arguments::Effort;
use super::contest::Results;
use super::figure::Figure;
use super::goal::{Goal, Judgement};
use super::machine;

/// One object, indented, with a line feed at its end.
pub(super) fn document(results: &[Results], effort: Effort) -> String {
    let document = json!({
        "machine": machine::describe(),
        "effort": if effort == Effort::Full { "full" } else { "quick" },
        "trials": results.iter().map(trial).collect::<Vec<Value>>(),
    });
    format!("{document:#}\n")
}

fn trial(results: &Results) -> Value {
    let figures: Vec<Value> = results.trial.figures.iter().map(|it| figure(results, it)).collect();
    json!({
        "id": results.trial.id,
        "title": results.trial.title,
        "figures": figures,
        "suites": suites(results),
        "reports": results.reports,
        "skipped": results.skipped,
        "failed": results.failed,
    })
}

fn suites(results: &Results) -> Map<String, Value> {
    let named = results.reports.iter().filter_map(|(peer, reports)| {
        let suite = reports.first()?["suite"].as_str()?;
        Some(((*peer).to_owned(), suite.into()))
    });
    named.collect()
}

fn figure(results: &Results, figure: &Figure) -> Value {
    let ours = results.spread(figure, "ours").map(|spread| spread.median);
    let mut peers = Map::new();
    for peer in results.trial.peers {
        if let Some(spread) = results.spread(figure, peer) {
            let ratio = ours.map(|ours| ours / spread.median);
            let value = json!({
                "median": spread.median,
                "least": spread.least,
                "greatest": spread.greatest,
                "ratio": ratio,
            });
            peers.insert((*peer).to_owned(), value);
        }
    }
    let goals: Vec<Value> =
        figure.goals.iter().map(|goal| goal_of(results, figure, goal)).collect();
    json!({"id": figure.id, "unit": figure.unit, "peers": peers, "goals": goals})
}

fn goal_of(results: &Results, figure: &Figure, goal: &Goal) -> Value {
    let median = |peer| results.spread(figure, peer).map(|spread| spread.median);
    let (ratio, met) = match goal.judge(median("ours"), median) {
        Judgement::Measured { ratio, met } => (Some(ratio), Some(met)),
        Judgement::Shown { ratio } => (Some(ratio), None),
        Judgement::Unknown => (None, None),
    };
    json!({"goal": goal.text(figure.unit), "peer": goal.peer(), "ratio": ratio, "met": met})
}
