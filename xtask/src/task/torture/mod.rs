//! `cargo xtask torture`: every call of the system fails once, with every error that its man page lists.
//!
//! ```text
//!   scenario, no fault ──▶ the calls that it makes ──▶ for each call, each error, once and ten times:
//!                                                      run, look, run again without a fault, look
//! ```
//!
//! As curl and SQLite do it. Invariant: a point that is not reached is counted, and none is left out in silence.

mod call;
mod command;
mod failing;
mod failing_others;
mod others;
mod plan;
mod scene;
mod secured;
mod streams;
mod traced;

use std::error::Error;
use std::process::ExitCode;

use lexopt::{Arg, Parser, ValueExt as _};

use self::others::{Child, Datagrams};
use self::plan::Fault;
use self::scene::{Scenario, run};
use self::secured::Secured;
use self::streams::{ClientEnding, StreamWire, Streams};
use super::{misused, note, print};

const HELP: &str = "\
cargo xtask torture [--every N] [--scenario NAME]... [--command N]

Fails every call of the simulated system in scenarios of streams, TLS, relays, datagrams and children, with
every error that the man page of the call lists, once and ten times in a row. Nothing may panic, hang, be left
or receive a wrong byte, and the same has to succeed as soon as nothing fails any more.
  --every N        only every Nth point; 1 if nothing is said
  --scenario NAME  only this one
  --command N      N points of the command itself instead, by strace's injection; without strace none

Exit codes: 0 nothing was found, 1 something was, 64 the arguments were not understood.
";

/// How often in a row a call fails.
const TIMES: [usize; 2] = [1, 10];

/// The numbers of points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Points {
    run: usize,
    /// The run ended before the call, as TLS is not the same twice.
    not_reached: usize,
    findings: usize,
}

pub(crate) fn torture(mut parser: Parser) -> Result<ExitCode, lexopt::Error> {
    let (mut every, mut names, mut of_command) = (1, Vec::new(), None);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return print(HELP),
            Arg::Long("every") => every = parser.value()?.parse()?,
            Arg::Long("scenario") => names.push(parser.value()?.string()?),
            Arg::Long("command") => of_command = Some(parser.value()?.parse()?),
            other => return Ok(misused(&other.unexpected(), HELP)),
        }
    }
    let found = match of_command {
        Some(points) => command::torture(points),
        None => simulated(every, &names),
    };
    match found {
        Ok(0) => Ok(ExitCode::SUCCESS),
        Ok(_) => Ok(ExitCode::FAILURE),
        Err(error) => {
            note(&format!("cargo xtask torture: {error}\n"));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// How much was found in these scenarios, or in all.
fn simulated(every: usize, names: &[String]) -> Result<usize, Box<dyn Error>> {
    let scenarios = scenarios()?;
    if let Some(name) = names.iter().find(|name| scenarios.iter().all(|it| it.name() != *name)) {
        return Err(format!("there is no scenario {name:?}").into());
    }
    let is_wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    let mut findings = 0;
    for scenario in scenarios.iter().filter(|it| is_wanted(it.name())) {
        let points = torture_one(&**scenario, every.max(1))?;
        print(&format!(
            "{:<28} {:>6} points, {} not reached, {} findings\n",
            scenario.name(),
            points.run,
            points.not_reached,
            points.findings
        ))?;
        findings += points.findings;
    }
    Ok(findings)
}

fn scenarios() -> Result<Vec<Box<dyn Scenario>>, Box<dyn Error>> {
    let secured = Secured::new()?;
    let plain =
        |name, wire, ending| Streams { name, wire, ending, is_relayed: false, secured: None };
    let tcp = || plain("", StreamWire::Tcp, ClientEnding::HalfClose);
    Ok(vec![
        Box::new(plain("tcp", StreamWire::Tcp, ClientEnding::Lose)),
        Box::new(plain("tcp, half-closed", StreamWire::Tcp, ClientEnding::HalfClose)),
        Box::new(plain("unix", StreamWire::Unix, ClientEnding::HalfClose)),
        Box::new(Streams { name: "tls", secured: Some(secured.clone()), ..tcp() }),
        Box::new(Streams { name: "relay", is_relayed: true, ..tcp() }),
        Box::new(Streams {
            name: "relay of tls",
            is_relayed: true,
            secured: Some(secured),
            ..tcp()
        }),
        Box::new(Datagrams),
        Box::new(Child),
    ])
}

fn torture_one(scenario: &dyn Scenario, every: usize) -> Result<Points, String> {
    let name = scenario.name();
    let without = run(scenario, None);
    without.outcome.map_err(|error| format!("{name}, without a fault: {error}"))?;
    let calls = without.plan.calls();
    let errors = |at: usize| calls[at].errors().iter().map(move |error| (at, *error));
    let faults = (0..calls.len())
        .flat_map(errors)
        .flat_map(|(at, error)| TIMES.map(|times| Fault { at, times, error }));
    let mut points = Points::default();
    for fault in faults.step_by(every) {
        let ran = run(scenario, Some(fault));
        points.run += 1;
        points.not_reached += usize::from(ran.plan.failed().is_none());
        if let Err(finding) = ran.outcome {
            points.findings += 1;
            let failed = ran.plan.failed();
            let error = std::io::Error::from_raw_os_error(fault.error);
            note(&format!(
                "{name}, call {} of {}: {failed:?}: {error}: {finding}\n",
                fault.at,
                calls.len()
            ));
        }
    }
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_call_fails_nothing_hangs_is_left_or_is_wrong() {
        // A sample of all; `.ci/run` has the others.
        assert_eq!(simulated(37, &[]).expect("without a fault all is well"), 0);
    }

    #[test]
    fn every_kind_of_call_is_made_by_a_scenario() {
        let mut kinds = std::collections::BTreeSet::new();
        for scenario in scenarios().expect("there is a certificate") {
            kinds.extend(run(&*scenario, None).plan.calls());
        }
        assert!(kinds.len() >= 20, "{kinds:?}");
    }
}
