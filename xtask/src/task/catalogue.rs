//! The project's copy of the catalogue: the id of each row, its verdict, and the tests that state it.
//!
//! `catalogue.tsv` has five columns: id, area, verdict (`yes`, `adapt`, `no`), tests (separated by
//! blanks, each as `directory/tests/file.rs::name`, or `directory/src/lib.rs::module::name`), and for
//! `no` the reason. Cases of the conformance suite name their rows themselves and are not in the file.
//! Invariant: no two rows have the same id.

use std::collections::BTreeSet;

const TEXT: &str = include_str!("../../catalogue.tsv");

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: &'static str,
    pub(crate) area: &'static str,
    pub(crate) applies: Applies,
    pub(crate) tests: Vec<&'static str>,
}

/// The verdict on a row: whether it applies to this project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Applies {
    /// It applies, as it stands or adapted to a typed language.
    Yes,
    /// It does not apply, for this reason.
    No(&'static str),
}

/// Reads the file, which is compiled into this program.
pub(crate) fn catalogue() -> Result<Vec<Entry>, String> {
    let mut ids = BTreeSet::new();
    let lines = TEXT.lines().enumerate().skip(1);
    lines
        .map(|(number, line)| {
            let entry = entry(line).ok_or_else(|| wrong(number, "five columns are needed"))?;
            if !ids.insert(entry.id) {
                return Err(wrong(number, "the id was there before"));
            }
            Ok(entry)
        })
        .collect()
}

fn wrong(number: usize, what: &str) -> String {
    format!("catalogue.tsv, line {}: {what}", number + 1)
}

fn entry(line: &'static str) -> Option<Entry> {
    let columns: Vec<&'static str> = line.split('\t').collect();
    let [id, area, verdict, tests, reason] = columns.try_into().ok()?;
    let applies = match (verdict, reason) {
        ("yes" | "adapt", "") => Applies::Yes,
        ("no", reason) if !reason.is_empty() => Applies::No(reason),
        _ => return None,
    };
    Some(Entry { id, area, applies, tests: tests.split_whitespace().collect() })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_file_can_be_read_and_every_case_names_rows_that_apply() {
        let entries = catalogue().expect("the file is part of this program");
        for case in ropewalk_xtask::all_cases() {
            for row in case.rows {
                let entry = entries.iter().find(|entry| entry.id == *row);
                let applies = entry.map(|entry| entry.applies);
                assert_eq!(applies, Some(Applies::Yes), "{row}, which {} names", case.id);
            }
        }
    }

    #[test]
    fn every_test_that_a_row_names_is_in_the_source() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut folders = BTreeMap::new();
        for test in catalogue().expect("it is read").iter().flat_map(|entry| &entry.tests) {
            let (file, path) = test.split_once("::").expect("a file and a path in it");
            assert!(root.join(file).is_file(), "{test}: there is no file {file}");
            let folder = root.join(file).parent().expect("a file has a folder").to_owned();
            let text = folders.entry(folder.clone()).or_insert_with(|| text_of(&folder));
            let name = path.rsplit("::").next().unwrap_or(path);
            assert!(text.contains(&format!("fn {name}(")), "{test}: there is no such test");
        }
    }

    /// All source text below a folder.
    fn text_of(folder: &Path) -> String {
        let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file"));
        let texts = entries.map(|entry| match entry.path() {
            path if path.is_dir() => text_of(&path),
            path => fs::read_to_string(path).unwrap_or_default(),
        });
        texts.collect()
    }

    #[test]
    fn a_row_that_is_set_aside_has_a_reason_and_no_test() {
        assert_eq!(entry("time-001\ttime\tno\t\t"), None);
        assert_eq!(entry("time-001\ttime\tperhaps\t\t"), None);
        assert_eq!(entry("time-001\ttime\tyes\t"), None);
        let aside = |entry: &Entry| entry.applies != Applies::Yes;
        let entries = catalogue().expect("the file is part of this program");
        assert!(entries.iter().filter(|entry| aside(entry)).all(|entry| entry.tests.is_empty()));
    }
}
