//! [`Finding`]: the lives until a planted bug was found, and the run that it was shrunk to.
//!
//! Invariant: a bug that was not found within its lives is told as such.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};

use super::bug::PlantedBug;
use super::copy::NUMBER;

/// How many lives a bug may take, and how many its shrunk run may have.
pub(super) const LIVES_MAX: u64 = 100_000;
pub(super) const SHRUNK_MAX: u64 = 3;

/// How many failing runs are shrunk for one that is small enough.
const RUNS_SHRUNK: usize = 5;

/// The seconds that one campaign may take.
const SECONDS_MAX: &str = "300";

/// A failing run of a planted bug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// The lives that were clean before the first run that failed.
    pub(super) behind: u64,
    /// The lives of the smallest shrunk run.
    pub(super) shrunk: u64,
    pub(super) token: String,
    /// The invariant that was broken.
    pub(super) what: String,
}

impl Finding {
    /// Runs lives until the bug shows; `None` if it does not, or if the program hangs.
    pub(super) fn of(
        program: &Path,
        number: usize,
        bug: &PlantedBug,
    ) -> Result<Option<Self>, Box<dyn Error>> {
        let mut best: Option<Self> = None;
        let mut seed = 0;
        for _ in 0..RUNS_SHRUNK {
            let Some(mut found) = campaign(program, number, bug, seed)? else { break };
            seed = found.seed().unwrap_or(seed) + 1;
            if let Some(before) = &best {
                found.behind = before.behind;
            }
            if best.as_ref().is_none_or(|before| found.shrunk < before.shrunk) {
                best = Some(found);
            }
            if best.as_ref().is_some_and(Self::is_small) {
                break;
            }
        }
        Ok(best)
    }

    pub(super) fn is_small(&self) -> bool {
        self.shrunk <= SHRUNK_MAX
    }

    fn seed(&self) -> Option<u64> {
        self.token.split(':').next()?.parse().ok()
    }

    /// Reads what the program printed.
    fn read(printed: &str) -> Option<Self> {
        let behind = number_behind(printed, "found behind ")?;
        let shrunk = number_behind(printed, "shrunk to a run of ")?;
        let token = printed.split_once("--replay ")?.1.split_whitespace().next()?.to_owned();
        let what = printed.split_once("a simulated run failed: ")?.1.lines().next()?.to_owned();
        Some(Self { behind, shrunk, token, what })
    }
}

/// Runs the lives of the bug's kind from a seed on.
fn campaign(
    program: &Path,
    number: usize,
    bug: &PlantedBug,
    seed: u64,
) -> Result<Option<Finding>, Box<dyn Error>> {
    let output = Command::new("timeout")
        .arg(SECONDS_MAX)
        .arg(program)
        .args(["--kind", &bug.kind, "--threads", "1"])
        .args(["--lives", &LIVES_MAX.to_string(), "--seed", &seed.to_string()])
        .env(NUMBER, number.to_string())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run the program timeout: {error}"))?;
    Ok(Finding::read(&String::from_utf8_lossy(&output.stdout)))
}

fn number_behind(text: &str, words: &str) -> Option<u64> {
    let digits = text.split_once(words)?.1;
    let end = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_the_lives_is_read_and_a_clean_one_is_no_finding() {
        let report = "plain: found behind 120 lives, shrunk to a run of 2\n\
            a simulated run failed: the lives: it panicked\nmore\n\n\
            Here: cargo xtask simulate --kind plain --replay 7:test.0=1\n";
        let found = Finding::read(report).unwrap();
        assert_eq!((found.behind, found.shrunk, found.seed()), (120, 2, Some(7)));
        assert_eq!((&*found.token, &*found.what), ("7:test.0=1", "the lives: it panicked"));
        assert_eq!(Finding::read("plain: 20000 lives in 1917 runs, 7.2 s\n"), None);
    }
}
