//! `cargo xtask counts`: the instructions and allocations of each operation, beside the baseline.
//!
//! Each operation of the program `ropewalk-counts` is run under callgrind twice, with N repeats and
//! with 2N. The difference, divided by N, is the cost of one: instructions are counted, not timed, so a
//! busy machine changes nothing, and the cost of starting and preparing cancels out.
//!
//! Invariant: an operation without a row of the baseline fails, and so does a row without its
//! operation.

use std::error::Error;
use std::process::ExitCode;

use lexopt::{Arg, Parser, ValueExt};

use super::counts_baseline::{Baseline, Cost};
use super::counts_program::{Program, maker};
use super::{note, print};

const HELP: &str = "\
cargo xtask counts [OPERATION]... [--write]

Counts the instructions and allocations of one operation each, and compares them with
xtask/counts/baseline.tsv: 5 % more instructions or any more allocations fail, and so does a cost beyond its
bound, which is a multiple of another one. Needs valgrind; without
it nothing is counted, which fails only if ROPEWALK_PEERS=required is set.
  OPERATION   only this one, by its name in the table
  --write     writes what was counted into the baseline

Exit codes: 0 nothing costs more, 1 something does, 64 the arguments were not understood.
";

/// Operations that may cost no more than these per cent of another one, which does the least that they
/// have to do.
const BOUNDS: [(&str, u64, &str); 4] = [
    ("lines-of-64k", 130, "line-feeds-of-64k"),
    ("lines-of-64k-received", 130, "line-feeds-of-64k"),
    ("bytes-of-a-1m-line", 120, "bytes-of-16k-lines"),
    ("bytes-of-a-1m-netstring", 120, "bytes-of-16k-netstrings"),
];

/// The parsed arguments.
#[derive(Debug, Default)]
struct CountsArguments {
    operations: Vec<String>,
    write: bool,
}

pub(crate) fn counts(mut parser: Parser) -> Result<ExitCode, lexopt::Error> {
    let mut arguments = CountsArguments::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("write") => arguments.write = true,
            Arg::Long("help") | Arg::Short('h') => return print(HELP),
            Arg::Value(name) => arguments.operations.push(name.string()?),
            other => return Ok(super::misused(&other.unexpected(), HELP)),
        }
    }
    match count(&arguments) {
        Ok(code) => Ok(code),
        Err(error) => {
            note(&format!("cargo xtask counts: {error}\n"));
            Ok(ExitCode::FAILURE)
        }
    }
}

fn count(arguments: &CountsArguments) -> Result<ExitCode, Box<dyn Error>> {
    if let Err(reason) = Program::can_be_counted() {
        let reason = format!("cargo xtask counts: nothing is counted: {reason}");
        if testkit::peers_are_required() {
            note(&format!("{reason}\n"));
            return Ok(ExitCode::FAILURE);
        }
        testkit::skip(&reason);
        return Ok(ExitCode::SUCCESS);
    }
    let program = Program::build()?;
    let all = program.operations()?;
    if let Some(unknown) = arguments.operations.iter().find(|name| !all.contains(name)) {
        return Err(format!("there is no operation {unknown}").into());
    }
    let mut baseline = Baseline::read()?;
    let mut complaints = match arguments.operations[..] {
        [] => baseline.without(&all),
        _ => Vec::new(),
    };
    let wanted =
        |name: &&String| arguments.operations.is_empty() || arguments.operations.contains(name);
    print(&format!(
        "{:28}{:>14}{:>10}  {:>8}\n",
        "operation", "instructions", "baseline", "allocs"
    ))?;
    let mut counted = Vec::new();
    for name in all.iter().filter(wanted) {
        let cost = program.cost(name)?;
        let before = baseline.cost(name);
        print(&line(name, cost, before))?;
        complaints.extend(complaint(name, cost, before));
        counted.push((name.clone(), cost));
    }
    complaints.extend(BOUNDS.iter().filter_map(|bound| beyond(*bound, &counted)));
    if arguments.write {
        baseline.renew(counted, &all, maker()?);
        baseline.write()?;
        return Ok(ExitCode::SUCCESS);
    }
    let made = maker()?;
    if baseline.maker() != made {
        note(&format!(
            "the baseline was counted with {}, and this with {made}\n",
            baseline.maker()
        ));
    }
    for complaint in &complaints {
        note(&format!("{complaint}\n"));
    }
    Ok(if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The complaint about a cost that is beyond its bound, if both are counted.
fn beyond(
    (name, per_cent, least): (&str, u64, &str),
    counted: &[(String, Cost)],
) -> Option<String> {
    let cost = |wanted: &str| {
        counted.iter().find(|(name, _)| name == wanted).map(|(_, cost)| cost.instructions)
    };
    let (cost, least_cost) = (cost(name)?, cost(least)?);
    (cost * 100 > least_cost * per_cent).then(|| {
        format!("{name} takes {cost} instructions, more than {per_cent} % of the {least_cost} of {least}")
    })
}

fn line(name: &str, cost: Cost, before: Option<Cost>) -> String {
    let before = before.map_or("none".into(), |it| it.instructions.to_string());
    let Cost { instructions, .. } = cost;
    format!("{name:28}{instructions:>14}{before:>10}  {:>8}\n", cost.allocations_text())
}

/// The complaint about a cost that differs from its baseline.
fn complaint(name: &str, cost: Cost, before: Option<Cost>) -> Option<String> {
    let Some(before) = before else {
        return Some(format!("{name} is not in the baseline: add it with --write"));
    };
    if cost.milli_allocations > before.milli_allocations {
        let (now, before) = (cost.allocations_text(), before.allocations_text());
        return Some(format!("{name} allocates {now} times, and may {before} times"));
    }
    // 5 % more.
    if cost.instructions * 100 > before.instructions * 105 {
        let (now, before) = (cost.instructions, before.instructions);
        return Some(format!("{name} takes {now} instructions, 5 % more than {before} or worse"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(instructions: u64, milli_allocations: u64) -> Cost {
        Cost { instructions, milli_allocations }
    }

    #[test]
    fn an_operation_beyond_its_bound_is_told_where_both_are_counted() {
        let counted = |least, most| {
            [("least".to_owned(), cost(least, 0)), ("most".to_owned(), cost(most, 0))]
        };
        let bound = ("most", 130, "least");
        assert_eq!(beyond(bound, &counted(100, 130)), None);
        assert!(beyond(bound, &counted(100, 131)).is_some_and(|it| it.contains("130 %")));
        assert_eq!(beyond(bound, &counted(100, 999)[1..]), None);
    }

    #[test]
    fn more_than_five_per_cent_and_any_more_allocations_are_too_much() {
        let before = Some(cost(1000, 2000));
        for good in [cost(1050, 2000), cost(10, 0), cost(1000, 1999)] {
            assert_eq!(complaint("x", good, before), None);
        }
        for bad in [cost(1051, 2000), cost(10, 2001)] {
            assert!(complaint("x", bad, before).is_some_and(|it| it.starts_with("x ")));
        }
        assert!(complaint("x", cost(1, 0), None).is_some());
    }
}
