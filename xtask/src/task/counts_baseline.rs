//! The baseline of `cargo xtask counts`: a file with the cost of each operation at its last renewal.
//!
//! Invariant: reading and writing leaves the file unchanged.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io;
use std::path::PathBuf;

/// The cost of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) instructions: u64,
    /// Allocations of a thousand operations, as some allocate once in many.
    pub(crate) milli_allocations: u64,
}

/// The costs of all operations, and the toolchain that they were counted with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Baseline {
    maker: String,
    costs: BTreeMap<String, Cost>,
}

const HEADER: &str = "\
# What one operation costs, as `cargo xtask counts --write` counted it with callgrind. The columns are
# separated by tabs: operation, instructions, allocations.
";

const MAKER: &str = "# Counted with ";

impl Cost {
    /// The allocations of one operation, without trailing zeros.
    pub(crate) fn allocations_text(self) -> String {
        let (whole, rest) = (self.milli_allocations / 1000, self.milli_allocations % 1000);
        match rest {
            0 => whole.to_string(),
            _ => format!("{whole}.{rest:03}"),
        }
    }
}

impl Baseline {
    pub(crate) fn read() -> Result<Self, Box<dyn Error>> {
        match fs::read_to_string(path()) {
            Ok(text) => Ok(Baseline::parse(&text)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Baseline::parse("")?),
            Err(error) => Err(format!("cannot read {}: {error}", path().display()).into()),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let maker = text.lines().find_map(|line| line.strip_prefix(MAKER)).unwrap_or("nothing");
        let mut costs = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, cost) = row(line).ok_or_else(|| format!("not a row of costs: {line:?}"))?;
            costs.insert(name.to_owned(), cost);
        }
        Ok(Baseline { maker: maker.to_owned(), costs })
    }

    pub(crate) fn write(&self) -> Result<(), Box<dyn Error>> {
        fs::write(path(), self.text())
            .map_err(|error| format!("cannot write {}: {error}", path().display()).into())
    }

    fn text(&self) -> String {
        let row = |(name, cost): (&String, &Cost)| {
            format!("{name}\t{}\t{}\n", cost.instructions, cost.allocations_text())
        };
        let rows: String = self.costs.iter().map(row).collect();
        format!("{HEADER}{MAKER}{}\n{rows}", self.maker)
    }

    /// The toolchain that it was counted with.
    pub(crate) fn maker(&self) -> &str {
        &self.maker
    }

    pub(crate) fn cost(&self, operation: &str) -> Option<Cost> {
        self.costs.get(operation).copied()
    }

    /// The rows whose operation does not exist.
    pub(crate) fn without(&self, operations: &[String]) -> Vec<String> {
        let stale = self.costs.keys().filter(|name| !operations.contains(name));
        stale.map(|name| format!("{name} is in the baseline, and does not exist")).collect()
    }

    /// Replaces the costs by the counted ones, and drops the operations that do not exist.
    pub(crate) fn renew(&mut self, counted: Vec<(String, Cost)>, all: &[String], maker: String) {
        self.costs.extend(counted);
        self.costs.retain(|name, _| all.contains(name));
        self.maker = maker;
    }
}

fn row(line: &str) -> Option<(&str, Cost)> {
    let mut columns = line.split('\t');
    let (name, instructions, allocations) = (columns.next()?, columns.next()?, columns.next()?);
    let (whole, rest) = allocations.split_once('.').unwrap_or((allocations, "000"));
    if rest.len() != 3 || columns.next().is_some() {
        return None;
    }
    let milli_allocations = whole.parse::<u64>().ok()? * 1000 + rest.parse::<u64>().ok()?;
    Some((name, Cost { instructions: instructions.parse().ok()?, milli_allocations }))
}

fn path() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/counts/baseline.tsv"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let cost = |instructions, milli_allocations| Cost { instructions, milli_allocations };
        let costs = [("a-b".to_owned(), cost(388, 1000)), ("c".to_owned(), cost(9, 4020))];
        let baseline = Baseline { maker: "rustc 1".into(), costs: costs.into() };
        assert!(baseline.text().ends_with("# Counted with rustc 1\na-b\t388\t1\nc\t9\t4.020\n"));
        assert_eq!(Baseline::parse(&baseline.text()), Ok(baseline));
    }

    #[test]
    fn a_row_that_is_none_is_an_error() {
        for row in ["a", "a\t1", "a\tx\t1", "a\t1\t1.5", "a\t1\t1\t1", ""] {
            assert!(Baseline::parse(&format!("{row}\n")).is_err(), "{row:?}");
        }
    }

    #[test]
    fn rows_of_operations_that_are_gone_are_told_and_dropped() {
        let mut baseline = Baseline::parse("a\t1\t0\nb\t1\t0\n").expect("two rows");
        let all = ["a".to_owned()];
        assert_eq!(baseline.without(&all), ["b is in the baseline, and does not exist"]);
        baseline.renew(Vec::new(), &all, "x".into());
        assert!(baseline.cost("b").is_none() && baseline.cost("a").is_some());
    }
}
