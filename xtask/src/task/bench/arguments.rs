//! The arguments of `cargo xtask bench`.
//!
//! Invariant: a prefix that matches no trial is an error.

use lexopt::{Arg, Parser, ValueExt};

use super::trial::Trial;

/// The parsed arguments.
#[derive(Debug, Default)]
pub(super) struct BenchArguments {
    names: Vec<String>,
    pub(super) effort: Effort,
    pub(super) json: bool,
    pub(super) list: bool,
    pub(super) publish: bool,
    pub(super) help: bool,
}

/// The duration and number of measurements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Effort {
    #[default]
    Full,
    Quick,
}

impl BenchArguments {
    pub(super) fn parse(mut parser: Parser) -> Result<Self, lexopt::Error> {
        let mut arguments = Self::default();
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Value(name) => arguments.names.push(name.string()?),
                Arg::Long("quick") => arguments.effort = Effort::Quick,
                Arg::Long("publish") => arguments.publish = true,
                Arg::Long("json") => arguments.json = true,
                Arg::Long("list") => arguments.list = true,
                Arg::Long("help") | Arg::Short('h') => arguments.help = true,
                other => return Err(other.unexpected()),
            }
        }
        Ok(arguments)
    }

    /// The named trials, or all.
    pub(super) fn choose(&self, mut all: Vec<Trial>) -> Result<Vec<Trial>, String> {
        for name in &self.names {
            if !all.iter().any(|trial| trial.id.starts_with(name)) {
                return Err(format!("no trial begins with {name}; --list lists them"));
            }
        }
        if !self.names.is_empty() {
            all.retain(|trial| self.names.iter().any(|name| trial.id.starts_with(name)));
        }
        Ok(all)
    }
}
