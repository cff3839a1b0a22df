//! How each test ended, on our reactor and on the control.
//!
//! Invariant: a test that one of the two did not run counts as an error there.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Display;

use serde_json::Value;

/// How one test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TestResult {
    Passed,
    Skipped,
    Failed,
    Error,
}

impl TestResult {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "passed" => Self::Passed,
            "skipped" => Self::Skipped,
            "failed" => Self::Failed,
            "error" => Self::Error,
            _ => return None,
        })
    }
}

/// One test on both.
#[derive(Clone, Debug)]
pub(super) struct BothResults {
    ours: TestResult,
    /// The first line of our error.
    pub(super) why: String,
    control: TestResult,
}

impl BothResults {
    fn is_worse(&self) -> bool {
        let passes = |outcome| matches!(outcome, TestResult::Passed | TestResult::Skipped);
        !passes(self.ours) && passes(self.control)
    }
}

/// The tests by their ids.
#[derive(Debug, Default)]
pub(super) struct TestResults(BTreeMap<String, BothResults>);

impl TestResults {
    /// Adds what the judge has printed.
    ///
    /// # Errors
    ///
    /// A line that it does not print.
    pub(super) fn add(&mut self, ours: &str, control: &str) -> Result<(), Box<dyn Error>> {
        let missing = || BothResults {
            ours: TestResult::Error,
            why: "it was not run".to_owned(),
            control: TestResult::Error,
        };
        for line in ours.lines() {
            let (id, outcome, why) = parse(line)?;
            let pair = self.0.entry(id).or_insert_with(missing);
            (pair.ours, pair.why) = (outcome, why);
        }
        for line in control.lines() {
            let (id, outcome, _) = parse(line)?;
            self.0.entry(id).or_insert_with(missing).control = outcome;
        }
        Ok(())
    }

    /// The tests that the control passes and ours does not.
    pub(super) fn worse(&self) -> impl Iterator<Item = (&str, &BothResults)> {
        self.0.iter().filter(|(_, pair)| pair.is_worse()).map(|(id, pair)| (&**id, pair))
    }

    /// Whether a test was run.
    pub(super) fn has(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// Takes what a further run says of the tests that were worse, if they were not so there.
    pub(super) fn settle(&mut self, again: &Self) {
        for (id, pair) in self.0.iter_mut().filter(|(_, pair)| pair.is_worse()) {
            if let Some(better) = again.0.get(id).filter(|again| !again.is_worse()) {
                *pair = better.clone();
            }
        }
    }

    /// The first line of a table.
    pub(super) fn heading(name: &str) -> String {
        row(name, &["passed", "failed", "errors", "skipped", "control"])
    }

    /// The numbers of all, as a line of a table.
    pub(super) fn sums(&self, name: &str) -> String {
        let mut all = Numbers::default();
        self.0.values().for_each(|pair| all.count(pair));
        all.row(name)
    }

    /// The numbers of each class, and of all.
    pub(super) fn table(&self) -> String {
        let mut classes = BTreeMap::<&str, Numbers>::new();
        for (id, pair) in &self.0 {
            let class = id.rsplit_once('.').map_or(&**id, |(class, _)| class);
            classes.entry(class).or_default().count(pair);
        }
        let mut text = Self::heading("");
        text.extend(classes.iter().map(|(class, numbers)| numbers.row(class)));
        text + &self.sums("all")
    }
}

/// How many tests passed, failed, ended with an error, were skipped, and passed on the control.
#[derive(Default)]
struct Numbers([usize; 5]);

impl Numbers {
    fn count(&mut self, pair: &BothResults) {
        let place = match pair.ours {
            TestResult::Passed => 0,
            TestResult::Failed => 1,
            TestResult::Error => 2,
            TestResult::Skipped => 3,
        };
        self.0[place] += 1;
        self.0[4] += usize::from(pair.control == TestResult::Passed);
    }

    fn row(&self, name: &str) -> String {
        row(name, &self.0)
    }
}

fn row(name: &str, cells: &[impl Display; 5]) -> String {
    let [passed, failed, errors, skipped, control] = cells;
    format!("{name:78}{passed:>8}{failed:>8}{errors:>8}{skipped:>8}{control:>9}\n")
}

fn parse(line: &str) -> Result<(String, TestResult, String), Box<dyn Error>> {
    let value: Value = serde_json::from_str(line)?;
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    let parsed = || Some((text("id")?, TestResult::named(&text("outcome")?)?, text("why")?));
    parsed().ok_or_else(|| format!("the judge printed {line:?}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str, outcome: &str) -> String {
        format!("{{\"id\": \"{id}\", \"outcome\": \"{outcome}\", \"why\": \"\"}}\n")
    }

    #[test]
    fn a_test_is_worse_only_where_the_control_passes() {
        let mut outcomes = TestResults::default();
        let ours = [
            line("a.B.both", "failed"),
            line("a.B.ours", "error"),
            line("a.B.none", "passed"),
            line("a.B.left_out", "failed"),
        ];
        let control = [
            line("a.B.both", "error"),
            line("a.B.ours", "passed"),
            line("a.B.not_run", "passed"),
            line("a.B.left_out", "skipped"),
        ];
        outcomes.add(&ours.concat(), &control.concat()).unwrap();
        let worse: Vec<&str> = outcomes.worse().map(|(id, _)| id).collect();
        assert_eq!(worse, ["a.B.left_out", "a.B.not_run", "a.B.ours"]);
        assert!(outcomes.add("{}", "").is_err());
    }

    #[test]
    fn a_test_that_is_better_in_a_further_run_is_settled_and_one_that_is_not_stays() {
        let run = |outcomes: [&str; 2]| {
            let ours = [line("a.B.x", outcomes[0]), line("a.B.y", outcomes[1])];
            let control = [line("a.B.x", "passed"), line("a.B.y", "passed")];
            let mut results = TestResults::default();
            results.add(&ours.concat(), &control.concat()).unwrap();
            results
        };
        let mut results = run(["failed", "error"]);
        results.settle(&run(["passed", "failed"]));
        assert_eq!(results.worse().map(|(id, _)| id).collect::<Vec<_>>(), ["a.B.y"]);
    }

    #[test]
    fn the_table_has_a_line_for_each_class_and_one_for_all() {
        let mut outcomes = TestResults::default();
        let ours = [line("a.B.x", "passed"), line("a.B.y", "failed"), line("a.C.z", "skipped")];
        outcomes.add(&ours.concat(), &line("a.B.x", "passed")).unwrap();
        let table = outcomes.table();
        let rows: Vec<Vec<&str>> =
            table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[1], ["a.B", "1", "1", "0", "0", "1"]);
        assert_eq!(rows[2], ["a.C", "0", "0", "0", "1", "0"]);
        assert_eq!(rows[3], ["all", "1", "1", "0", "1", "1"]);
    }
}
