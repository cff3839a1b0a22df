//! The arguments of `cargo xtask conformance`.
//!
//! Invariant: an unknown name is an error, so that a misspelt one does not pass for a run.

use std::sync::Arc;

use lexopt::{Arg, Parser, ValueExt};
use ropewalk_xtask::{Case, Subject};

/// The parsed arguments.
#[derive(Debug, Default)]
pub(crate) struct SuiteArguments {
    pub(crate) areas: Vec<String>,
    pub(crate) subjects: Vec<String>,
    pub(crate) cases: Vec<String>,
    pub(crate) output: OutputFormat,
    pub(crate) coverage: bool,
    pub(crate) help: bool,
}

/// The form of the results on standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OutputFormat {
    #[default]
    Table,
    Json,
}

impl SuiteArguments {
    pub(crate) fn parse(mut parser: Parser) -> Result<Self, lexopt::Error> {
        let mut arguments = Self::default();
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("area") => arguments.areas.push(parser.value()?.string()?),
                Arg::Long("subject") => arguments.subjects.push(parser.value()?.string()?),
                Arg::Long("case") => arguments.cases.push(parser.value()?.string()?),
                Arg::Long("json") => arguments.output = OutputFormat::Json,
                Arg::Long("coverage") => arguments.coverage = true,
                Arg::Long("help") | Arg::Short('h') => arguments.help = true,
                other => return Err(other.unexpected()),
            }
        }
        Ok(arguments)
    }

    /// The named cases, or all.
    pub(crate) fn choose_cases(&self, all: Vec<Case>) -> Result<Vec<Case>, lexopt::Error> {
        for area in &self.areas {
            known("area", area, all.iter().any(|case| case.area() == area))?;
        }
        for id in &self.cases {
            known("case", id, all.iter().any(|case| case.id == id))?;
        }
        let asked =
            |list: &[String], name: &str| list.is_empty() || list.iter().any(|asked| asked == name);
        let wanted = all
            .into_iter()
            .filter(|case| asked(&self.areas, case.area()) && asked(&self.cases, case.id));
        Ok(wanted.collect())
    }

    /// The named subjects, or all.
    pub(crate) fn choose_subjects(
        &self,
        all: Vec<Arc<dyn Subject>>,
    ) -> Result<Vec<Arc<dyn Subject>>, lexopt::Error> {
        for name in &self.subjects {
            known("subject", name, all.iter().any(|subject| subject.name() == name))?;
        }
        let wanted = all.into_iter().filter(|subject| {
            self.subjects.is_empty() || self.subjects.iter().any(|name| name == subject.name())
        });
        Ok(wanted.collect())
    }
}

fn known(what: &str, name: &str, known: bool) -> Result<(), lexopt::Error> {
    if known { Ok(()) } else { Err(format!("there is no {what} {name:?}").into()) }
}
