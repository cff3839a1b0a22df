//! `cargo xtask lines`: which share of the parsers' lines the tests of their crates run.
//!
//! The tests are built with the compiler's own counters, and the component llvm-tools of the toolchain reads these.
//! Invariant: a parser's file that the tests do not even link fails the run.

mod executables;
mod tools;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use lexopt::{Arg, Parser};
use serde_json::Value;

use self::executables::CountedTests;
use self::tools::Tools;
use super::{misused, note, output, print};

/// The least share of the lines, in percent.
const LEAST: f64 = 95.0;

const HELP: &str = "\
cargo xtask lines

Runs the tests of endpoints, systemd and tls with counters, and prints how many lines of each file that parses
strings, headers, hellos, answers of name servers or LISTEN_* they run. Lines of tests inside a file count.
Needs the toolchain's component llvm-tools; without it nothing is run, which is no failure.

Exit codes: 0 it is 95 % or more of all lines, or was skipped, 1 it is less or a test fails, 64 the arguments were
not understood.
";

/// The files and folders that parse, below the workspace.
const PARSERS: [&str; 48] = [
    "endpoints/src/argument.rs",
    "endpoints/src/arguments.rs",
    "endpoints/src/ascii_name.rs",
    "endpoints/src/binding.rs",
    "endpoints/src/bracket_hint.rs",
    "endpoints/src/config/",
    "endpoints/src/duration.rs",
    "endpoints/src/grammar.rs",
    "endpoints/src/haproxy/header.rs",
    "endpoints/src/haproxy/parser.rs",
    "endpoints/src/haproxy/strings.rs",
    "endpoints/src/haproxy/tlv.rs",
    "endpoints/src/haproxy/trust.rs",
    "endpoints/src/haproxy/v1.rs",
    "endpoints/src/haproxy/v2.rs",
    "endpoints/src/hints.rs",
    "endpoints/src/host.rs",
    "endpoints/src/nearest.rs",
    "endpoints/src/number.rs",
    "endpoints/src/parse_error.rs",
    "endpoints/src/picture.rs",
    "endpoints/src/problem.rs",
    "endpoints/src/process/strings.rs",
    "endpoints/src/quote.rs",
    "endpoints/src/readers.rs",
    "endpoints/src/registry.rs",
    "endpoints/src/sni/bytes.rs",
    "endpoints/src/sni/hello.rs",
    "endpoints/src/sni/parser.rs",
    "endpoints/src/sni/preread.rs",
    "endpoints/src/sni/route.rs",
    "endpoints/src/sni/strings.rs",
    "endpoints/src/socks_strings.rs",
    "endpoints/src/srv/dns/message.rs",
    "endpoints/src/srv/strings.rs",
    "endpoints/src/tcp_options.rs",
    "endpoints/src/tcp_strings.rs",
    "endpoints/src/unix_strings.rs",
    "endpoints/src/wrapping.rs",
    "systemd/src/announcement.rs",
    "systemd/src/listen_fds.rs",
    "systemd/src/parser.rs",
    "systemd/src/selector.rs",
    "tls/src/strings/client_authentication.rs",
    "tls/src/strings/client_strings.rs",
    "tls/src/strings/key_pins.rs",
    "tls/src/strings/server_strings.rs",
    "tls/src/strings/session_strings.rs",
];

/// The lines of a file, and those of them that ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct LineCount {
    lines: u64,
    ran: u64,
}

impl LineCount {
    fn percent(self) -> f64 {
        self.ran as f64 * 100.0 / self.lines.max(1) as f64
    }
}

pub(crate) fn lines(mut parser: Parser) -> Result<ExitCode, lexopt::Error> {
    match parser.next()? {
        Some(Arg::Long("help") | Arg::Short('h')) => return print(HELP),
        Some(other) => return Ok(misused(&other.unexpected(), HELP)),
        None => {}
    }
    let tools = match Tools::find() {
        Ok(tools) => tools,
        Err(reason) => {
            note(&format!("cargo xtask lines: skipped: {reason}\n"));
            return Ok(ExitCode::SUCCESS);
        }
    };
    run(&tools).or_else(|error| {
        note(&format!("cargo xtask lines: {error}\n"));
        Ok(ExitCode::FAILURE)
    })
}

fn run(tools: &Tools) -> Result<ExitCode, Box<dyn Error>> {
    let build = CountedTests::prepare()?;
    let executables = build.executables()?;
    let profiles = build.profiles()?;
    build.test(&profiles)?;
    let merged = profiles.join("all.profdata");
    let raw = fs::read_dir(&profiles)?.map(|entry| entry.map(|entry| entry.path()));
    let raw = raw.collect::<Result<Vec<PathBuf>, _>>()?;
    output(tools.profdata().args(["merge", "--sparse", "--output"]).arg(&merged).args(raw))?;
    let counts = counts(&export(tools, &merged, &executables)?, build.workspace())?;
    let total = total(&counts)?;
    print(&table(&counts, total))?;
    if total.percent() < LEAST {
        return Err(format!("the tests run less than {LEAST} % of the lines").into());
    }
    Ok(ExitCode::SUCCESS)
}

fn export(tools: &Tools, merged: &Path, executables: &[PathBuf]) -> Result<String, Box<dyn Error>> {
    let mut command: Command = tools.cov();
    command.args(["export", "--summary-only", "--instr-profile"]).arg(merged);
    for executable in executables {
        command.arg("--object").arg(executable);
    }
    output(&mut command)
}

/// The parsers' files below the workspace, with their lines.
fn counts(exported: &str, workspace: &Path) -> Result<BTreeMap<String, LineCount>, Box<dyn Error>> {
    let exported: Value = serde_json::from_str(exported)?;
    let files = exported["data"][0]["files"].as_array().ok_or("llvm-cov tells no files")?;
    let count = |file: &Value| {
        let path = Path::new(file["filename"].as_str()?).strip_prefix(workspace).ok()?;
        let path = path.to_str().filter(|path| is_parser(path))?;
        let summary = &file["summary"]["lines"];
        let (lines, ran) = (summary["count"].as_u64()?, summary["covered"].as_u64()?);
        Some((path.to_owned(), LineCount { lines, ran }))
    };
    Ok(files.iter().filter_map(count).collect())
}

fn is_parser(path: &str) -> bool {
    PARSERS.iter().any(|parser| matches(parser, path))
}

/// Whether a line of the list means this path.
fn matches(parser: &str, path: &str) -> bool {
    if parser.ends_with('/') { path.starts_with(parser) } else { path == parser }
}

fn total(counts: &BTreeMap<String, LineCount>) -> Result<LineCount, Box<dyn Error>> {
    let is_there = |parser: &&&str| counts.keys().any(|path| matches(parser, path));
    if let Some(missing) = PARSERS.iter().find(|parser| !is_there(parser)) {
        return Err(format!("no test links {missing}").into());
    }
    Ok(counts.values().fold(LineCount::default(), |sum, count| LineCount {
        lines: sum.lines + count.lines,
        ran: sum.ran + count.ran,
    }))
}

fn table(counts: &BTreeMap<String, LineCount>, total: LineCount) -> String {
    let mut text = String::new();
    let all = counts.iter().map(|(path, count)| (&**path, *count)).chain([("all", total)]);
    for (path, count) in all {
        let LineCount { lines, ran } = count;
        let _ = writeln!(text, "{:6.2} %  {ran:5} of {lines:5}  {path}", count.percent());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exported(files: &[(&str, u64, u64)]) -> String {
        let file = |(path, count, covered): &(&str, u64, u64)| {
            serde_json::json!({
                "filename": path, "summary": {"lines": {"count": count, "covered": covered}},
            })
        };
        let files: Vec<Value> = files.iter().map(file).collect();
        serde_json::json!({ "data": [{ "files": files }] }).to_string()
    }

    #[test]
    fn the_files_that_parse_are_counted_and_no_others() {
        let files = [
            ("/w/endpoints/src/host.rs", 10, 9),
            ("/w/endpoints/src/sni/hello.rs", 10, 10),
            ("/w/endpoints/src/retry.rs", 100, 0),
            ("/other/endpoints/src/host.rs", 100, 0),
        ];
        let counts = counts(&exported(&files), Path::new("/w")).unwrap();
        let paths: Vec<_> = counts.keys().map(|path| &**path).collect();
        assert_eq!(paths, ["endpoints/src/host.rs", "endpoints/src/sni/hello.rs"]);
        let text = table(&counts, LineCount { lines: 20, ran: 19 });
        assert!(text.starts_with(" 90.00 %      9 of    10  endpoints/src/host.rs\n"), "{text}");
        assert!(text.ends_with(" 95.00 %     19 of    20  all\n"), "{text}");
    }

    #[test]
    fn a_parser_that_no_test_links_is_an_error() {
        let error = total(&BTreeMap::new()).unwrap_err().to_string();
        assert_eq!(error, "no test links endpoints/src/argument.rs");
        let every = |parser: &&str| {
            let path =
                if parser.ends_with('/') { format!("{parser}x.rs") } else { (*parser).into() };
            (path, LineCount { lines: 10, ran: 10 })
        };
        let counts: BTreeMap<_, _> = PARSERS.iter().map(every).collect();
        let sum = LineCount { lines: 10 * PARSERS.len() as u64, ran: 10 * PARSERS.len() as u64 };
        assert_eq!(total(&counts).unwrap(), sum);
    }

    #[test]
    fn every_line_of_the_list_is_a_file_or_a_folder() {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for parser in PARSERS {
            assert!(workspace.join(parser).exists(), "{parser}");
        }
    }
}
