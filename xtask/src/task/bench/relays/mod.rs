//! `cargo xtask bench-relays`: the command as a relay beside the relays of others, in turns.
//!
//! The ends are threads of this process, so that all relays have the same; the processor time and the memory are those
//! of the relay's processes alone. Invariant: a byte that a relay changes, drops or adds fails the run.

mod contestant;
mod document;
mod ends;
mod measures;
mod process;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use lexopt::{Arg, Parser};
use tempfile::TempDir;

use self::contestant::{Contestant, Files, RelayWire};
use self::measures::{Amounts, FIGURES, Measured};
use crate::task::soak::{Profile, build};
use crate::task::{misused, note, print};

const HELP: &str = "\
cargo xtask bench-relays [--quick] [--publish]

Measures ropewalk as a relay beside socat, HAProxy (also with splice-auto), nginx's stream module,
systemd-socket-proxyd and ghostunnel, in turns: processor time a MiB without TLS, with TLS put on and
taken off, processor time and latency of a small request, connections a second, and the memory of a
relayed connection that is idle. Prints the table and writes target/bench-relays.json. A relay that is
not installed is named as such. Wants two idle cores, and up to ten minutes.
  --quick    fewer and smaller rounds: for trying it, not for figures
  --publish  puts the last full run into README; measures nothing

Exit codes: 0 all was measured, 1 something failed, 64 the arguments were not understood.
";

/// Descriptors that this process needs for the idle connections, and each relay as well.
const DESCRIPTORS: u32 = 8192;

pub(crate) fn bench_relays(mut parser: Parser) -> Result<ExitCode, lexopt::Error> {
    let (mut is_quick, mut publishes) = (false, false);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return print(HELP),
            Arg::Long("quick") => is_quick = true,
            Arg::Long("publish") => publishes = true,
            other => return Ok(misused(&other.unexpected(), HELP)),
        }
    }
    let done =
        if publishes { document::publish().map(|()| String::new()) } else { measure(is_quick) };
    match done {
        Ok(table) => print(&table),
        Err(error) => {
            note(&format!("cargo xtask bench-relays: {error}\n"));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The samples of each figure, by the names of the figure and of the relay.
type Samples = BTreeMap<(&'static str, &'static str), Vec<f64>>;

fn measure(is_quick: bool) -> Result<String, Box<dyn Error>> {
    let ropewalk = build(Profile::Release)?;
    allow_descriptors()?;
    let directory = TempDir::new()?;
    let files = Files::write(directory.path(), ropewalk)?;
    let amounts = if is_quick { Amounts::quick() } else { Amounts::full() };
    let (relays, skipped) = contestant::installed();
    let mut samples = Samples::new();
    for round in 1..=amounts.rounds {
        for relay in &relays {
            note(&format!("round {round} of {}: {}\n", amounts.rounds, relay.name));
            one_round(relay, &files, &amounts, &mut samples)
                .map_err(|error| format!("{}: {error}", relay.name))?;
        }
    }
    let results = document::document(&samples, &skipped, is_quick);
    fs::write(document::results_path()?, format!("{results:#}\n"))?;
    Ok(document::block(&results))
}

/// Each kind of wire that a relay has, and all that is measured there.
fn one_round(
    relay: &Contestant,
    files: &Files,
    amounts: &Amounts,
    samples: &mut Samples,
) -> Result<(), Box<dyn Error>> {
    for wire in [RelayWire::Plain, RelayWire::TlsOn, RelayWire::TlsOff] {
        let Some(measured) = measures::of(relay, files, wire, amounts)? else { continue };
        for Measured { figure, value } in measured {
            samples.entry((figure, relay.name)).or_default().push(value);
        }
    }
    Ok(())
}

/// Raises this process's limit, which the relays inherit; without `unsafe` code, so by prlimit(1).
fn allow_descriptors() -> Result<(), Box<dyn Error>> {
    let limit = format!("--nofile={DESCRIPTORS}:");
    let status = Command::new("prlimit")
        .args(["--pid", &std::process::id().to_string(), &limit])
        .status()?;
    if !status.success() {
        return Err(
            format!("prlimit {limit}: {status}: {DESCRIPTORS} descriptors are needed").into()
        );
    }
    Ok(())
}

/// The folder of the workspace.
fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The names of the figures, in the order of the table.
fn figures() -> impl Iterator<Item = &'static measures::RelayFigure> {
    FIGURES.iter()
}
