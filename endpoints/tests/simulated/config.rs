//! The values of endpoint strings: each kind's string is read into one, and it prints a string that means the same.
//!
//! Invariant: the same strings and values in every run.

use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::time::Duration;

use reactor::simulated::Simulated;
use reactor::{Limits, Reactor};
use ropewalk_endpoints::haproxy::{self, ProxyClientConfig, ProxyServerConfig};
use ropewalk_endpoints::sni::{self, SniClientConfig, SniRoute, SniServerConfig};
use ropewalk_endpoints::{
    ClientString, Description, Host, HttpConnectClientConfig, HttpConnectClientParser, ParseError,
    ProcessClientConfig, ProcessClientParser, Registry, ServerString, SocketConfig,
    SocksClientConfig, SocksClientParser, SrvClientConfig, SrvClientParser, StdioServerConfig,
    StdioServerParser, TcpClientConfig, TcpConnectConfig, TcpServerConfig, UnixClientConfig,
    UnixName, UnixServerConfig,
};
use testkit::Dice;

fn reactor() -> Reactor<Simulated> {
    Reactor::on(Simulated::new(1), Limits::default())
}

pub(crate) fn registry() -> Registry {
    let reactor = reactor();
    let registry = Registry::standard(reactor.clone())
        .with_server(StdioServerParser::new(reactor.clone()))
        .with_client(ProcessClientParser::new(reactor.clone()))
        .with_client(SocksClientParser::new(reactor.clone()))
        .with_client(HttpConnectClientParser::new(reactor.clone()))
        .with_client(SrvClientParser::new(reactor.clone()));
    sni::register(haproxy::register(registry, reactor.clone()), reactor)
}

/// What strings and fields are made of.
const PIECES: &str = ":|:|=|\\|[::1]|%|tcp|unix|for|timeout|5|0|500ms|-1|127.0.0.1|localhost|bücher.example|/run/a|a|é|\0| |*|yes|drop|[|retry=3|noDelay=1";

fn piece(dice: &Dice) -> &'static str {
    let pieces: Vec<_> = PIECES.split('|').collect();
    pieces[dice.below(pieces.len())]
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

/// A value is read from a string exactly if a registry takes this, with the same mistake otherwise; and it prints a
/// string that a registry describes by the same words, and that is read as the same value.
fn read<C>(text: &str, described: &dyn Fn(&str) -> Result<Description, ParseError>) -> bool
where
    C: FromStr<Err = ParseError> + Display + Debug + PartialEq,
{
    match (text.parse::<C>(), described(text)) {
        (Ok(value), Ok(_)) => {
            let printed = value.to_string();
            assert_eq!(printed.parse().as_ref(), Ok(&value), "{text:?}");
            let again = described(&printed).unwrap().to_string();
            let secret = printed.find(":password=").is_some();
            assert!(again == printed || secret || has_inner(&again), "{text:?}: {printed} {again}");
            return true;
        }
        // Of another kind, which the registry may know.
        (Err(ours), _) if ours.message().contains("endpoint kind") => {}
        (Err(ours), Err(theirs)) => {
            let place = |mistake: &ParseError| (mistake.offset(), mistake.message());
            // A mistake in the string of an earlier route is the registry's to find.
            let is_inner = has_inner(text) && theirs.offset() < ours.offset();
            assert!(is_inner || place(&ours) == place(&theirs), "{text:?}: {ours:?} {theirs:?}");
        }
        // The wrapped string is the registry's to judge.
        (Ok(value), Err(_)) => assert!(has_inner(&value.to_string()), "{text:?}"),
        (Err(ours), Ok(_)) => panic!("{text:?}: {ours:?}"),
    }
    false
}

/// Whether another string is inside of it, whose defaults its value does not know.
fn has_inner(text: &str) -> bool {
    ["haproxy", "sni", "socks5", "http-connect"]
        .iter()
        .any(|kind| text.to_ascii_lowercase().contains(kind))
}

#[track_caller]
fn all_read<C>(is_server: bool, right: &[&str])
where
    C: FromStr<Err = ParseError> + Display + Debug + PartialEq,
{
    let (registry, dice) = (registry(), Dice::new(14));
    let described = |text: &str| match is_server {
        true => registry.parse_server(text).map(|parsed| parsed.description),
        false => registry.parse_client(text).map(|parsed| parsed.description),
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
fn a_tcp_server_is_read_and_printed() {
    all_read::<TcpServerConfig>(
        true,
        &[
            "tcp:80",
            "tcp:80:localhost:7",
            "tcp:0:interface=[::1]:noDelay=1:keepAlive=60:device=eth0:reusePort=1:ipv6Only=1",
            "tcp6:80:7:fe80\\:\\:1%eth0",
            "interface=:tcp:80:reusePort=0",
            "TCP6:443:backlog=max",
            "tcp:80:interface=bücher.example",
        ],
    );
}

#[test]
fn a_tcp_client_is_read_and_printed() {
    all_read::<TcpClientConfig>(
        false,
        &[
            "tcp:example.com:80",
            "tcp:80:host=10.0.0.1:timeout=500ms:bindAddress=127.0.0.1:retry=30s",
            "tcp6:[::1]:80:noDelay=yes:keepAlive=7:device=lo",
            "tcp:bücher.example:443:timeout=0",
        ],
    );
}

#[test]
fn a_unix_socket_is_read_and_printed() {
    let servers = [
        r"unix:/run/a\:b:mode=660:backlog=5:lockfile=0",
        "unix:/run/a:owner=www-data:group=33",
        "unix:abstract=a name",
        "unix:\0name:lockfile=1",
    ];
    all_read::<UnixServerConfig>(true, &servers);
    let clients = [
        "unix:/run/a:lockfile=1:timeout=3",
        "UNIX:path=/run/a:checkPID=1:retry=1500ms",
        "unix:abstract=x",
    ];
    all_read::<UnixClientConfig>(false, &clients);
}

#[test]
fn the_kinds_that_a_program_asks_for_are_read_and_printed() {
    let programs = [
        r"process:sort:-n:-k2\:3",
        "process:argument=a:program=cat:stderr=drop",
        "process:x:directory=/",
    ];
    all_read::<ProcessClientConfig>(false, &programs);
    let services = ["srv:_imaps._tcp.example.com", "srv:_a._tcp.b.c:timeout=1:retry=2m:noDelay=1"];
    all_read::<SrvClientConfig>(false, &services);
    all_read::<StdioServerConfig>(true, &["stdio", "stdio:", "Stdio"]);
}

#[test]
fn a_kind_that_wraps_another_is_read_and_printed() {
    let servers = [
        "haproxy:tcp:80",
        r"haproxy:trust=10.0.0.0/8,fd00\:\:/8:timeout=3:tcp:80",
        "port=80:haproxy:timeout=1500ms:tcp:backlog=5",
        "haproxy:timeout=3:haproxy:timeout=4:unix:/a\\=b:lockfile=0",
    ];
    all_read::<ProxyServerConfig>(true, &servers);
    let clients =
        ["haproxy:tcp:[::1]:80", "haproxy:version=1:unix:/run/a", "haproxy:crc32c=1:tcp:a:1"];
    all_read::<ProxyClientConfig>(false, &clients);
    let servers = ["sni:tcp:443", "sni:timeout=2:haproxy:timeout=7:tcp:443"];
    all_read::<SniServerConfig>(true, &servers);
    let clients = [
        "sni:for=www.example.com:tcp:10.0.0.1:443:for=*:unix:/run/other",
        "sni:retry=3:for=a.example:for=alpn=h2:tcp:a:1:for=*.example:tcp:port=2:host=b",
    ];
    all_read::<SniClientConfig>(false, &clients);
    let clients = [
        "socks5:host=www.example.com:port=80:tcp:127.0.0.1:1080",
        r"socks5:host=[::1]:port=1:user=me:password=a\:b:unix:/run/proxy",
        "socks5:host=a:port=1:user=me:password=:timeout=3:tcp:p:1080",
    ];
    all_read::<SocksClientConfig>(false, &clients);
    let clients = [
        "http-connect:host=www.example.com:port=80:tcp:127.0.0.1:3128",
        r"http-connect:host=[::1]:port=1:user=me:password=a\:b:unix:/run/proxy",
        "http-connect:host=a:port=1:user=me:password=:timeout=3:tcp:p:1080",
    ];
    all_read::<HttpConnectClientConfig>(false, &clients);
}

fn text(dice: &Dice) -> String {
    (0..dice.below(3)).map(|_| piece(dice)).collect()
}

fn host(dice: &Dice) -> Host {
    match dice.below(4) {
        0 => Host::Name(text(dice)),
        1 => Host::Name("localhost".into()),
        2 => Host::ANY_IPV6,
        _ => Host::Zoned { address: "fe80::1".parse().unwrap(), zone: text(dice) },
    }
}

fn time(dice: &Dice) -> Duration {
    Duration::from_nanos([0, 1_000_000_000, 1_500_000_000, 7, u64::MAX][dice.below(5)])
}

fn maybe<T>(dice: &Dice, value: impl FnOnce() -> T) -> Option<T> {
    dice.one_in(3).then(value)
}

fn socket(dice: &Dice) -> SocketConfig {
    let mut socket = SocketConfig::default();
    socket.no_delay = dice.one_in(2);
    socket.reuse_port = dice.one_in(4);
    socket.keep_alive = maybe(dice, || time(dice));
    socket.device = maybe(dice, || text(dice));
    socket
}

fn connect(dice: &Dice) -> TcpConnectConfig {
    let mut connect = TcpConnectConfig::default();
    connect.timeout = time(dice);
    connect.retry = time(dice);
    connect.bind_address = maybe(dice, || [127, 0, 0, 1].into());
    connect.socket = socket(dice);
    connect
}

/// A value that is stored is read back as itself; one that no string means is not stored, and gives no endpoint.
fn stored<C>(value: &C, endpoint: Result<(), ParseError>) -> bool
where
    C: FromStr<Err = ParseError> + Display + Debug + PartialEq + serde::Serialize,
    C: for<'de> serde::Deserialize<'de>,
{
    match serde_json::to_string(value) {
        Ok(json) => {
            assert_eq!(serde_json::from_str::<C>(&json).as_ref().ok(), Some(value), "{json}");
            assert_eq!(endpoint, Ok(()), "{value:?}");
            true
        }
        Err(error) => {
            let told = error.to_string();
            assert!(told.contains("column") && endpoint.is_err(), "{value:?}: {told}");
            false
        }
    }
}

#[test]
fn a_value_that_no_string_means_gives_no_string_and_no_endpoint() {
    let (registry, dice) = (registry(), Dice::new(3));
    let mut counts = [0; 7];
    for _ in 0..600 {
        let mut tcp = match dice.one_in(2) {
            true => TcpServerConfig::new(80),
            false => TcpServerConfig::new_ipv6(80),
        };
        tcp = tcp.with_interface(host(&dice)).with_socket(socket(&dice));
        counts[0] += usize::from(stored(&tcp, tcp.server(reactor()).map(drop)));

        let client = TcpClientConfig::new(host(&dice), 1).with_connect(connect(&dice));
        counts[1] += usize::from(stored(&client, client.client(reactor()).map(drop)));

        let name = || {
            if dice.one_in(2) {
                UnixName::Path(text(&dice))
            } else {
                UnixName::Abstract(text(&dice))
            }
        };
        let mut unix = UnixServerConfig::new(name());
        unix.owner = maybe(&dice, || text(&dice));
        unix.mode = if dice.one_in(3) { dice.below(1 << 13) as u32 } else { unix.mode };
        counts[2] += usize::from(stored(&unix, unix.server(reactor()).map(drop)));

        let mut process = ProcessClientConfig::new(text(&dice));
        process.arguments = (0..dice.below(3)).map(|_| text(&dice)).collect();
        counts[3] += usize::from(stored(&process, process.client(reactor()).map(drop)));

        let inner: ClientString = ["tcp:a:1", "retry=5:tcp:a:1"][dice.below(2)].parse().unwrap();
        let mut socks = SocksClientConfig::new(host(&dice), 1, inner.clone());
        socks.user = maybe(&dice, || text(&dice));
        socks.password = text(&dice);
        counts[4] += usize::from(stored(&socks, socks.client(&registry).map(drop)));

        let mut http = HttpConnectClientConfig::new(host(&dice), 1, inner.clone());
        http.user = maybe(&dice, || text(&dice));
        http.password = text(&dice);
        counts[6] += usize::from(stored(&http, http.client(&registry).map(drop)));

        let takes = (0..dice.below(3)).filter_map(|_| text(&dice).parse().ok()).collect();
        let sni = SniClientConfig::new([SniRoute { takes, endpoint: inner }]);
        counts[5] += usize::from(stored(&sni, sni.client(&registry).map(drop)));
    }
    assert!(counts.iter().all(|count| (20..580).contains(count)), "{counts:?}");
}

#[test]
fn a_trusted_prefix_is_stored() {
    let mut proxied = ProxyServerConfig::new(parsed("tcp:80"));
    proxied.options.trust = "10.0.0.0/8,fd00::/8".parse().unwrap();
    assert!(stored(&proxied, proxied.server(&registry()).map(drop)));
    proxied.options.header_bytes_max = 7;
    assert!(!stored(&proxied, proxied.server(&registry()).map(drop)));
}

#[test]
fn strings_are_equal_that_have_the_same_fields() {
    let parse = |text: &str| text.parse::<ServerString>().unwrap();
    assert_eq!(parse(r"unix:/run/a\b"), parse("unix:/run/ab"));
    assert_eq!(parse("port=80:tcp:backlog=5"), parse("tcp:port=80:backlog=5"));
    assert_ne!(parse("tcp:80"), parse("tcp:port=80"));
    assert_eq!(parse(r"unix:/run/a\b").to_string(), r"unix:/run/a\b");
    assert!("port=80".parse::<ServerString>().is_err());
    assert!(parse("third-party:1").server(&registry()).is_err());
    assert!(parse("tcp:80").server(&registry()).is_ok());
    let typed = TcpClientConfig::new(Host::ANY_IPV4, 80);
    let stored = ClientString::try_from(&typed).unwrap();
    assert_eq!(stored.as_str().parse(), Ok(typed));
    assert!(stored.client(&registry()).is_ok());
    let wrong = UnixClientConfig::new(UnixName::Path(String::new()));
    assert!(ClientString::try_from(&wrong).is_err());
}

#[test]
fn a_wrapped_string_keeps_its_options() {
    // The option before the kind would be taken for one of `haproxy` at the same place behind it.
    let inner: ServerString = "timeout=9:sni:tcp:80".parse().unwrap();
    let printed = ProxyServerConfig::new(inner).to_string();
    assert_eq!(printed, "haproxy:trust=loopback,unix:timeout=5:sni:timeout=9:tcp:80");
    assert!(registry().server(&printed).is_ok());
}

fn parsed<T: FromStr<Err = ParseError>>(text: &str) -> T {
    text.parse().unwrap()
}

#[test]
fn each_value_gives_an_endpoint_and_can_be_given_to_another_thread() {
    fn can_be_sent<T: Send + Sync + Clone + 'static>(value: T) -> T {
        value
    }
    let (reactor, registry) = (reactor(), registry());
    let _ = can_be_sent(parsed::<StdioServerConfig>("stdio:")).server(reactor.clone());
    can_be_sent(parsed::<TcpServerConfig>("tcp6:80")).server(reactor.clone()).unwrap();
    can_be_sent(parsed::<UnixServerConfig>("unix:/a")).server(reactor.clone()).unwrap();
    can_be_sent(parsed::<TcpClientConfig>("tcp:a:1:retry=3")).client(reactor.clone()).unwrap();
    can_be_sent(parsed::<UnixClientConfig>("unix:/a")).client(reactor.clone()).unwrap();
    can_be_sent(parsed::<SrvClientConfig>("srv:_a._tcp.b")).client(reactor.clone()).unwrap();
    let process = ProcessClientConfig::new("cat");
    can_be_sent(process).client(reactor).unwrap();
    can_be_sent(ProxyServerConfig::new(parsed("tcp:80"))).server(&registry).unwrap();
    can_be_sent(ProxyClientConfig::new(parsed("tcp:a:1"))).client(&registry).unwrap();
    can_be_sent(SniServerConfig::new(parsed("haproxy:tcp:80"))).server(&registry).unwrap();
    can_be_sent(parsed::<SniClientConfig>("sni:for=*:tcp:a:1")).client(&registry).unwrap();
    can_be_sent(parsed::<HttpConnectClientConfig>("http-connect:host=a:port=1:tcp:b:1"))
        .client(&registry)
        .unwrap();
    can_be_sent(parsed::<SocksClientConfig>("socks5:host=a:port=1:tcp:b:1"))
        .client(&registry)
        .unwrap();
    let mut keys = std::collections::HashSet::new();
    assert!(keys.insert(parsed::<ClientString>("tcp:a:1")));
    assert!(!keys.insert(parsed::<ClientString>(r"tcp:\a:1")));
    assert_eq!(SrvClientConfig::new("_a._tcp.b"), parsed("srv:_a._tcp.b"));
}
