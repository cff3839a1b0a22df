//! Programs of others, from Python's package index, on our reactor and on the control.
//!
//! The list is `xtask/twisted/programs/programs.tsv`. Invariant: a test counts as worse only if it was so
//! in every one of its runs, for the suites of others have tests that fail now and then on any reactor.

use std::error::Error;
use std::fs;
use std::path::Path;

use super::super::{note, print};
use super::environment::{self, Environment, ScriptRun};
use super::expected::Expected;
use super::results::TestResults;

/// How often a program is run at the most while a test is worse on ours.
const RUNS: usize = 3;

/// A line of the list.
#[derive(Debug, PartialEq, Eq)]
struct ForeignProgram<'a> {
    name: &'a str,
    script: &'a str,
    arguments: Vec<&'a str>,
    packages: Vec<&'a str>,
}

impl<'a> ForeignProgram<'a> {
    fn parse(line: &'a str) -> Result<Self, String> {
        let parts: Vec<&str> = line.split('\t').collect();
        let [name, script, arguments, packages] = parts[..] else {
            return Err(format!("{line:?} is not a program, a script, arguments and packages"));
        };
        let words = |text: &'a str| text.split_whitespace().collect();
        Ok(Self { name, script, arguments: words(arguments), packages: words(packages) })
    }

    /// Installs it, and runs it on both reactors.
    fn run(&self, directory: &Path, wheel: &Path) -> Result<TestResults, Box<dyn Error>> {
        let environment = Environment::prepare(&directory.join(self.name), &self.packages)?;
        environment.install(wheel)?;
        let arguments = &self.arguments;
        let run = ScriptRun { name: self.name, script: self.script, arguments };
        let mut results = TestResults::default();
        for number in 0..RUNS {
            let (ours, control) = environment.run_both(&run)?;
            let mut again = TestResults::default();
            again.add(&ours, &control)?;
            if number == 0 {
                results = again;
            } else {
                results.settle(&again);
            }
            if results.worse().next().is_none() {
                break;
            }
        }
        Ok(results)
    }
}

/// Runs all, or those of these names, and prints a line for each; returns the complaints. A program that cannot
/// be had is told, and is no complaint.
///
/// # Errors
///
/// A list that cannot be read, a name that is not on it, or a program that does not run.
pub(super) fn run(
    directory: &Path,
    wheel: &Path,
    asked: &[String],
) -> Result<Vec<String>, Box<dyn Error>> {
    let sources = environment::sources().join("programs");
    let text = fs::read_to_string(sources.join("programs.tsv"))?;
    let expected = Expected::read(&sources.join("expected.tsv"))?;
    let programs = parse(&text)?;
    if let Some(unknown) = asked.iter().find(|asked| programs.iter().all(|it| it.name != **asked)) {
        return Err(format!("programs.tsv has no {unknown}").into());
    }
    print(&TestResults::heading("program"))?;
    let mut complaints = Vec::new();
    for program in &programs {
        if !asked.is_empty() && asked.iter().all(|asked| *asked != program.name) {
            continue;
        }
        match program.run(directory, wheel) {
            Ok(results) => {
                print(&results.sums(program.name))?;
                complaints.extend(expected.complaints(&results));
            }
            Err(error) if error.is::<environment::Unavailable>() => {
                note(&format!("{}: skipped, as {error}\n", program.name));
            }
            Err(error) => return Err(format!("{}: {error}", program.name).into()),
        }
    }
    Ok(complaints)
}

fn parse(text: &str) -> Result<Vec<ForeignProgram<'_>>, String> {
    text.lines().filter(|line| !line.starts_with('#')).map(ForeignProgram::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_program_a_script_arguments_and_packages() {
        let programs = parse("# words\na\tb.py\tc d\te==1 f\ng\th.py\t\ti\n").unwrap();
        let first = ForeignProgram {
            name: "a",
            script: "b.py",
            arguments: vec!["c", "d"],
            packages: vec!["e==1", "f"],
        };
        assert_eq!(programs[0], first);
        assert!(programs[1].arguments.is_empty());
        assert!(parse("a\tb.py\tc\n").is_err());
    }

    #[test]
    fn the_list_names_scripts_that_are_there() {
        let text =
            fs::read_to_string(environment::sources().join("programs/programs.tsv")).unwrap();
        for program in parse(&text).unwrap() {
            assert!(environment::sources().join(program.script).is_file(), "{}", program.script);
            assert!(!program.packages.is_empty(), "{}", program.name);
        }
    }
}
