//! `cargo xtask bench`: the cost of this workspace beside its peers, in one run.
//!
//! The measured programs are a workspace of their own, `xtask/bench`. Invariant: no figure is left out
//! silently: the results name each peer that cannot be measured here, with the reason.

mod alone;
mod arguments;
mod building;
mod contest;
mod document;
mod figure;
mod goal;
mod machine;
mod programs;
mod publish;
mod relays;
mod server;
mod serving;
mod spread;
mod tally;
mod trial;
mod trials;

use std::error::Error;
use std::fs;
use std::process::ExitCode;

use lexopt::Parser;

use super::{note, print};
use arguments::BenchArguments;
use programs::Programs;
pub(crate) use relays::bench_relays;

const HELP: &str = "\
cargo xtask bench [NAME]... [--quick] [--json]

Builds the servers that this workspace is compared with, measures all of them in turns, prints the
table, and writes target/bench.json. With a NAME, only the trials whose names begin with it.
  --quick   fewer and shorter runs: for trying the bench, not for figures
  --publish puts the last full run into README, with its charts; measures nothing
  --list    the names of the trials
  --json    what is written to the file goes to standard output instead of the table

Exit codes: 0 all was measured (goals may be missed), 1 something failed, 64 the arguments were not
understood.
";

pub(crate) fn bench(parser: Parser) -> Result<ExitCode, lexopt::Error> {
    let arguments = match BenchArguments::parse(parser) {
        Ok(arguments) => arguments,
        Err(error) => return Ok(super::misused(&error, HELP)),
    };
    if arguments.help {
        return print(HELP);
    }
    let all = trials::all();
    if arguments.list {
        return print(&all.iter().map(|trial| format!("{}\n", trial.id)).collect::<String>());
    }
    match measure(&arguments) {
        Ok(code) => Ok(code),
        Err(error) => {
            note(&format!("cargo xtask bench: {error}\n"));
            Ok(ExitCode::FAILURE)
        }
    }
}

fn measure(arguments: &BenchArguments) -> Result<ExitCode, Box<dyn Error>> {
    if arguments.publish {
        let programs = Programs::build(&[])?;
        publish::publish(&programs, trials::all().len())?;
        return Ok(ExitCode::SUCCESS);
    }
    let chosen = arguments.choose(trials::all())?;
    let programs = Programs::build(&chosen)?;
    let mut results = Vec::new();
    for trial in chosen {
        results.push(contest::hold(trial, &programs, arguments.effort));
    }
    let document = document::document(&results, arguments.effort);
    fs::write(programs.target.join("bench.json"), &document)?;
    if arguments.json {
        print(&document)?;
    } else {
        print(&tally::table(&results))?;
    }
    let failed = results.iter().any(|result| result.has_failed());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
