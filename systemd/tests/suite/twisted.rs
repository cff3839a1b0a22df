//! Environments mean here what they mean to the real Twisted, but for the written differences.
//!
//! Invariant: where Twisted cannot be had this is skipped with a printed reason.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use ropewalk_systemd as systemd;
use systemd::{Announcement, ListenFdsError};
use testkit::{Dice, skip_without_peer, twisted_python};

/// Reads one environment a line, `pid-is-own TAB count TAB names`, with `-` for an absent one and the others
/// in hexadecimal, and answers the names, as Twisted finds them.
const JUDGE: &str = "
import os, sys
from twisted.python.systemd import ListenFDs
for line in sys.stdin:
    own, *texts = line.rstrip('\\n').split('\\t')
    environ = {'LISTEN_PID': str(os.getpid()) if own == '1' else '1'}
    for name, text in zip(['LISTEN_FDS', 'LISTEN_FDNAMES'], texts):
        if text != '-':
            environ[name] = os.fsdecode(bytes.fromhex(text))
    found = ListenFDs.fromEnvironment(environ)
    names = found._names
    assert found.inheritedDescriptors() == list(range(3, 3 + len(names)))
    print(len(names), *[os.fsencode(name).hex() for name in names], sep='\\t')
";

struct Environment {
    is_own: bool,
    count: Option<Vec<u8>>,
    names: Option<Vec<u8>>,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn environment(dice: &Dice) -> Environment {
    let counts = [
        "0", "1", "2", "3", "02", "", "-1", "+2", " 2", "2 ", "2\n", "x", "1_0", "\u{663}", "5000",
    ];
    let names = ["", ":", "a", "a:b", "a:a", "a:b:c", "::", "a b:c", "ä:b", "a:b:c:d"];
    let maybe = |text: &str| (!dice.one_in(6)).then(|| text.as_bytes().to_vec());
    Environment {
        is_own: !dice.one_in(8),
        count: maybe(counts[dice.below(counts.len())]),
        names: maybe(names[dice.below(names.len())]),
    }
}

impl Environment {
    fn line(&self) -> String {
        let text = |text: &Option<Vec<u8>>| text.as_ref().map_or("-".into(), |text| hex(text));
        format!("{}\t{}\t{}\n", u8::from(self.is_own), text(&self.count), text(&self.names))
    }

    fn found(&self) -> Result<Vec<String>, ListenFdsError> {
        let text = |text: &Option<Vec<u8>>| Some(OsStr::from_bytes(text.as_ref()?).to_owned());
        let variable = |name: &str| match name {
            "LISTEN_PID" => Some(OsString::from(if self.is_own { "7" } else { "1" })),
            "LISTEN_FDS" => text(&self.count),
            _ => text(&self.names),
        };
        Announcement::from_variables(7, variable).map(|announcement| announcement.names().to_vec())
    }
}

/// Whether the answers are the same, or differ as `Announcement::from_variables` says.
fn agree(environment: &Environment, twisted: &[String]) -> bool {
    match environment.found() {
        Ok(names) if names == twisted => true,
        // Of one descriptor an empty variable is the name; Twisted finds none.
        Ok(names) if environment.names.as_deref() == Some(b"") => {
            twisted.is_empty() && names == [""]
        }
        // Without names systemd's library calls them unknown; Twisted finds none.
        Ok(names) => {
            environment.names.is_none()
                && twisted.is_empty()
                && names.iter().all(|name| name == "unknown")
        }
        // A count with a sign, a space or other digits is an error; Twisted takes it as Python's `int` does.
        Err(ListenFdsError::Count { .. }) => true,
        Err(ListenFdsError::NamesMismatch { .. }) => twisted.is_empty(),
        Err(_) => false,
    }
}

#[test]
fn twisted_finds_the_same_names_but_for_the_written_differences() {
    let python = match twisted_python(Path::new(env!("CARGO_TARGET_TMPDIR"))) {
        Ok(python) => python,
        Err(reason) => return skip_without_peer(&reason),
    };
    let dice = Dice::new(1);
    let environments: Vec<Environment> = (0..20_000).map(|_| environment(&dice)).collect();
    let mut python = Command::new(python);
    let python = python.args(["-c", JUDGE]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = python.spawn().unwrap();
    let lines: String = environments.iter().map(Environment::line).collect();
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    writer.join().unwrap().unwrap();
    assert_eq!(output.lines().count(), environments.len());
    let mut some_names = 0;
    for (environment, answer) in environments.iter().zip(output.lines()) {
        let mut words = answer.split('\t');
        let count: usize = words.next().unwrap().parse().unwrap();
        let names: Vec<String> = words.take(count).map(from_hex).collect();
        assert!(agree(environment, &names), "{}: {names:?}", environment.line());
        some_names += usize::from(!names.is_empty());
    }
    assert!(some_names > 1000, "the comparison has something to compare: {some_names}");
}

fn from_hex(text: &str) -> String {
    let digits: Vec<char> = text.chars().collect();
    let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).unwrap();
    String::from_utf8(digits.chunks(2).map(byte).collect()).unwrap()
}
