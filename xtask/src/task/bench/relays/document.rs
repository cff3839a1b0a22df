//! The results as JSON, and README's table of them.
//!
//! Invariant: no figure of README is typed by hand: the table is made from the results in the tree, and a test compares
//! the two.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use cargo_metadata::MetadataCommand;
use serde_json::{Map, Value, json};

use super::super::machine;
use super::super::publish::short;
use super::super::spread::Spread;
use super::contestant::OURS;
use super::measures::RelayFigure;
use super::{Samples, figures, workspace};

const BEGIN: &str = "<!-- The relays wrote this: cargo xtask bench-relays --publish -->\n";
const END: &str = "<!-- The end of what the relays wrote -->\n";

/// Where a run leaves its results.
pub(super) fn results_path() -> Result<PathBuf, Box<dyn Error>> {
    let manifest = workspace().join("Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec()?;
    Ok(metadata.target_directory.join("bench-relays.json").into_std_path_buf())
}

fn kept_path() -> PathBuf {
    workspace().join("xtask/bench/charts/relays.json")
}

pub(super) fn document(samples: &Samples, skipped: &[&str], is_quick: bool) -> Value {
    let figure = |figure: &RelayFigure| {
        let of = samples.iter().filter(|((id, _), _)| *id == figure.id);
        let medians = of.filter_map(|((_, relay), values)| {
            let Spread { median, least, greatest } = Spread::of(values)?;
            Some((
                (*relay).to_owned(),
                json!({"median": median, "least": least, "greatest": greatest}),
            ))
        });
        let relays: Map<String, Value> = medians.collect();
        json!({"id": figure.id, "title": figure.title, "unit": figure.unit, "most": figure.most, "relays": relays})
    };
    json!({
        "machine": machine::describe(),
        "effort": if is_quick { "quick" } else { "full" },
        "figures": figures().map(figure).collect::<Vec<Value>>(),
        "skipped": skipped,
    })
}

/// Copies the results of the last full run into the tree, and writes README's table.
pub(super) fn publish() -> Result<(), Box<dyn Error>> {
    let results: Value = serde_json::from_str(&fs::read_to_string(results_path()?)?)?;
    if results["effort"] != "full" {
        return Err("only a full run is for README: run cargo xtask bench-relays first".into());
    }
    let readme = workspace().join("README.md");
    let text = fs::read_to_string(&readme)?;
    let (before, rest) = text.split_once(BEGIN).ok_or("README.md has no place for the relays")?;
    let (_, after) = rest.split_once(END).ok_or("README.md has no end of the relays' place")?;
    fs::write(readme, format!("{before}{BEGIN}{}{END}{after}", block(&results)))?;
    fs::write(kept_path(), format!("{results:#}\n"))?;
    Ok(())
}

/// The text between the marks: ours, and ours divided by each other.
pub(super) fn block(results: &Value) -> String {
    let machine = &results["machine"];
    let of = |key: &str| machine[key].as_str().unwrap_or("unknown");
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let figures = list(&results["figures"]);
    if figures.is_empty() {
        return "No full run is written down yet: see cargo xtask bench-relays --help.\n"
            .to_owned();
    }
    let mut others: Vec<String> = Vec::new();
    for relays in figures.iter().filter_map(|figure| figure["relays"].as_object()) {
        others.extend(relays.keys().filter(|name| *name != OURS).cloned());
    }
    others.sort_by_key(|name| name.to_lowercase());
    others.dedup();
    let mut text = format!(
        "Measured on {} ({}, {} cores, {}); medians; ours divided by the other's; what misses its goal, 0.80 x for\n\
         processor time and 1.00 x for memory and time, is bold.\n\n| what | {OURS} | {} |\n|---|--:|{}\n",
        of("date"),
        of("processor"),
        machine["cores"],
        of("system"),
        others.join(" | "),
        "--:|".repeat(others.len()),
    );
    for figure in &figures {
        let median = |name: &str| figure["relays"][name]["median"].as_f64();
        let Some(ours) = median(OURS) else { continue };
        let unit = figure["unit"].as_str().unwrap_or_default();
        let title = figure["title"].as_str().unwrap_or_default();
        text += &format!("| {title} | {} {unit} |", short(ours));
        for other in &others {
            text += &match median(other).map(|other| ours / other) {
                None => " |".to_owned(),
                Some(ratio) if figure["most"].as_f64().is_some_and(|most| ratio > most) => {
                    format!(" **{} x** |", short(ratio))
                }
                Some(ratio) => format!(" {} x |", short(ratio)),
            };
        }
        text.push('\n');
    }
    let skipped: Vec<_> =
        list(&results["skipped"]).iter().filter_map(|it| it.as_str().map(str::to_owned)).collect();
    if !skipped.is_empty() {
        text += &format!("\nNot installed there: {}.\n", skipped.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_readme_says_of_the_relays_is_what_the_results_say() {
        let text = fs::read_to_string(workspace().join("README.md")).unwrap();
        let (_, rest) = text.split_once(BEGIN).unwrap();
        let (written, _) = rest.split_once(END).unwrap();
        let kept: Value = serde_json::from_str(&fs::read_to_string(kept_path()).unwrap()).unwrap();
        assert_eq!(written, block(&kept));
    }

    #[test]
    fn a_ratio_above_its_goal_is_bold() {
        let relays = json!({OURS: {"median": 9.0}, "b": {"median": 10.0}, "a": {"median": 90.0}});
        let figure = json!({"title": "cost", "unit": "µs", "most": 0.8, "relays": relays});
        let text = block(&json!({"figures": [figure], "skipped": ["c"]}));
        assert!(text.contains("| what | ropewalk | a | b |\n"), "{text}");
        assert!(text.contains("| cost | 9.00 µs | 0.10 x | **0.90 x** |\n"), "{text}");
        assert!(text.ends_with("Not installed there: c.\n"), "{text}");
    }
}
