//! The rules for every source file: headers, sizes, words, names, borrows, and arrows between modules.
//!
//! This file has the rules about lines of text; each other rule has a file of its own.
//! Invariant: no rule repeats a check of the compiler or of clippy.

#[path = "../workspace/mod.rs"]
mod workspace;

mod aliases;
mod arrows;
mod borrows;
mod excused;
mod layers;
mod names;
mod source;
mod words;

use std::path::{Path, PathBuf};

use workspace::{assert_none, files, text};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

/// Files that may be longer, each with the reason against splitting it.
const LONG_FILES: [(&str, &str); 0] = [];

/// Functions that may be longer, as `FILE: NAME`, each with its reason.
const LONG_FUNCTIONS: [(&str, &str); 0] = [];

/// The beginnings of paths that exist on one machine only. Each is in two halves, as the rule reads this
/// file too.
const MACHINE_PATHS: [(&str, &str); 5] =
    [("/ho", "me/"), ("/ro", "ot/"), ("/Us", "ers/"), ("/wo", "rk/"), ("C:\\", "Users")];

#[test]
fn every_source_file_opens_by_saying_what_lives_there() {
    let mut mute = Vec::new();
    for file in files() {
        let header = match extension(&file) {
            "rs" => "//! ",
            "c" | "h" => "// ",
            "py" => "\"\"\"",
            _ => continue,
        };
        if !text(&file).starts_with(header) {
            mute.push(format!("{} has no header that begins with {header}", file.display()));
        }
    }
    assert_none(&mute);
}

#[test]
fn no_line_ends_in_blanks_and_every_file_ends_with_its_last_line() {
    let mut litter = Vec::new();
    for file in texts() {
        let text = text(&file);
        for (number, line) in (1..).zip(text.lines()) {
            if line.ends_with([' ', '\t', '\r']) {
                litter.push(format!("{}:{number} ends in blanks", file.display()));
            }
        }
        if !text.is_empty() && (!text.ends_with('\n') || text.ends_with("\n\n")) {
            litter.push(format!("{} does not end with one line's end", file.display()));
        }
    }
    assert_none(&litter);
}

#[test]
fn no_file_names_a_path_of_somebodys_machine() {
    let paths = MACHINE_PATHS.map(|(half, other)| format!("{half}{other}"));
    let mut named = Vec::new();
    for file in texts() {
        for (number, line) in (1..).zip(text(&file).lines()) {
            if paths.iter().any(|path| line.contains(path)) {
                named.push(format!("{}:{number} names a machine's path", file.display()));
            }
        }
    }
    assert_none(&named);
}

#[test]
fn no_source_file_is_too_long_to_be_about_one_thing() {
    let mut long = Vec::new();
    let languages = |file: &PathBuf| matches!(extension(file), "rs" | "c" | "h" | "py");
    for file in files().into_iter().filter(languages) {
        let lines = text(&file).lines().count();
        if lines > FILE_LINES_MAX && !is_excused(&LONG_FILES, &file.to_string_lossy()) {
            long.push(format!("{} has {lines} lines", file.display()));
        }
    }
    assert_none(&long);
}

#[test]
fn no_function_is_too_long_to_be_read_at_a_sight() {
    let mut long = Vec::new();
    for file in sources() {
        for (name, lines) in functions(&text(&file)) {
            let place = format!("{}: {name}", file.display());
            if lines > FUNCTION_LINES_MAX && !is_excused(&LONG_FUNCTIONS, &place) {
                long.push(format!("{place} has {lines} lines"));
            }
        }
    }
    assert_none(&long);
}

#[test]
fn warnings_are_denied_by_the_checks_and_never_by_a_source() {
    let attribute = concat!("deny(", "warnings)");
    let denying = sources().into_iter().filter(|file| text(file).contains(attribute));
    assert_none(
        &denying.map(|file| format!("{} denies warnings", file.display())).collect::<Vec<_>>(),
    );
}

#[test]
fn the_length_of_a_function_is_counted_from_its_name_to_its_brace() {
    let source = "\
impl A {
    pub(crate) fn one(&self) {}
    fn declared(&self);
    const fn two(
        &self,
    ) -> u8
    where
        Self: Sized,
    {
        1
    }
}
async fn three() {
    let inner = || {
    };
}
";
    let expected = [("one", 1), ("two", 8), ("three", 4)];
    assert_eq!(functions(source), expected.map(|(name, lines)| (String::from(name), lines)));
}

fn sources() -> Vec<PathBuf> {
    files().into_iter().filter(|file| extension(file) == "rs").collect()
}

/// The files that people write, without lock files and generated tables.
fn texts() -> Vec<PathBuf> {
    let written = |file: &PathBuf| {
        matches!(extension(file), "rs" | "c" | "h" | "py" | "toml" | "md")
            || file.starts_with(".ci")
    };
    files().into_iter().filter(written).collect()
}

fn extension(file: &Path) -> &str {
    file.extension().and_then(|extension| extension.to_str()).unwrap_or("")
}

fn is_excused(excuses: &[(&str, &str)], place: &str) -> bool {
    excuses.iter().any(|(excused, reason)| *excused == place && !reason.is_empty())
}

/// The names and lengths of the functions with a body. It relies on rustfmt: a function ends at the next
/// line that begins with a brace at the function's own indentation.
fn functions(source: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = source.lines().collect();
    let measure = |(at, line): (usize, &&str)| {
        let name = function_name(line)?;
        Some((name, function_lines(&lines[at..], indentation(line))?))
    };
    lines.iter().enumerate().filter_map(measure).collect()
}

/// The name of the function that begins on this line.
fn function_name(line: &str) -> Option<String> {
    let (before, after) = line.split_once("fn ")?;
    let qualifies = |word: &str| {
        matches!(word, "const" | "async" | "unsafe" | "extern" | "\"C\"") || word.starts_with("pub")
    };
    let name = after.split(['(', '<']).next()?;
    let is_name = name.chars().all(|character| character.is_alphanumeric() || character == '_');
    let begins = before.split_whitespace().all(|word| qualifies(word) || word == "super)");
    (begins && is_name && !name.is_empty()).then(|| String::from(name))
}

/// The number of lines of the function that begins on the first one; `None` for a declaration.
fn function_lines(lines: &[&str], indent: usize) -> Option<usize> {
    let same = |line: &str| !line.is_empty() && indentation(line) == indent;
    let ends_header = |line: &str| line.ends_with(['{', '}', ';']);
    let header = lines.iter().position(|line| same(line) && ends_header(line))?;
    match lines[header].chars().last()? {
        ';' => None,
        '}' => Some(header + 1),
        _ => {
            let body = &lines[header + 1..];
            let end =
                body.iter().position(|line| same(line) && line.trim_start().starts_with('}'))?;
            Some(header + 1 + end + 1)
        }
    }
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}
