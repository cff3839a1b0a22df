//! The results as a table: the figures of each peer, our ratio to them, and the goals.
//!
//! Invariant: each skipped peer is listed below the table, once for each reason.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::contest::Results;
use super::figure::Figure;
use super::goal::Judgement;
use super::publish::short;

/// The whole table.
pub(super) fn table(results: &[Results]) -> String {
    let mut text = String::new();
    let mut reasons = BTreeSet::new();
    for result in results {
        let _ = writeln!(text, "{} ({})", result.trial.title, result.trial.id);
        for figure in &result.trial.figures {
            figure_rows(&mut text, result, figure);
        }
        reasons.extend(result.skipped.iter().map(|(peer, why)| format!("{peer} skipped: {why}")));
        for (peer, error) in &result.failed {
            let _ = writeln!(text, "    {peer} FAILED: {error}");
        }
    }
    for reason in reasons {
        let _ = writeln!(text, "{reason}");
    }
    let _ = write!(text, "{}", summary(results));
    text
}

fn figure_rows(text: &mut String, results: &Results, figure: &Figure) {
    let ours = results.spread(figure, "ours").map(|spread| spread.median);
    for peer in results.trial.peers {
        let Some(spread) = results.spread(figure, peer) else { continue };
        let ratio = match ours {
            Some(ours) if *peer != "ours" => format!("ours is {:.3} x", ours / spread.median),
            _ => String::new(),
        };
        let (unit, name) = (figure.unit, figure.id);
        let range = format!("{} .. {}", short(spread.least), short(spread.greatest));
        let median = short(spread.median);
        let _ =
            writeln!(text, "    {name:14} {peer:12} {median:>10} {unit:7} ({range:>21})  {ratio}");
    }
    for goal in &figure.goals {
        let median = |peer| results.spread(figure, peer).map(|spread| spread.median);
        let verdict = match goal.judge(median("ours"), median) {
            Judgement::Measured { ratio, met: true } => format!("met: {ratio:.3}"),
            Judgement::Measured { ratio, met: false } => format!("NOT MET: {ratio:.3}"),
            Judgement::Shown { ratio } => format!("{ratio:.3}"),
            Judgement::Unknown => "not measured".into(),
        };
        let _ = writeln!(text, "    goal: {}: {verdict}", goal.text(figure.unit));
    }
}

fn summary(results: &[Results]) -> String {
    let (mut met, mut missed, mut unknown) = (0, 0, 0);
    for result in results {
        for figure in &result.trial.figures {
            let median = |peer| result.spread(figure, peer).map(|spread| spread.median);
            for goal in &figure.goals {
                match goal.judge(median("ours"), median) {
                    Judgement::Measured { met: true, .. } => met += 1,
                    Judgement::Measured { met: false, .. } => missed += 1,
                    Judgement::Shown { .. } => {}
                    Judgement::Unknown => unknown += 1,
                }
            }
        }
    }
    format!("\n{met} goals met, {missed} not met, {unknown} not measured\n")
}
