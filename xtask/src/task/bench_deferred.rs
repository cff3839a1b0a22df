//! `cargo xtask bench-deferred`: a chain of callbacks beside boxed futures, tokio's oneshot and Twisted.
//!
//! The peers are in `xtask/bench/deferred`, which is not a member of the workspace. Invariant: every
//! ratio is between two figures of the same round, so that a machine that slows down affects both.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use cargo_metadata::MetadataCommand;
use lexopt::{Arg, Parser};
use serde_json::{Value, json};

use super::{note, output, print};

const HELP: &str = "\
cargo xtask bench-deferred [--quick]

Measures a chain of ten callbacks, built and fired, and tokio's oneshot, boxed futures and Twisted's
Deferred in turns; prints the figures and their ratios, and writes target/bench-deferred.json. Twisted is
installed below the target directory, and left out with the reason where it can't be had.
  --quick   two rounds: for trying the bench, not for figures

Exit codes: 0 all was measured (goals may be missed), 1 something failed, 64 the arguments were not
understood.
";

const ROUNDS: usize = 5;
const ROUNDS_QUICK: usize = 2;

/// The version of Twisted that Ropewalk follows.
const TWISTED: &str = "26.10.0";

/// The benches of criterion, each with the divisor of its figure: a chain has ten links.
const MEASURED: [(&str, f64); 5] = [
    ("deferred-10-pending", 10.0),
    ("deferred-10-fired", 10.0),
    ("futures-10-boxed", 10.0),
    ("oneshot-one-task", 1.0),
    ("oneshot-hand-over", 1.0),
];

const OURS: &str = "deferred-10-pending";
const THEIRS: &str = "twisted-10";

/// The ratios, each of the first to the second, with its goal.
const RATIOS: [(&str, &str, &str); 4] = [
    (OURS, "oneshot-hand-over", "at most 0.4"),
    (OURS, "oneshot-one-task", ""),
    (OURS, "futures-10-boxed", ""),
    (THEIRS, OURS, "at least 30"),
];

/// The nanoseconds of one bench, by round.
struct Series {
    name: &'static str,
    rounds: Vec<f64>,
}

pub(crate) fn bench_deferred(mut parser: Parser) -> Result<ExitCode, lexopt::Error> {
    let mut rounds = ROUNDS;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("quick") => rounds = ROUNDS_QUICK,
            Arg::Long("help") | Arg::Short('h') => return print(HELP),
            other => return Ok(super::misused(&other.unexpected(), HELP)),
        }
    }
    measure(rounds).or_else(|error| {
        note(&format!("cargo xtask bench-deferred: {error}\n"));
        Ok(ExitCode::FAILURE)
    })
}

fn measure(rounds: usize) -> Result<ExitCode, Box<dyn Error>> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(workspace).no_deps().exec()?;
    let target = metadata.target_directory.into_std_path_buf();
    let twisted = install_twisted(&target);
    if let Err(reason) = &twisted {
        note(&format!("Twisted is left out: {reason}\n"));
    }
    let mut figures: Vec<Series> =
        MEASURED.iter().map(|(name, _)| Series { name, rounds: Vec::new() }).collect();
    let mut theirs = Series { name: THEIRS, rounds: Vec::new() };
    for round in 1..=rounds {
        note(&format!("round {round} of {rounds}\n"));
        let directory = target.join("bench-deferred");
        run_criterion(&directory)?;
        for (figure, (name, links)) in figures.iter_mut().zip(MEASURED) {
            figure.rounds.push(criterion_median(&directory, name)? / links);
        }
        if let Ok(python) = &twisted {
            theirs.rounds.push(twisted_median(python)? / 10.0);
        }
    }
    figures.push(theirs);
    print(&table(&figures))?;
    let document = document(&figures, twisted.err());
    fs::write(target.join("bench-deferred.json"), document)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs all benches once; criterion writes the results into the directory.
fn run_criterion(directory: &Path) -> Result<(), Box<dyn Error>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["bench", "--quiet", "--locked", "--manifest-path"]);
    command.arg(sources().join("Cargo.toml")).arg("--target-dir").arg(directory);
    command.env("CRITERION_HOME", directory.join("criterion"));
    output(&mut command)?;
    Ok(())
}

/// The median of criterion's last run, in nanoseconds an iteration.
fn criterion_median(directory: &Path, name: &str) -> Result<f64, Box<dyn Error>> {
    let file = directory.join("criterion").join(name).join("new/estimates.json");
    let estimates: Value = serde_json::from_str(&fs::read_to_string(&file)?)?;
    let median = estimates["median"]["point_estimate"].as_f64();
    median.ok_or_else(|| format!("{} has no median", file.display()).into())
}

fn twisted_median(python: &Path) -> Result<f64, Box<dyn Error>> {
    let lines = output(Command::new(python).arg("-B").arg(sources().join("twisted_chain.py")))?;
    let samples: Result<Vec<f64>, _> = lines.lines().map(str::parse).collect();
    Ok(spread(&samples?).ok_or("Twisted's script measured nothing")?[1])
}

/// The Python of an environment with Twisted, which is installed if it is missing.
fn install_twisted(target: &Path) -> Result<PathBuf, String> {
    let directory = target.join("bench-deferred").join(format!("twisted-{TWISTED}"));
    let python = directory.join("bin/python");
    let check = format!("import twisted; assert twisted.__version__ == '{TWISTED}'");
    let run = |command: &mut Command| output(command).map_err(|error| error.to_string());
    if run(Command::new(&python).args(["-c", &check])).is_ok() {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&directory))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run(Command::new(&python).args(pip).arg(format!("twisted=={TWISTED}")))?;
    run(Command::new(&python).args(["-c", &check]))?;
    Ok(python)
}

fn table(figures: &[Series]) -> String {
    let mut text = format!("{:44}{:>9}{:>9}{:>9}\n", "nanoseconds", "median", "least", "most");
    for Series { name, rounds } in figures {
        let unit = if name.starts_with("oneshot") { "a hand-over" } else { "a link" };
        text += &line(&format!("{name}, {unit}"), rounds, "");
    }
    text += "\nratios\n";
    for (over, under, goal) in RATIOS {
        text += &line(&format!("{over} / {under}"), &ratios(figures, over, under), goal);
    }
    text
}

fn line(what: &str, values: &[f64], goal: &str) -> String {
    let Some([least, median, most]) = spread(values) else {
        return format!("{what:44}  not measured\n");
    };
    let line = format!("{what:44}{median:>9.2}{least:>9.2}{most:>9.2}  {goal}");
    line.trim_end().to_owned() + "\n"
}

fn document(figures: &[Series], twisted: Option<String>) -> String {
    let of = |values: &[f64]| match spread(values) {
        Some([least, median, most]) => json!({"median": median, "least": least, "most": most}),
        None => Value::Null,
    };
    let nanoseconds: serde_json::Map<String, Value> =
        figures.iter().map(|it| (it.name.to_owned(), of(&it.rounds))).collect();
    let ratios = RATIOS.map(|(over, under, goal)| {
        let ratio = of(&ratios(figures, over, under));
        json!({"of": over, "to": under, "goal": goal, "ratio": ratio})
    });
    let document =
        json!({"nanoseconds": nanoseconds, "ratios": ratios, "twisted_left_out": twisted});
    format!("{document:#}\n")
}

/// The ratios, round by round.
fn ratios(figures: &[Series], over: &str, under: &str) -> Vec<f64> {
    let rounds = |name: &str| {
        let figure = figures.iter().find(|figure| figure.name == name);
        figure.map_or(&[][..], |figure| &figure.rounds)
    };
    rounds(over).iter().zip(rounds(under)).map(|(over, under)| over / under).collect()
}

/// The least, the median (the upper one of two) and the greatest; `None` of an empty list.
fn spread(values: &[f64]) -> Option<[f64; 3]> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some([*sorted.first()?, sorted[sorted.len() / 2], *sorted.last()?])
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/deferred")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_of_the_same_round_and_none_without_both() {
        let figure = |name, rounds: &[f64]| Series { name, rounds: rounds.to_vec() };
        let figures = [figure("a", &[10.0, 40.0, 90.0]), figure("b", &[5.0, 10.0, 30.0])];
        assert_eq!(ratios(&figures, "a", "b"), [2.0, 4.0, 3.0]);
        assert_eq!(spread(&ratios(&figures, "a", "b")), Some([2.0, 3.0, 4.0]));
        assert_eq!(spread(&ratios(&figures, "a", "missing")), None);
    }
}
