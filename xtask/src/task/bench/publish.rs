//! The results in README: a table between two marks, and charts beside the results.
//!
//! Invariant: no figure of README is typed by hand: the block is generated from the results in the
//! tree, and a test compares the two.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::programs::Programs;

const BEGIN: &str = "<!-- The bench wrote this: cargo xtask bench --publish -->\n";
const END: &str = "<!-- The end of what the bench wrote -->\n";

/// Copies the results of the last run into the tree, draws the charts and writes README's block.
pub(super) fn publish(programs: &Programs, trials: usize) -> Result<(), Box<dyn Error>> {
    let file = programs.target.join("bench.json");
    let mut results: Value = serde_json::from_str(&fs::read_to_string(file)?)?;
    if results["effort"] != "full" || list(&results, "trials").len() != trials {
        return Err(
            "only a full run of all trials is for README: run cargo xtask bench first".into()
        );
    }
    for trial in results["trials"].as_array_mut().into_iter().flatten() {
        // The raw reports are long, and README does not use them.
        trial.as_object_mut().map(|trial| trial.remove("reports"));
    }
    let charts = charts();
    fs::create_dir_all(&charts)?;
    let kept = charts.join("results.json");
    fs::write(&kept, format!("{results:#}\n"))?;
    let status = Command::new(programs.draw()).arg(&kept).arg(&charts).status()?;
    if !status.success() {
        return Err(format!("bench-draw: {status}").into());
    }
    let readme = readme();
    let text = fs::read_to_string(&readme)?;
    let (before, rest) = text.split_once(BEGIN).ok_or("README.md has no place for the bench")?;
    let (_, after) = rest.split_once(END).ok_or("README.md has no end of the bench's place")?;
    fs::write(readme, format!("{before}{BEGIN}{}{END}{after}", block(&results)))?;
    Ok(())
}

/// The text between the marks.
fn block(results: &Value) -> String {
    let machine = &results["machine"];
    let of = |key: &str| machine[key].as_str().unwrap_or("unknown");
    let mut text = format!(
        "Measured on {} ({}, {} cores, {}, {}); medians; what misses its goal is bold.\n\n",
        of("date"),
        of("processor"),
        machine["cores"],
        of("system"),
        of("compiler"),
    );
    text += "| what | ours | beside the others (goal) |\n|---|--:|---|\n";
    for trial in list(results, "trials") {
        for figure in list(trial, "figures") {
            let goals = list(figure, "goals");
            let Some(ours) = figure["peers"]["ours"]["median"].as_f64() else { continue };
            if goals.is_empty() {
                continue;
            }
            let unit = figure["unit"].as_str().unwrap_or_default();
            let goals: Vec<String> = goals.iter().map(goal).collect();
            let title = title(trial, figure);
            let _ = writeln!(text, "| {title} | {} {unit} | {} |", short(ours), goals.join(", "));
        }
    }
    text + &spoken(list(results, "trials"))
}

/// The negotiated cipher suites, if the trials use TLS.
fn spoken(trials: &[Value]) -> String {
    let suites = trials.iter().filter_map(|trial| trial["suites"].as_object()).flatten();
    let spoken: BTreeSet<(&str, &str)> =
        suites.filter_map(|(peer, suite)| Some((peer.as_str(), suite.as_str()?))).collect();
    let spoken: Vec<String> =
        spoken.iter().map(|(peer, suite)| format!("{peer} speaks {suite}")).collect();
    if spoken.is_empty() {
        return String::new();
    }
    let same = "tokio-aes128 is tokio told to prefer AES-128, as ours does";
    format!("\nWith TLS, {}; {same}.\n", spoken.join(", "))
}

/// The trial's title, with the figure's name where one trial has several with goals.
fn title(trial: &Value, figure: &Value) -> String {
    let title = trial["title"].as_str().unwrap_or_default();
    let with_goals = list(trial, "figures").iter().filter(|it| !list(it, "goals").is_empty());
    if with_goals.count() < 2 {
        return title.to_owned();
    }
    let name = figure["id"].as_str().unwrap_or_default();
    let name = match name {
        "idle_bytes" => "when new",
        "carried_bytes" => "after a message of 64 KiB",
        "first_insert" => "insert, in fresh memory",
        "insert" => "insert, in memory that was used before",
        "bytes" => "memory",
        name => name,
    };
    format!("{title}: {name}")
}

fn goal(goal: &Value) -> String {
    let words = goal["goal"].as_str().unwrap_or_default();
    let Some(ratio) = goal["ratio"].as_f64() else { return format!("not measured ({words})") };
    let text = match goal["peer"].as_str() {
        Some(peer) if goal["met"].is_null() => return format!("{} x {peer}", short(ratio)),
        Some(peer) => {
            let bound = words.trim_end_matches(peer).trim_end_matches(" x ");
            format!("{} x {peer} ({bound})", short(ratio))
        }
        None => words.to_owned(),
    };
    if goal["met"] == true { text } else { format!("**{text}**") }
}

/// The number with three significant digits, and all digits before the point.
pub(super) fn short(number: f64) -> String {
    let digits = match number.abs() {
        0.0..0.1 => 3,
        0.1..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    };
    format!("{number:.digits$}")
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn charts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/charts")
}

fn readme() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_readme_says_of_the_bench_is_what_the_results_say() {
        let kept = fs::read_to_string(charts().join("results.json")).unwrap();
        let results: Value = serde_json::from_str(&kept).unwrap();
        let text = fs::read_to_string(readme()).unwrap();
        let (_, rest) = text.split_once(BEGIN).unwrap();
        let (written, _) = rest.split_once(END).unwrap();
        assert_eq!(written, block(&results));
    }

    #[test]
    fn a_goal_that_is_missed_is_bold() {
        let one = |met| {
            let words = "at most 0.20 x tokio";
            goal(&serde_json::json!({"goal": words, "peer": "tokio", "ratio": 0.25, "met": met}))
        };
        assert_eq!(one(true), "0.25 x tokio (at most 0.20)");
        assert_eq!(one(false), "**0.25 x tokio (at most 0.20)**");
    }

    #[test]
    fn what_has_no_bound_is_never_bold() {
        let shown = serde_json::json!({"goal": "none", "peer": "b", "ratio": 1.5, "met": null});
        assert_eq!(goal(&shown), "1.50 x b");
    }

    #[test]
    fn it_is_said_who_spoke_which_cipher_suite() {
        let trial = serde_json::json!({"suites": {"ours": "A", "tokio": "B"}});
        let said = spoken(&[serde_json::json!({"suites": {}}), trial.clone(), trial]);
        assert!(said.starts_with("\nWith TLS, ours speaks A, tokio speaks B; "), "{said}");
        assert_eq!(spoken(&[]), "");
    }
}
