//! The tests that are known not to pass, each with its reason: `xtask/twisted/expected.tsv`.
//!
//! Invariant: a line whose test passes is an error, so that the list only has what does not.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::Path;

use super::results::TestResults;

/// Whether it is the kind of a reason; a deliberate difference has its number in README's list.
fn is_kind(kind: &str) -> bool {
    let is_number = |text: &str| text.parse::<u8>().is_ok_and(|number| number > 0);
    matches!(kind, "private" | "lacking") || kind.strip_prefix("different ").is_some_and(is_number)
}

/// The list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expected(BTreeMap<String, String>);

impl Expected {
    /// Reads the list.
    ///
    /// # Errors
    ///
    /// No file, or a line that is not a test, a kind and a reason.
    pub(super) fn read(file: &Path) -> Result<Self, Box<dyn Error>> {
        let text = fs::read_to_string(file)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, Box<dyn Error>> {
        let mut list = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let parts: Vec<&str> = line.split('\t').collect();
            let [test, kind, reason] = parts[..] else {
                return Err(format!("{line:?} is not a test, a kind and a reason").into());
            };
            if !is_kind(kind) || reason.is_empty() {
                return Err(format!("{test}: {kind:?} is no kind, or it has no reason").into());
            }
            if list.insert(test.to_owned(), reason.to_owned()).is_some() {
                return Err(format!("{test} is listed twice").into());
            }
        }
        Ok(Self(list))
    }

    /// Whether a test is listed, or its class.
    fn lists(&self, id: &str) -> bool {
        let class = id.rsplit_once('.').map(|(class, _)| class);
        self.0.contains_key(id) || class.is_some_and(|class| self.0.contains_key(class))
    }

    /// The complaints, a line each: failures that are not listed, and listed tests that pass.
    pub(super) fn complaints(&self, outcomes: &TestResults) -> Vec<String> {
        let worse: BTreeSet<&str> = outcomes.worse().map(|(id, _)| id).collect();
        let unlisted = outcomes.worse().filter(|(id, _)| !self.lists(id)).map(|(id, pair)| {
            format!("{id} does not pass, and passes on Twisted's reactor: {}\n", pair.why)
        });
        let passing = self
            .0
            .keys()
            .filter(|id| outcomes.has(id) && !worse.contains(&***id))
            .map(|id| format!("{id} passes, so expected.tsv has to list it no more\n"));
        unlisted.chain(passing).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::environment::sources;
    use super::*;

    #[test]
    fn each_difference_of_the_list_has_its_number_in_the_page() {
        let read = |name: &str| fs::read_to_string(sources().join(name)).unwrap();
        let (list, page) = (read("expected.tsv"), read("README.md"));
        Expected::parse(&list).unwrap();
        for number in
            list.lines().filter_map(|line| line.split('\t').nth(1)?.strip_prefix("different "))
        {
            assert!(page.contains(&format!("\n{number}. ")), "{number}");
        }
    }

    #[test]
    fn a_line_is_a_test_a_kind_and_a_reason() {
        let list = Expected::parse("# words\na.B.x\tprivate\tlooks at _y\n").unwrap();
        assert_eq!(list.0["a.B.x"], "looks at _y");
        assert!(Expected::parse("a.B.x\tdifferent 3\twhy\n").is_ok());
        let wrong = [
            "a.B.x\tprivate\n",
            "a.B.x\tours\twhy\n",
            "a.B.x\tdifferent\twhy\n",
            "a\tprivate\t\n",
            "a\tprivate\tb\nb\n",
        ];
        for wrong in wrong {
            assert!(Expected::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Expected::parse("a\tprivate\tb\na\tlacking\tc\n").is_err());
    }

    #[test]
    fn what_is_not_listed_and_what_passes_are_told() {
        let line = |id: &str, outcome: &str| {
            format!("{{\"id\": \"{id}\", \"outcome\": \"{outcome}\", \"why\": \"E: no\"}}\n")
        };
        let mut outcomes = TestResults::default();
        let tests = ["a.listed", "a.unlisted", "a.mended"];
        let ours = [line(tests[0], "failed"), line(tests[1], "error"), line(tests[2], "passed")];
        outcomes.add(&ours.concat(), &tests.map(|test| line(test, "passed")).concat()).unwrap();
        let list = "a.listed\tprivate\tb\na.mended\tprivate\tb\na.of_another_suite\tlacking\tb\n";
        let complaints = Expected::parse(list).unwrap().complaints(&outcomes);
        assert_eq!(complaints.len(), 2, "{complaints:?}");
        assert!(
            complaints[0].starts_with("a.unlisted does not pass")
                && complaints[0].contains("E: no")
        );
        assert!(complaints[1].starts_with("a.mended passes"));
    }
}
