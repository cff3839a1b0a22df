//! `cargo xtask conformance`: every case on every subject, as a table and as a file.
//!
//! Invariant: the exit code is 0 only if nothing failed.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::Parser;
use ropewalk_xtask::{Row, Verdict, all_cases, run, subjects};

use super::arguments::{OutputFormat, SuiteArguments};
use super::{coverage, json, note, print, table};

const HELP: &str = "\
cargo xtask conformance [--area AREA]... [--subject NAME]... [--case ID]... [--json]
cargo xtask conformance --coverage [--json]

Tries each case on each subject, prints the table, and writes target/conformance.json.
  --area AREA      only cases of this area: stream, abort, halfclose, producer, time, threads...
  --subject NAME   only this transport: tcp4, tcp6, unix, tls-tcp, tls-unix, tls-memory, tls-simulated,
                   tls-tls, starttls-tcp, starttls-unix, starttls-memory, starttls-simulated,
                   adopted, stdio, memory, simulated, simulated-unix, udp4, udp6, unix-datagram, simulated-udp, process,
                   simulated-process
  --case ID        only this case, by its name in the table's first column
  --json           what is written to the file goes to standard output instead of the table
  --coverage       runs the tests that state rows of the catalogue, and counts the rows by area

Exit codes: 0 nothing failed, 1 something did, 64 the arguments were not understood.
";

pub(crate) fn conformance(parser: Parser) -> Result<ExitCode, lexopt::Error> {
    let arguments = match SuiteArguments::parse(parser) {
        Ok(arguments) if arguments.help => return print(HELP),
        Ok(arguments) => arguments,
        Err(error) => return Ok(super::misused(&error, HELP)),
    };
    let all = match subjects::all() {
        Ok(all) => all,
        Err(failure) => return Ok(broken(&*Box::<dyn Error>::from(failure))),
    };
    if arguments.coverage {
        return coverage::coverage(&all, arguments.output).or_else(|error| Ok(broken(&*error)));
    }
    let chosen = arguments
        .choose_cases(all_cases())
        .and_then(|cases| Ok((cases, arguments.choose_subjects(all)?)));
    let (cases, subjects) = match chosen {
        Ok(chosen) => chosen,
        Err(error) => return Ok(super::misused(&error, HELP)),
    };
    let names: Vec<String> = subjects.iter().map(|subject| subject.name().to_owned()).collect();
    let mut table = table::Table::new(&cases, &names);
    let shows = arguments.output == OutputFormat::Table;
    let show = |text: String| {
        if shows {
            _ = print(&text)
        }
    };
    show(table.head());
    let rows = run(&cases, &subjects, |row| show(table.row(row)));
    show(table.foot());
    let document = json::document(&names, &rows);
    if arguments.output == OutputFormat::Json {
        print(&document)?;
    }
    if let Err(error) = write(&document) {
        return Ok(broken(&error));
    }
    Ok(if rows.iter().any(has_failed) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn has_failed(row: &Row) -> bool {
    row.cells.iter().any(|cell| matches!(cell.verdict, Verdict::Failed(_)))
}

/// Writes the document below the target directory.
fn write(document: &str) -> std::io::Result<()> {
    let directory = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")),
        PathBuf::from,
    );
    fs::create_dir_all(&directory)?;
    fs::write(directory.join("conformance.json"), document)
}

fn broken(error: &dyn Error) -> ExitCode {
    note(&format!("cargo xtask conformance: {error}\n"));
    ExitCode::FAILURE
}
