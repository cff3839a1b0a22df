//! The values of the strings `ssl`, `tls` and `systemd`: each is read as the registry reads it, and prints a string that
//! means the same.
//!
//! Invariant: the same strings and values in every run.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::time::Duration;

use ropewalk::endpoints::{
    ClientString, Description, EndpointConfig, Host, ParseError, Registry, ServerString, Side,
};
use ropewalk::reactor::Reactor;
use ropewalk::systemd::{Domain, ListenFds, Selector, SystemdServerConfig};
use ropewalk::tls::rustls::NamedGroup;
use ropewalk::tls::{
    BareEnd, CertificateFiles, ClientAuthentication, ClientNames, ServerCertificates,
    SessionSettings, TlsClientConfig, TlsClientKind, TlsConnect, TlsListen, TlsServerConfig,
    TlsVersion, Trust, UnknownName, VersionRange,
};
use testkit::Dice;

fn registry() -> Registry {
    ropewalk::registry_with_inherited(Reactor::new().unwrap(), ListenFds::default())
}

/// What strings and fields are made of.
const PIECES: [&str; 30] = [
    ":",
    ":",
    "=",
    "\\",
    "[::1]",
    "%",
    "tcp",
    "ssl",
    "tls",
    "443",
    "timeout",
    "5",
    "0",
    "500ms",
    "-1",
    "127.0.0.1",
    "localhost",
    "bücher.example",
    "a.pem",
    "é",
    "\0",
    " ",
    ",",
    "yes",
    "no",
    "1.3",
    "eof=strict",
    "roots=public",
    "x25519",
    "verify=danger-none",
];

fn piece(dice: &Dice) -> &'static str {
    PIECES[dice.below(PIECES.len())]
}

/// The text with a slip of the finger, or with none.
fn slipped(dice: &Dice, text: &str) -> String {
    let mut text: Vec<char> = text.chars().collect();
    for _ in 0..dice.below(3) {
        let place = dice.below(text.len() + 1);
        let removed = dice.below(2).min(text.len() - place);
        text.splice(place..place + removed, piece(dice).chars());
    }
    text.into_iter().collect()
}

/// Whether another string is inside of it, which the registry judges.
fn has_inner(text: &str) -> bool {
    ["endpoint=", "otherwise=", "UNIX:"].iter().any(|inner| text.contains(inner))
}

/// A value is read from a string exactly if a registry takes this, with the same mistake otherwise; and it prints a
/// string that the registry takes, too, and that is read as the same value.
fn read<C>(text: &str, described: &dyn Fn(&str) -> Result<Description, ParseError>) -> bool
where
    C: FromStr<Err = ParseError> + Display + Debug + PartialEq,
{
    match (text.parse::<C>(), described(text)) {
        (Ok(value), Ok(description)) => {
            let printed = value.to_string();
            assert_eq!(printed.parse().as_ref(), Ok(&value), "{text:?}");
            let again = described(&printed).unwrap();
            assert_eq!(again.layers, description.layers, "{text:?}: {printed}");
            // What the description shows is the same value, too.
            assert_eq!(
                description.to_string().parse::<C>().unwrap().to_string(),
                again_of(&value, &description)
            );
            return true;
        }
        (Err(ours), _) if ours.message().contains("endpoint kind") => {}
        (Err(ours), Err(theirs)) => {
            let place = |mistake: &ParseError| (mistake.offset(), mistake.message());
            assert!(
                has_inner(text) || place(&ours) == place(&theirs),
                "{text:?}: {ours:?} {theirs:?}"
            );
        }
        (Ok(value), Err(theirs)) => assert!(has_inner(&value.to_string()), "{text:?}: {theirs:?}"),
        (Err(ours), Ok(_)) => panic!("{text:?}: {ours:?}"),
    }
    false
}

/// The value's own string; of `tls` servers the description shows the default address, which a value leaves out.
fn again_of<C: Display>(value: &C, description: &Description) -> String {
    let printed = value.to_string();
    let shows_default =
        description.kind == "tls" && description.to_string().contains(r":interface=\:\:");
    match shows_default && !printed.contains(":interface=") {
        true => printed.replacen(":backlog=max", r":backlog=max:interface=\:\:", 1),
        false => printed,
    }
}

#[track_caller]
fn all_read<C>(right: &[&str])
where
    C: EndpointConfig + FromStr<Err = ParseError> + Display + Debug + PartialEq,
{
    let (registry, dice) = (registry(), Dice::new(14));
    let described = |text: &str| match C::SIDE {
        Side::Server => registry.parse_server(text).map(|it| it.description),
        _ => registry.parse_client(text).map(|it| it.description),
    };
    for text in right {
        assert!(read::<C>(text, &described), "{text}");
    }
    let rounds = 1500;
    let taken = (0..rounds)
        .filter(|round| read::<C>(&slipped(&dice, right[round % right.len()]), &described))
        .count();
    assert!(taken > rounds / 10 && taken < rounds, "{taken} of {rounds}");
}

#[test]
fn a_tls_server_is_read_and_printed() {
    all_read::<TlsServerConfig>(&[
        "ssl:443",
        "ssl:443:key.pem:chain.pem:TLSv1_3_METHOD:127.0.0.1:50:more.pem:ocsp=a.ocsp",
        "ssl:privateKey=k.pem:endpoint=tcp\\:443:alpn=h2,http/1.1:tickets=no:keyLog=/tmp/k:reload=0",
        "ssl:443:clientCA=ca.pem:clientAuth=wanted:clientCN=a,b:clientDNS=Host.example:eof=lenient",
        "tls:/etc/certificates:port=0:unknownName=default:minVersion=1.3:groups=x25519,secp256r1",
        "tls:/etc/certificates:8443:9:[::1]:clientCA=d:clientURI=spiffe\\://a/b",
        "tls:d:endpoint=unix\\:/run/a:maxVersion=1.2:reload=90",
    ]);
}

#[test]
fn a_tls_client_is_read_and_printed() {
    all_read::<TlsClientConfig>(&[
        "tls:example.com:443",
        "tls:bücher.example:443:5:127.0.0.1:c.pem:k.pem:roots.pem:minVersion=1.3",
        "tls:a:1:certificate=c.pem:endpoint=tcp\\:b\\:1:hostname=other.example:alpn=h2",
        "tls:[::1]:443:verify=danger-none:eof=lenient:tickets=no:reload=0",
        "ssl:example.com:443:certKey=c.pem:caCertsDir=/etc/ssl/certs:hostname=x:timeout=500ms",
        "ssl:443:host=10.0.0.1:bindAddress=10.0.0.2:groups=secp384r1:maxVersion=1.2:keyLog=k",
        "tls:a:1:pin=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ]);
}

#[test]
fn an_inherited_socket_is_read_and_printed() {
    all_read::<SystemdServerConfig>(&[
        "systemd:INET:0",
        "systemd:domain=UNIX:name=web",
        "systemd:index=4095",
        "systemd:name=a b:otherwise=tcp\\:80",
        "SYSTEMD:INET6:name=x",
    ]);
}

fn text(dice: &Dice) -> String {
    (0..dice.below(3)).map(|_| piece(dice)).collect()
}

fn maybe<T>(dice: &Dice, value: impl FnOnce() -> T) -> Option<T> {
    dice.one_in(3).then(value)
}

fn session(dice: &Dice) -> SessionSettings {
    let mut session = SessionSettings::default();
    session.alpn = (0..dice.below(3)).map(|_| text(dice).into_bytes()).collect();
    session.groups = [NamedGroup::X25519, NamedGroup::secp256r1][..dice.below(3)].to_vec();
    session.resumes = dice.one_in(2);
    session.key_log = maybe(dice, || text(dice).into());
    session.versions = match dice.below(3) {
        0 => VersionRange::default().at_least(TlsVersion::Tls13).unwrap(),
        1 => VersionRange::default().at_most(TlsVersion::Tls12).unwrap(),
        _ => VersionRange::default(),
    };
    session
}

fn reload(dice: &Dice) -> Option<Duration> {
    [None, Some(10_000), Some(1_500), Some(0)][dice.below(4)].map(Duration::from_millis)
}

fn server(dice: &Dice) -> TlsServerConfig {
    let certificates = match dice.below(3) {
        0 => ServerCertificates::directory(text(dice)),
        1 => ServerCertificates::Directory { path: "d".into(), unknown_name: UnknownName::Default },
        _ => ServerCertificates::pair(format!("c{}", text(dice)), "k.pem"),
    };
    let mut server = TlsServerConfig::new(certificates, 443);
    if dice.one_in(3) {
        server.listen = TlsListen::Endpoint(r"unix:/run/a\:b".parse().unwrap());
    }
    server.clients = maybe(dice, || {
        let mut names = ClientNames::default();
        names.common_names = (0..dice.below(3)).map(|_| text(dice)).collect();
        ClientAuthentication::required("ca.pem").with_names(names)
    });
    server.bare_end = if dice.one_in(2) { BareEnd::Lenient } else { BareEnd::Truncated };
    (server.session, server.reload) = (session(dice), reload(dice));
    server
}

fn client(dice: &Dice) -> TlsClientConfig {
    let host = if dice.one_in(4) { Host::Name(text(dice)) } else { Host::Name("a.example".into()) };
    let mut client = TlsClientConfig::new(host, 443);
    client.kind = if dice.one_in(2) { TlsClientKind::Ssl } else { TlsClientKind::Tls };
    if dice.one_in(3) {
        client.connect = TlsConnect::Endpoint("tcp:a:1".parse().unwrap());
    }
    client.certificate =
        maybe(dice, || CertificateFiles { certificate: text(dice), private_key: "k".into() });
    client.trust = [Trust::Public, Trust::Files(text(dice).into()), Trust::DangerAnyone]
        [dice.below(3)]
    .clone();
    client.hostname = maybe(dice, || Host::Name("other.example".into()));
    (client.session, client.reload) = (session(dice), reload(dice));
    client
}

/// A value that is stored is read back as itself, and gives an endpoint; one that no string means gives neither.
fn stored<C>(
    value: &C,
    string: Result<String, ParseError>,
    endpoint: Result<(), ParseError>,
) -> bool
where
    C: FromStr<Err = ParseError> + Display + Debug + PartialEq + serde::Serialize,
    C: for<'de> serde::Deserialize<'de>,
{
    assert_eq!(string.is_ok(), endpoint.is_ok(), "{value:?}");
    match (serde_json::to_string(value), string) {
        (Ok(json), Ok(text)) => {
            assert_eq!(serde_json::from_str::<C>(&json).as_ref().ok(), Some(value), "{json}");
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
            true
        }
        (Err(error), Err(mistake)) => {
            assert!(error.to_string().contains("column"), "{mistake}: {error}");
            false
        }
        (json, string) => panic!("{value:?}: {json:?} {string:?}"),
    }
}

#[test]
fn a_value_that_no_string_means_gives_no_string_and_no_endpoint() {
    let (registry, dice) = (registry(), Dice::new(3));
    let mut counts = [0; 3];
    for _ in 0..400 {
        let server = server(&dice);
        let endpoint = server.server(&registry).map(drop);
        counts[0] += usize::from(stored(&server, server.endpoint_string(), endpoint));

        let client = client(&dice);
        let endpoint = client.client(&registry).map(drop);
        counts[1] += usize::from(stored(&client, client.endpoint_string(), endpoint));

        let selector = match dice.one_in(2) {
            true => Selector::Index(dice.below(9000)),
            false => Selector::Name(text(&dice)),
        };
        let mut inherited = SystemdServerConfig::new(selector);
        inherited.domain = maybe(&dice, || Domain::Inet6);
        inherited.otherwise = maybe(&dice, || "tcp:80".parse().unwrap());
        let endpoint = inherited.server(&registry).map(drop);
        counts[2] += usize::from(stored(&inherited, inherited.endpoint_string(), endpoint));
    }
    assert!(counts.iter().all(|count| (20..380).contains(count)), "{counts:?}");
}

#[test]
fn a_value_is_a_string_of_any_kind_too() {
    let server = TlsServerConfig::new(ServerCertificates::pair("c.pem", "k.pem"), 443);
    let text = ServerString::try_from(&server).unwrap();
    assert_eq!(text.as_str().parse(), Ok(server));
    assert!(text.server(&registry()).is_ok());
    let client = TlsClientConfig::new(Host::Name("example.com".into()), 443);
    let text = ClientString::try_from(&client).unwrap();
    assert_eq!(text.as_str(), "tls:host=example.com:port=443:timeout=30");
    assert!(text.client(&registry()).is_ok());
}

#[test]
fn a_mistake_in_the_string_of_an_endpoint_inside_is_found_at_its_place_without_a_registry() {
    let mistake = r"tls:d:endpoint=tcp\:80\\".parse::<TlsServerConfig>().unwrap_err();
    assert_eq!(
        mistake.report(),
        registry().parse_server(r"tls:d:endpoint=tcp\:80\\").unwrap_err().report()
    );
}
