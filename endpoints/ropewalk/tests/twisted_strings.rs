//! Strings of the kinds with files, descriptors and wrapped endpoints, judged by the real Twisted and by us: the same
//! arguments, the same refusal, or a difference that a crate's documentation has.
//!
//! Invariant: a difference is told by what the string says or by the mistake's kind, never by the answer alone.
#![allow(clippy::unwrap_used, reason = "a test may")]
#![cfg(all(feature = "tls", feature = "systemd"))]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use ropewalk::endpoints::{Description, Host, ParseError, Problem, Registry, Value};
use ropewalk::prelude::*;
use testkit::{Dice, judgements, skip_without_peer, twisted_python};

/// Makes the files that the strings name, and answers with the innermost endpoint's type and arguments.
const JUDGE: &str = "
import datetime, functools, os, sys, warnings
warnings.simplefilter('ignore')
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet import endpoints
from twisted.python.systemd import ListenFDs
key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, 'example.com')])
now = datetime.datetime.now()
certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(1)).sign(key, hashes.SHA256()))
certificate = certificate.public_bytes(serialization.Encoding.PEM)
key = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
os.mkdir('certs')
for path, text in ('pair.pem', certificate + key), ('cert.pem', certificate), ('key.pem', key), ('certs/a.pem', certificate + key):
    with open(path, 'wb') as file: file.write(text)
find = endpoints.getPlugins  # which walks the file system for each string
endpoints.getPlugins = functools.cache(lambda interface: list(find(interface)))
endpoints._SystemdParser._sddaemon = ListenFDs([3, 4], ['web', 'api'])
SIDES = {'s': endpoints.serverFromString, 'c': endpoints.clientFromString}
FIELDS = {
    'TCP4ServerEndpoint': ['port', 'interface', 'backlog'],
    'TCP6ServerEndpoint': ['port', 'interface', 'backlog'],
    'UNIXServerEndpoint': ['address', 'mode', 'backlog', 'wantPID'],
    'SSL4ServerEndpoint': ['port', 'interface', 'backlog'],
    'SSL4ClientEndpoint': ['host', 'port', 'timeout', 'bindAddress'],
    'HostnameEndpoint': ['hostText', 'port', 'timeout', 'bindAddress'],
    'AdoptedStreamServerEndpoint': [],
    'StandardIOEndpoint': [],
    'TCP4ClientEndpoint': [],
    'UNIXClientEndpoint': [],
}
WRAPPED = ('wrappedendpoint', 'endpoint', 'baseendpoint')
NAMES = {'wantPID': 'lockfile', 'hostText': 'host'}
def shown(name, value):
    if name == 'mode': return '%04o' % value
    if name == 'bindAddress': return '' if value is None else value[0]
    if name == 'wantPID': return '1' if value else '0'
    return str(value)
for line in sys.stdin:
    side, text = line.rstrip('\\n').split(' ')
    try:
        endpoint = SIDES[side](object(), bytes.fromhex(text).decode())
    except Exception:
        print('error')
        continue
    while inner := [value for name, value in vars(endpoint).items() if name.strip('_').lower() in WRAPPED]:
        endpoint = inner[0]
    kind = type(endpoint).__name__
    pairs = [NAMES.get(name, name) + '=' + shown(name, getattr(endpoint, '_' + name)) for name in FIELDS[kind]]
    print(kind, *[pair.encode().hex() for pair in pairs])
";

/// Strings that are right, and options that they may have.
const RIGHT: [(&str, bool, &[&str]); 18] = [
    ("ssl:443:privateKey=pair.pem", true, &["interface", "backlog", "sslmethod", "extraCertChain"]),
    ("ssl:8443:key.pem:cert.pem", true, &["sslmethod", "interface", "dhParameters"]),
    ("ssl:443", true, &["privateKey", "certKey", "backlog"]),
    ("tls:certs", true, &["port", "backlog", "interface"]),
    (r"tls:certs:8443:7:\:\:1", true, &["interface"]),
    ("tls:path=certs:port=1", true, &["interface", "backlog"]),
    ("ssl:example.com:443", false, &["timeout", "bindAddress", "hostname", "caCertsDir"]),
    ("ssl:host=10.0.0.1:1", false, &["timeout", "certKey", "privateKey", "caCertsDir"]),
    ("tls:example.com:443", false, &["timeout", "bindAddress", "trustRoots", "endpoint"]),
    ("tls:10.0.0.1:8443:10", false, &["bindAddress", "certificate", "privateKey"]),
    ("tls:example.com:1:timeout=5", false, &["endpoint", "certificate"]),
    ("systemd:INET:0", true, &["name"]),
    ("systemd:domain=UNIX", true, &["name", "index"]),
    ("systemd:name=web", true, &["index"]),
    ("stdio", true, &["backlog"]),
    ("haproxy:tcp:80", true, &["interface", "backlog"]),
    (r"haproxy:unix:/run/a\:b", true, &["mode", "lockfile"]),
    ("haproxy:ssl:443:privateKey=pair.pem", true, &["interface", "certKey"]),
];

/// The values that an option has.
fn values(option: &str) -> &'static [&'static str] {
    match option {
        "privateKey" | "certKey" | "extraCertChain" | "certificate" => {
            &["pair.pem", "pair.pem", "cert.pem", "key.pem", "no-such.pem", "", "certs"]
        }
        "caCertsDir" | "trustRoots" => &["certs", "certs", "no-such", "pair.pem", ""],
        "dhParameters" => &["pair.pem", "no-such.pem"],
        "sslmethod" => &["TLS_METHOD", "SSLv23_METHOD", "TLSv1_2_METHOD", "TLSv1_METHOD", "x", ""],
        "hostname" => &["example.com", "bücher.example", "a b", "", "10.0.0.1"],
        "endpoint" => &[r"tcp\:10.0.0.1\:80", r"tcp\:a", "tcp:a:1", "", r"unix\:/run/a"],
        "name" => &["web", "api", "other", ""],
        "index" => &["0", "1", "2", "-1", "x", "+1"],
        "interface" | "bindAddress" => &["127.0.0.1", r"\:\:1", "[::1]", "", "1.2.3", "a b"],
        "mode" => &["660", "0o600", "888", "10000"],
        "lockfile" => &["0", "1", "yes", "2"],
        _ => &["5", "050", "+7", " 9 ", "-1", "30s", "99999", "4294967296", "max", "x", ""],
    }
}

const SLIPS: [&str; 15] =
    [":", ":", "=", "\\", "[", "1", "-", " ", "é", "0", "x", ".", "tcp", "ssl:", "Z"];

fn draw(dice: &Dice) -> (bool, String) {
    let (right, is_server, options) = RIGHT[dice.below(RIGHT.len())];
    let mut text = right.to_owned();
    for _ in 0..dice.below(3) {
        let option = options[dice.below(options.len())];
        let values = values(option);
        text.push_str(&format!(":{option}={}", values[dice.below(values.len())]));
    }
    let mut text: Vec<char> = text.chars().collect();
    for _ in 0..[0, 0, 0, 1, 1, 2][dice.below(6)] {
        let place = dice.below(text.len() + 1);
        let removed = dice.below(2).min(text.len() - place);
        text.splice(place..place + removed, SLIPS[dice.below(SLIPS.len())].chars());
    }
    (is_server, text.into_iter().collect())
}

/// The differences, each with the words that the documentation has for it.
const WRITTEN: [(&str, &str); 17] = [
    ("endpoints 1 and 2", "A port above 65535 is a mistake"),
    ("endpoints 3", "A host or an interface that is neither a numeric address nor a host name"),
    ("endpoints 6", "any argument of `stdio` are mistakes"),
    ("endpoints 8", "UNIX sockets have mode 0600"),
    ("endpoints 10", "IPv6 addresses in brackets"),
    ("endpoints 13", "Times with a unit"),
    ("endpoints 16", "The backlog is as large as the kernel allows"),
    ("endpoints 17", "A switch is also `yes` or `true`"),
    (
        "systemd: a negative index",
        "A negative index, which Twisted counts from the end, is an error",
    ),
    ("systemd: looks at no descriptor", "`listen` checks that the descriptor exists"),
    ("systemd: domain", "`domain` may be left out"),
    ("tls: a key alone", "A private key without its certificate is an error"),
    ("tls: dhParameters", "`dhParameters` is refused"),
    ("tls: files", "Files are opened when they are needed, not when the string is parsed"),
    ("tls: interface", "An empty `interface` of a `tls` server is every address"),
    ("tls: next to endpoint", "`timeout` and `bindAddress` next to `endpoint` are errors"),
    ("tls: sslmethod", "`sslmethod` takes `TLS_METHOD`"),
];

/// The difference for which a string that Twisted takes is a mistake here.
fn stricter(mistake: &ParseError) -> Option<&'static str> {
    match mistake.problem() {
        Problem::Invalid { argument, expected, .. } => match *argument {
            _ if expected.contains("plain text, as") => Some("endpoints 10"),
            "sslmethod" => Some("tls: sslmethod"),
            "privateKey" => Some("tls: a key alone"),
            "port" | "backlog" | "mode" | "timeout" => Some("endpoints 1 and 2"),
            "lockfile" => Some("endpoints 17"),
            "index" => Some("systemd: a negative index"),
            "host" | "interface" | "bindAddress" | "hostname" => Some("endpoints 3"),
            _ => None,
        },
        Problem::Excluded { argument: "endpoint", .. }
        | Problem::Excluded { other: "endpoint", .. } => Some("tls: next to endpoint"),
        Problem::Refused { message } => {
            let mut known = REFUSED.iter().filter(|(words, _)| message.contains(words));
            known.next().map(|(_, reason)| *reason)
        }
        Problem::UnknownOption { kind: "stdio", .. } => Some("endpoints 6"),
        Problem::Surplus { .. } | Problem::GivenTwice { .. } => Some("endpoints 6"),
        _ => None,
    }
}

/// The differences for which a kind has a message of its own, by words of it.
const REFUSED: [(&str, &str); 3] = [
    ("dhParameters", "tls: dhParameters"),
    ("is given without", "tls: a key alone"),
    ("no longer offered", "tls: sslmethod"),
];

/// The values of these arguments, as the string has them.
fn given<'t>(text: &'t str, names: &'t [&str]) -> impl Iterator<Item = &'t str> {
    text.split(':').filter_map(|field| {
        let (name, value) = field.split_once('=')?;
        names.contains(&name).then_some(value)
    })
}

/// The difference for which a string that Twisted refuses is taken here.
fn larger(text: &str, innermost: &Description) -> Option<&'static str> {
    let value = |name: &str| {
        let mut arguments = innermost.arguments.iter();
        arguments.find(|(listed, _)| *listed == name).map(|(_, value)| value.to_string())
    };
    let is_tls = innermost.layers.iter().any(|layer| layer == "tls");
    match innermost.kind {
        "systemd" if value("domain").is_some_and(|domain| domain.is_empty()) => {
            Some("systemd: domain")
        }
        "systemd" => Some("systemd: looks at no descriptor"),
        _ if text.contains('[') => Some("endpoints 10"),
        _ if given(text, &["timeout"]).any(|time| time.ends_with(['s', 'm', 'h'])) => {
            Some("endpoints 13")
        }
        _ if given(text, &["backlog"]).any(|backlog| backlog == "max") => Some("endpoints 16"),
        _ if given(text, &["lockfile"]).any(|lock| lock == "yes") => Some("endpoints 17"),
        _ if is_tls => Some("tls: files"),
        _ => None,
    }
}

/// The value as it is compared: an address in its shortest form, and the empty interface as what it means.
fn normal(name: &str, value: &str) -> String {
    match (name, value.parse::<Host>()) {
        ("interface", _) if value.is_empty() => "0.0.0.0".into(),
        // A name means the same in capitals.
        ("host" | "interface" | "bindAddress", Ok(host)) => host.to_string().to_lowercase(),
        _ => value.into(),
    }
}

/// The differences between two sets of arguments, or the argument that differs without one.
fn compared(innermost: &Description, twisted: &[String]) -> Result<Vec<&'static str>, String> {
    let value = |name: &str| {
        let mut arguments = innermost.arguments.iter();
        arguments.find(|(listed, _)| *listed == name).map_or(&Value::Absent, |(_, value)| value)
    };
    // The strings of the endpoints below are judged by themselves.
    if *value("endpoint") != Value::Absent {
        return Ok(Vec::new());
    }
    let mut reasons = Vec::new();
    for pair in twisted {
        let (name, theirs) = pair.split_once('=').unwrap();
        match (name, theirs, &*normal(name, &value(name).to_string())) {
            (_, theirs, ours) if normal(name, theirs) == ours => {}
            ("backlog", "50", "max") => reasons.push("endpoints 16"),
            ("mode", "0666", "0600") => reasons.push("endpoints 8"),
            ("interface", "", "::") if innermost.kind == "tls" => reasons.push("tls: interface"),
            (_, theirs, ours) => return Err(format!("{name}: {theirs:?}, here {ours:?}")),
        }
    }
    Ok(reasons)
}

fn understood(registry: &Registry, is_server: bool, text: &str) -> Result<Description, ParseError> {
    let mut description = match is_server {
        true => registry.parse_server(text)?.description,
        false => registry.parse_client(text)?.description,
    };
    while let Some(wrapped) = description.wrapped {
        description = *wrapped;
    }
    Ok(description)
}

const STRINGS: usize = 10_000;

#[test]
fn twisted_takes_the_same_strings_of_these_kinds_but_for_the_written_differences() {
    let python = match twisted_python(Path::new(env!("CARGO_TARGET_TMPDIR"))) {
        Ok(python) => python,
        Err(reason) => return skip_without_peer(&reason),
    };
    let (registry, dice) = (ropewalk::registry(Reactor::new().unwrap()), Dice::new(26));
    let strings: Vec<(bool, String)> = (0..STRINGS).map(|_| draw(&dice)).collect();
    let directory = tempfile::tempdir().unwrap();
    let mut python = Command::new(python);
    python.current_dir(&directory);
    let answers = judgements(python, JUDGE, &strings);
    assert_eq!(answers.len(), strings.len());
    let (mut same, mut refused) = (0, 0);
    let (mut differing, mut wrong) = (BTreeMap::<&str, usize>::new(), Vec::new());
    for ((is_server, text), twisted) in strings.iter().zip(&answers) {
        let outcome = match (understood(&registry, *is_server, text), twisted) {
            (Err(_), None) => {
                refused += 1;
                continue;
            }
            (Ok(ours), None) => {
                larger(text, &ours).map(|reason| vec![reason]).ok_or("taken".into())
            }
            (Err(mistake), Some(_)) => {
                stricter(&mistake).map(|reason| vec![reason]).ok_or(mistake.message())
            }
            (Ok(ours), Some((_, arguments))) => compared(&ours, arguments),
        };
        match outcome {
            Ok(reasons) if reasons.is_empty() => same += 1,
            Ok(reasons) => reasons.iter().for_each(|it| *differing.entry(*it).or_default() += 1),
            Err(reason) => wrong.push(format!("{text:?} (server: {is_server}): {reason}")),
        }
    }
    let told = format!("{same} the same, {refused} refused by both, differing {differing:?}");
    let shown = wrong[..wrong.len().min(40)].join("\n");
    assert!(wrong.is_empty(), "{} strings; {told}:\n{shown}", wrong.len());
    assert!(same > STRINGS / 10 && refused > STRINGS / 10, "{told}");
    let never = WRITTEN.iter().filter(|(reason, _)| !differing.contains_key(reason));
    assert_eq!(never.collect::<Vec<_>>(), [] as [&_; 0], "{told}");
    assert!(differing.keys().all(|reason| WRITTEN.iter().any(|(it, _)| it == reason)), "{told}");
    println!("{told}");
}

#[test]
fn every_difference_is_written_where_its_kind_is_documented() {
    let documentation = [
        include_str!("../../src/lib.rs"),
        include_str!("../../../systemd/src/parser.rs"),
        include_str!("../../../tls/src/strings/mod.rs"),
    ];
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let documentation = words(&documentation.concat()).replace(" //! ", " ").replace(" /// ", " ");
    for (reason, text) in WRITTEN {
        assert!(documentation.contains(&words(text)), "{reason}: {text}");
    }
}
