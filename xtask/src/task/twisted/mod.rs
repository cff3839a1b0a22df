//! `cargo xtask twisted`: Twisted's own tests on this workspace's reactor, beside Twisted's reactors.
//!
//! The bridge is in `xtask/twisted`, which is a workspace of its own. Invariant: the run fails for a test
//! that passes on the control and not here, if `expected.tsv` has no reason for it, and for a reason whose
//! test passes.

mod environment;
mod expected;
mod programs;
mod results;

use std::error::Error;
use std::iter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cargo_metadata::MetadataCommand;
use lexopt::{Arg, Parser, ValueExt as _};

use self::environment::{Environment, OF_TWISTED, ScriptRun, Unavailable};
use self::expected::Expected;
use self::results::TestResults;
use super::{note, print};

const HELP: &str = "\
cargo xtask twisted [SUITE]...

Builds the reactor for Python, and runs Twisted's own tests on it and on epollreactor, and those with an event
loop of asyncio on it and on asyncioreactor; prints how many passed, failed, ended with an error and were
skipped, class by class, and what passed on Twisted's reactor. Twisted
and maturin are installed below the target directory; where they cannot be had, it says so, and that is no
failure.
  SUITE       only this one: a module of Twisted's tests, by its last name (test_tcp, test_endpoints)
  --wheel     only builds the wheel, and prints its path
  --programs  runs programs of others and their suites in place of Twisted's, and prints how many of their tests
              passed; SUITE is then a name in xtask/twisted/programs/programs.tsv

Exit codes: 0 what failed is in xtask/twisted/expected.tsv, 1 it is not, or a line there is of a test that
passes, 64 the arguments were not understood.
";

/// The job that the arguments ask for.
#[derive(Clone, Copy)]
enum What {
    Suites,
    Programs,
    Wheel,
}

/// How a suite gets its reactor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// It makes one for each test: Twisted's `ReactorBuilder`.
    Builder,
    /// It uses the one of the process.
    Program,
    /// It uses the one of the process, which has an event loop of asyncio.
    Asyncio,
}

const MODES: [Mode; 3] = [Mode::Builder, Mode::Program, Mode::Asyncio];

impl Mode {
    /// As the judge in Python knows it.
    fn name(self) -> &'static str {
        match self {
            Self::Builder => "builder",
            Self::Program => "program",
            Self::Asyncio => "asyncio",
        }
    }
}

/// The suites: those that test a reactor, those of the protocols over one, and ours in `xtask/twisted/tests`.
const SUITES: [(Mode, &str); 43] = [
    (Mode::Builder, "twisted.internet.test.test_core"),
    (Mode::Builder, "twisted.internet.test.test_fdset"),
    (Mode::Builder, "twisted.internet.test.test_newtls"),
    (Mode::Builder, "twisted.internet.test.test_process"),
    (Mode::Builder, "twisted.internet.test.test_socket"),
    (Mode::Builder, "twisted.internet.test.test_stdio"),
    (Mode::Builder, "twisted.internet.test.test_tcp"),
    (Mode::Builder, "twisted.internet.test.test_threads"),
    (Mode::Builder, "twisted.internet.test.test_time"),
    (Mode::Builder, "twisted.internet.test.test_tls"),
    (Mode::Builder, "twisted.internet.test.test_udp"),
    (Mode::Builder, "twisted.internet.test.test_unix"),
    (Mode::Program, "twisted.internet.test.test_endpoints"),
    (Mode::Program, "twisted.protocols.test.test_basic"),
    (Mode::Program, "twisted.protocols.test.test_tls"),
    (Mode::Program, "twisted.test.test_amp"),
    (Mode::Program, "twisted.test.test_ftp"),
    (Mode::Program, "twisted.test.test_internet"),
    (Mode::Program, "twisted.test.test_pb"),
    (Mode::Program, "twisted.test.test_policies"),
    (Mode::Program, "twisted.test.test_process"),
    (Mode::Program, "twisted.test.test_ssl"),
    (Mode::Program, "twisted.test.test_sslverify"),
    (Mode::Program, "twisted.test.test_tcp"),
    (Mode::Program, "twisted.test.test_udp"),
    (Mode::Program, "twisted.test.test_unix"),
    (Mode::Program, "twisted.mail.test.test_imap"),
    (Mode::Program, "twisted.mail.test.test_mail"),
    (Mode::Program, "twisted.mail.test.test_pop3"),
    (Mode::Program, "twisted.mail.test.test_pop3client"),
    (Mode::Program, "twisted.mail.test.test_smtp"),
    (Mode::Program, "twisted.names"),
    (Mode::Program, "twisted.web"),
    (Mode::Program, "twisted.words"),
    (Mode::Program, "test_bridge"),
    (Mode::Program, "test_use"),
    (Mode::Asyncio, "test_asyncio"),
    (Mode::Asyncio, "twisted.internet.test.test_endpoints"),
    (Mode::Asyncio, "twisted.test.test_defer"),
    (Mode::Asyncio, "twisted.test.test_internet"),
    (Mode::Asyncio, "twisted.test.test_process"),
    (Mode::Asyncio, "twisted.test.test_ssl"),
    (Mode::Asyncio, "twisted.test.test_tcp"),
];

pub(crate) fn twisted(mut parser: Parser) -> Result<ExitCode, lexopt::Error> {
    let mut asked = Vec::new();
    let mut what = What::Suites;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return print(HELP),
            Arg::Long("wheel") => what = What::Wheel,
            Arg::Long("programs") => what = What::Programs,
            Arg::Value(name) => asked.push(name.string()?),
            other => return Ok(super::misused(&other.unexpected(), HELP)),
        }
    }
    let done = match what {
        What::Wheel => wheel(),
        What::Programs => judge_programs(&asked),
        What::Suites => match chosen(&asked) {
            Ok(suites) => judge(&suites),
            Err(unknown) => {
                let error = format!("there is no suite {unknown}").into();
                return Ok(super::misused(&error, HELP));
            }
        },
    };
    done.or_else(|error| {
        note(&format!("cargo xtask twisted: {error}\n"));
        Ok(ExitCode::FAILURE)
    })
}

/// The suites of these names, or all.
///
/// # Errors
///
/// A name that no suite has.
fn chosen(asked: &[String]) -> Result<Vec<(Mode, &'static str)>, &str> {
    let named = |suite: &str, name: &str| suite == name || suite.ends_with(&format!(".{name}"));
    if let Some(unknown) =
        asked.iter().find(|name| !SUITES.iter().any(|(_, suite)| named(suite, name)))
    {
        return Err(unknown);
    }
    let wanted = |suite: &str| asked.is_empty() || asked.iter().any(|name| named(suite, name));
    Ok(SUITES.into_iter().filter(|(_, suite)| wanted(suite)).collect())
}

/// Where Python's packages are installed.
fn directory() -> Result<PathBuf, Box<dyn Error>> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(workspace).no_deps().exec()?;
    Ok(metadata.target_directory.into_std_path_buf().join("twisted"))
}

fn wheel() -> Result<ExitCode, Box<dyn Error>> {
    let wheel = Environment::prepare(&directory()?, &OF_TWISTED)?.build()?;
    Ok(print(&format!("{}\n", wheel.display()))?)
}

fn skipped(reason: &Unavailable) -> ExitCode {
    note(&format!("cargo xtask twisted: skipped, as {reason}\n"));
    ExitCode::SUCCESS
}

fn judge_programs(asked: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    let directory = directory()?;
    let environment = match Environment::prepare(&directory, &OF_TWISTED) {
        Ok(environment) => environment,
        Err(reason) => return Ok(skipped(&reason)),
    };
    let complaints = programs::run(&directory.join("programs"), &environment.build()?, asked)?;
    note(&complaints.join(""));
    Ok(if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn judge(suites: &[(Mode, &'static str)]) -> Result<ExitCode, Box<dyn Error>> {
    let environment = match Environment::prepare(&directory()?, &OF_TWISTED) {
        Ok(environment) => environment,
        Err(reason) => return Ok(skipped(&reason)),
    };
    environment.install(&environment.build()?)?;
    let mut outcomes = TestResults::default();
    for mode in MODES {
        let modules = suites.iter().filter(|(of, _)| *of == mode).map(|(_, suite)| *suite);
        let arguments: Vec<&str> = iter::once(mode.name()).chain(modules).collect();
        if arguments.len() == 1 {
            continue;
        }
        let script = "judge/run_suites.py";
        let run = ScriptRun { name: mode.name(), script, arguments: &arguments };
        // Both at once, as most tests wait more than they work.
        let (ours, control) = environment.run_both(&run)?;
        outcomes.add(&ours, &control)?;
    }
    print(&outcomes.table())?;
    let expected = Expected::read(&environment::sources().join("expected.tsv"))?;
    let complaints = expected.complaints(&outcomes);
    if complaints.is_empty() {
        print(&format!(
            "{} tests do not pass, each for a reason that is listed\n",
            outcomes.worse().count()
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    note(&complaints.join(""));
    Ok(ExitCode::FAILURE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_has_its_whole_name_or_the_last_part_of_it() {
        let names = |asked: &[&str]| {
            let asked: Vec<String> = asked.iter().map(|name| (*name).to_owned()).collect();
            chosen(&asked).map(|suites| suites.len()).map_err(str::to_owned)
        };
        assert_eq!(names(&[]), Ok(SUITES.len()));
        assert_eq!(names(&["test_core"]), Ok(1));
        // One of each mode.
        assert_eq!(names(&["test_tcp"]), Ok(3));
        assert_eq!(names(&["twisted.web"]), Ok(1));
        assert_eq!(names(&["test_core", "tcp"]), Err("tcp".to_owned()));
    }
}
