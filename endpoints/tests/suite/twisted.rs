//! 50,000 strings of a generator, judged by the real Twisted and by us: the same arguments, the same refusal, or
//! a difference that the crate's header has under its number.
//!
//! Invariant: a difference is told by what the string says or by the mistake's kind, never by the answer alone.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use ropewalk_endpoints::{Description, Host, ParseError, Problem, Registry, Value};
use testkit::{Dice, judgements, skip_without_peer, twisted_python};

use crate::doubles::Reactor;

/// Answers each line `s` or `c` and a string in hexadecimal digits: the type, and each argument that is there.
const JUDGE: &str = "
import functools, sys
from twisted.internet import endpoints
from twisted.internet.endpoints import serverFromString, clientFromString
find = endpoints.getPlugins  # which walks the file system for each string
endpoints.getPlugins = functools.cache(lambda interface: list(find(interface)))
SIDES = {'s': serverFromString, 'c': clientFromString}
FIELDS = {
    'TCP4ServerEndpoint': ('tcp', ['port', 'interface', 'backlog']),
    'TCP6ServerEndpoint': ('tcp6', ['port', 'backlog', 'interface']),
    'UNIXServerEndpoint': ('unix', ['address', 'mode', 'backlog', 'wantPID']),
    'TCP4ClientEndpoint': ('tcp', ['host', 'port', 'timeout', 'bindAddress']),
    'UNIXClientEndpoint': ('unix', ['path', 'timeout', 'checkPID']),
}
def shown(name, value):
    if name == 'mode': return '%04o' % value
    if name == 'bindAddress': return '' if value is None else value[0]
    if name in ('wantPID', 'checkPID'): return '1' if value else '0'
    return str(value)
for line in sys.stdin:
    side, text = line.rstrip('\\n').split(' ')
    try:
        endpoint = SIDES[side](object(), bytes.fromhex(text).decode())
    except Exception:
        print('error')
        continue
    kind, names = FIELDS[type(endpoint).__name__]
    values = [shown(name, getattr(endpoint, '_' + name)).encode().hex() or '-' for name in names]
    print(kind, *values)
";

const KINDS: [&str; 12] =
    ["tcp", "tcp", "tcp", "unix", "unix", "unix", "tcp6", "tcp6", "TCP", "Unix", "tpc", r"t\cp"];

const NAMES: [&str; 20] = [
    "port",
    "interface",
    "backlog",
    "address",
    "mode",
    "lockfile",
    "host",
    "timeout",
    "bindAddress",
    "path",
    "checkPID",
    "abstract",
    "retry",
    "noDelay",
    "Port",
    "pörts",
    "wantPID",
    "factory",
    "",
    r"po\rt",
];

const VALUES: [&str; 58] = [
    "80",
    "0",
    "8080",
    "080",
    "+80",
    " 80 ",
    "8_0",
    "-1",
    "-0",
    "65535",
    "65536",
    "2147483648",
    "99999999999999999999",
    "0x50",
    "80.0",
    "٨٠",
    "http",
    "",
    "",
    "127.0.0.1",
    "10.0.0.1",
    "999.1.1.1",
    "1.2.3",
    "0x7f.1",
    r"\:\:1",
    r"fe80\:\:1%eth0",
    "[::1]",
    r"[\:\:1]",
    "[1.2.3.4]",
    "localhost",
    "example.com",
    "bücher.example",
    "a b",
    "-x",
    "a..b",
    "/run/a",
    "/run/a b",
    r"/run/a\:b",
    r"/run/a\=b",
    "/a=b",
    "@name",
    r"\0name",
    "/é日",
    "660",
    "0660",
    "0o660",
    "888",
    "7777",
    "10000",
    "max",
    "1",
    "yes",
    "no",
    "30s",
    "500ms",
    "1.5",
    "4294967296",
    r"a\\b",
];

const SLIPS: [&str; 14] = [":", ":", "=", "\\", "[", "]", "1", "-", " ", "é", "0", "x", "/", "."];

fn one<'a>(dice: &Dice, of: &[&'a str]) -> &'a str {
    of[dice.below(of.len())]
}

/// Strings that are right, and options that they may have.
const RIGHT: [(&str, bool, &[&str]); 8] = [
    ("tcp:8080", true, &["interface", "backlog"]),
    ("tcp:80:127.0.0.1", true, &["backlog"]),
    (r"tcp6:0:7:\:\:1", true, &["interface", "backlog"]),
    ("unix:/run/a", true, &["mode", "backlog", "lockfile"]),
    ("tcp:example.com:80", false, &["timeout", "bindAddress"]),
    ("tcp:host=10.0.0.1:80", false, &["timeout", "bindAddress"]),
    ("tcp:a.example:port=443", false, &["timeout", "bindAddress"]),
    ("unix:/run/a", false, &["timeout", "lockfile", "checkPID"]),
];

/// A string that is right but for its options' values, and in one of two a slip.
fn draw_right(dice: &Dice) -> (bool, String) {
    let (right, is_server, options) = RIGHT[dice.below(RIGHT.len())];
    let mut text = right.to_owned();
    for _ in 0..dice.below(3) {
        let option = one(dice, options);
        let numbers = ["5", "050", "+7", "660", "0", "1"];
        let value = match option {
            "interface" | "bindAddress" => one(dice, &VALUES[18..32]),
            _ if dice.one_in(3) => one(dice, &VALUES),
            _ => one(dice, &numbers),
        };
        text.push_str(&format!(":{option}={value}"));
    }
    (is_server, if dice.one_in(2) { slipped(dice, &text) } else { text })
}

/// Another string by the grammar, and in one of two a slip of the finger or more.
fn draw(dice: &Dice) -> String {
    let mut fields = vec![one(dice, &KINDS).to_owned()];
    for _ in 0..dice.below(5) {
        let value = one(dice, &VALUES);
        fields.push(match dice.one_in(2) {
            true => value.to_owned(),
            false => format!("{}={value}", one(dice, &NAMES)),
        });
    }
    if dice.one_in(20) {
        fields.rotate_left(1);
    }
    slipped(dice, &fields.join(":"))
}

fn slipped(dice: &Dice, text: &str) -> String {
    let mut text: Vec<char> = text.chars().collect();
    for _ in 0..[0, 0, 1, 2][dice.below(4)] {
        let place = dice.below(text.len() + 1);
        let removed = dice.below(2).min(text.len() - place);
        text.splice(place..place + removed, one(dice, &SLIPS).chars());
    }
    text.into_iter().collect()
}

fn is_too_large(given: &str) -> bool {
    let given = given.trim().trim_start_matches('+').replace('_', "");
    !given.is_empty() && given.bytes().all(|byte| byte.is_ascii_digit())
}

fn has_minus_or_other_digits(given: &str) -> bool {
    given.trim().starts_with('-') || !given.is_ascii() && given.chars().any(char::is_numeric)
}

/// The number of the difference for which a string that Twisted takes is a mistake here.
fn stricter(mistake: &ParseError) -> Option<u32> {
    match mistake.problem() {
        Problem::Invalid { argument, given, expected } => match *argument {
            _ if expected.contains("plain text, as") => Some(10),
            "port" | "backlog" | "mode" | "timeout" if has_minus_or_other_digits(given) => Some(2),
            "port" | "backlog" | "mode" | "timeout" if is_too_large(given) => Some(1),
            "mode" => Some(1).filter(|_| given.starts_with("0o") || given.starts_with("0O")),
            "lockfile" if has_minus_or_other_digits(given) => Some(2),
            "lockfile" if is_too_large(given) => Some(17),
            "checkPID" => Some(9),
            "interface" if expected.contains("IPv6") => Some(4),
            "host" | "interface" | "bindAddress" => Some(3),
            "address" | "path" => Some(5),
            _ => None,
        },
        Problem::TooLong { .. } => Some(5),
        Problem::Surplus { .. } | Problem::GivenTwice { .. } => {
            (mistake.problem().to_string().contains("client")).then_some(6)
        }
        _ => None,
    }
}

/// The number of the difference for which a string that Twisted refuses is taken here.
fn larger(text: &str, description: &Description) -> Option<u32> {
    let text = text.replace('\\', "");
    let given = |name: &str| text.contains(&format!("{name}="));
    let is_one_of = |name: &str, words: &[&str]| {
        words.iter().any(|word| {
            text.contains(&format!("{name}={word}")) || text.contains(&format!(":{word}"))
        })
    };
    let has = |name: &str| {
        let mut arguments = description.arguments.iter();
        arguments.any(|(listed, value)| *listed == name && *value != Value::Absent)
    };
    match description.kind {
        "tcp6" if has("host") => Some(11),
        _ if text.contains('[') => Some(10),
        _ if has("abstract") => Some(12),
        _ if given("retry") || given("noDelay") => Some(14),
        _ if has("timeout") && has_unit(&text) => Some(13),
        _ if is_one_of("backlog", &["max"]) => Some(16),
        _ if is_one_of("lockfile", &["yes", "no"]) => Some(17),
        _ => None,
    }
}

/// Whether a time has a unit in this string, which has its backslashes no more.
fn has_unit(text: &str) -> bool {
    let mut times = text.split(':').filter_map(|field| field.strip_prefix("timeout="));
    times.next_back().is_some_and(|time| time.ends_with(['s', 'm', 'h']))
}

/// The value as it is compared: an address in its shortest form, and the empty interface as what it means.
fn normal(kind: &str, name: &str, value: &str) -> String {
    match (kind, name, value.parse::<Host>()) {
        ("tcp", "interface", _) if value.is_empty() => "0.0.0.0".into(),
        (_, "host" | "interface" | "bindAddress", Ok(Host::Name(_)) | Err(_)) => value.into(),
        (_, "host" | "interface" | "bindAddress", Ok(host)) => host.to_string(),
        _ => value.into(),
    }
}

/// The numbers of the differences between two sets of arguments, or the argument that differs without one.
fn compared(
    text: &str,
    description: &Description,
    twisted: &[String],
    is_server: bool,
) -> Result<Vec<u32>, String> {
    let names: &[&str] = match (description.kind, is_server) {
        ("tcp", true) => &["port", "interface", "backlog"],
        ("tcp6", true) => &["port", "backlog", "interface"],
        ("unix", true) => &["address", "mode", "backlog", "lockfile"],
        ("tcp", false) => &["host", "port", "timeout", "bindAddress"],
        ("unix", false) => &["path", "timeout", "lockfile"],
        (kind, _) => return Err(kind.into()),
    };
    let mut numbers = Vec::new();
    for (name, theirs) in names.iter().zip(twisted) {
        let ours = description.arguments.iter().find(|(listed, _)| listed == name);
        let ours = ours.map(|(_, value)| value.to_string()).unwrap_or_default();
        match (*name, theirs.as_str(), ours.as_str()) {
            _ if normal(description.kind, name, theirs) == ours => {}
            ("backlog", "50", "max") => numbers.push(16),
            ("mode", "0666", "0600") => numbers.push(8),
            ("lockfile", ..) if text.contains("checkPID") => numbers.push(9),
            (_, theirs, ours) => return Err(format!("{name}: {theirs:?}, here {ours:?}")),
        }
    }
    Ok(numbers)
}

fn understood(registry: &Registry, is_server: bool, text: &str) -> Result<Description, ParseError> {
    match is_server {
        true => registry.parse_server(text).map(|parsed| parsed.description),
        false => registry.parse_client(text).map(|parsed| parsed.description),
    }
}

#[test]
fn twisted_takes_the_same_strings_for_the_same_but_for_the_written_differences() {
    let python = match twisted_python(Path::new(env!("CARGO_TARGET_TMPDIR"))) {
        Ok(python) => python,
        Err(reason) => return skip_without_peer(&reason),
    };
    let (registry, dice) = (Reactor::new().registry(), Dice::new(14));
    let strings: Vec<(bool, String)> = (0..50_000)
        .map(|_| match dice.one_in(3) {
            true => (dice.one_in(2), draw(&dice)),
            false => draw_right(&dice),
        })
        .collect();
    let answers = judgements(Command::new(python), JUDGE, &strings);
    assert_eq!(answers.len(), strings.len());
    let (mut same, mut refused, mut differing) = (0, 0, BTreeMap::<u32, usize>::new());
    let mut wrong = Vec::new();
    for ((is_server, text), twisted) in strings.iter().zip(&answers) {
        let outcome = match (understood(&registry, *is_server, text), twisted) {
            (Err(_), None) => {
                refused += 1;
                continue;
            }
            (Ok(ours), None) => {
                larger(text, &ours).map(|number| vec![number]).ok_or("taken".into())
            }
            (Err(mistake), Some(_)) => {
                stricter(&mistake).map(|number| vec![number]).ok_or(mistake.message())
            }
            (Ok(ours), Some((_, arguments))) => compared(text, &ours, arguments, *is_server),
        };
        match outcome {
            Ok(numbers) if numbers.is_empty() => same += 1,
            Ok(numbers) => numbers.iter().for_each(|it| *differing.entry(*it).or_default() += 1),
            Err(reason) => wrong.push(format!("{text:?} (server: {is_server}): {reason}")),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} strings:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(40)].join("\n")
    );
    let told = format!("{same} the same, {refused} refused by both, by number {differing:?}");
    assert!(same > 2_000 && refused > 10_000, "{told}");
    let never: Vec<_> = [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 16, 17]
        .into_iter()
        .filter(|number| !differing.contains_key(number))
        .collect();
    assert!(never.is_empty(), "{never:?} never come up: {told}");
    println!("{told}");
}
