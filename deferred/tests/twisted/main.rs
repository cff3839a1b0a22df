//! Scripts made by chance, on the Deferred of this crate and on Twisted's: what is seen has to be
//! the same.
//!
//! The scripts keep to what means the same in both, see `play.py`. A test is skipped where Twisted
//! can't be installed, unless `ROPEWALK_PEERS=required`.

#[path = "../script/mod.rs"]
mod script;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use script::generate::{Dialect, script};
use script::run::{listen, run};
use script::shrink::shrink;
use script::{Error, Event, Outcome, Script, Shown};

const SEQUENCES: u64 = 60_000;

/// The events that Twisted has, too, in the words of `play.py`.
fn trace(script: &Script) -> String {
    let (mut lines, mut unhandled) = (Vec::new(), Vec::new());
    for event in run(script) {
        match event {
            Event::Called { name, outcome } => {
                lines.push(format!("called {name} {}", words(outcome)))
            }
            Event::Cancelling { row } => lines.push(format!("cancelling {row}")),
            Event::Looked { row, shown, .. } => {
                let shown = match shown {
                    None => "given".to_owned(),
                    Some(Shown::Pending | Shown::Waits) => "pending".to_owned(),
                    Some(Shown::Fired(outcome)) => words(outcome),
                };
                lines.push(format!("looked {row} {shown}"));
            }
            Event::Unhandled(error) => unhandled.push(format!("unhandled {}", words(Err(error)))),
            Event::Gone { .. } | Event::CancellerGone { .. } => {}
            Event::Logged(_)
            | Event::PromiseDropped
            | Event::Woken { .. }
            | Event::Polled { .. } => {
                panic!("no word of this dialect does {event:?}")
            }
        }
    }
    unhandled.sort();
    lines.extend(unhandled);
    lines.join(";")
}

fn words(outcome: Outcome) -> String {
    match outcome {
        Ok(value) => format!("ok {value}"),
        Err(Error::Boom(error)) => format!("boom {error}"),
        Err(Error::Cancelled) => "cancelled 0".to_owned(),
    }
}

/// What Twisted shows for each of the scripts.
fn played<'a>(python: &Path, scripts: impl IntoIterator<Item = &'a Script>) -> Vec<String> {
    let mut text = String::new();
    for script in scripts {
        writeln!(text, "{script}").expect("a string takes it");
    }
    let name = format!("scripts-{}.txt", std::process::id());
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&file, text).expect("the scripts are written");
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/twisted/play.py");
    let output = testkit::run_program(Command::new(python).arg("-B").arg(program).arg(&file));
    fs::remove_file(&file).expect("it was written");
    output.expect("play.py plays").lines().map(str::to_owned).collect()
}

/// Fails with the smallest script that shows the difference.
fn explain(python: &Path, seed: u64) -> ! {
    let differs = |script: &Script| played(python, [script]) != [trace(script)];
    let smallest = shrink(script(seed, Dialect::Twisted), differs);
    panic!(
        "seed {seed}\n{smallest}\nTwisted: {}\nours:    {}",
        played(python, [&smallest]).concat(),
        trace(&smallest)
    );
}

#[test]
fn what_a_deferred_does_is_what_twisteds_does() {
    let python = match testkit::twisted_python(Path::new(env!("CARGO_TARGET_TMPDIR"))) {
        Ok(python) => python,
        Err(reason) => return testkit::skip_without_peer(&reason),
    };
    listen();
    let scripts: Vec<Script> = (0..SEQUENCES).map(|seed| script(seed, Dialect::Twisted)).collect();
    let theirs = played(&python, &scripts);
    assert_eq!(theirs.len(), scripts.len());
    for (seed, (script, theirs)) in (0..).zip(scripts.iter().zip(theirs)) {
        if trace(script) != theirs {
            explain(&python, seed);
        }
    }
}

/// A test of the test: the scripts reach every kind of row.
#[test]
fn the_scripts_wait_freeze_cancel_and_fail() {
    listen();
    let traces: Vec<String> =
        (0..2000).map(|seed| trace(&script(seed, Dialect::Twisted))).collect();
    for seen in ["called", "cancelling", "pending", "given", "boom", "cancelled", "unhandled"] {
        let count = traces.iter().filter(|trace| trace.contains(seen)).count();
        assert!(count >= 200, "{seen} in {count} of {}", traces.len());
    }
    let calls = traces.iter().map(|trace| trace.matches("called").count());
    let calls: usize = calls.sum();
    assert!(calls >= 2 * traces.len(), "{calls} callbacks have run");
}
