//! The table of kinds: each kind that the command knows, on each of its sides, with a peer of others.
//!
//! Invariant: a kind without a row fails the test, and so does a row without a kind.

use std::path::Path;
use std::process::Command;

use testkit::{find_peer, skip};

use crate::certificates::Certificate;
use crate::foreign::{ForeignServer, echoes, echoes_by, free_port};
use crate::peer::{has_ipv6, is_listening};
use crate::peers_openssl;
use crate::proxied::Daemon;
use crate::running::{ROPEWALK, Running, eventually, ropewalk, run};

/// The bytes that are sent, and come back.
const SENT: &[u8] = b"through every kind\n";

/// A kind, and what drives it.
type Row = (&'static str, fn());

/// Kinds to listen on, with the client of others that asks.
const SERVERS: [Row; 10] = [
    ("tcp", || served("tcp:0:interface=127.0.0.1", socat)),
    ("tcp6", || {
        if has_ipv6() {
            served(r"tcp6:0:interface=\:\:1", socat);
        }
    }),
    ("unix", unix_server),
    ("vsock", || {
        if has_vsock_loopback() {
            served("vsock:any:any", socat);
        }
    }),
    ("stdio", stdio_server),
    ("haproxy", || served("haproxy:tcp:0:interface=127.0.0.1", through_haproxy)),
    ("sni", sni_server),
    ("ssl", || {
        let certificate = Certificate::new();
        served(&certificate.server(), |address| openssl(address, &certificate));
    }),
    ("tls", tls_server),
    ("systemd", systemd_server),
];

/// Kinds to connect to, with the server of others that answers.
const CLIENTS: [Row; 12] = [
    ("tcp", || to_echo("tcp")),
    ("tcp6", || {
        if has_ipv6() {
            let server = ForeignServer::echo("TCP6-LISTEN", "::1", "").unwrap();
            echoes(&format!(r"tcp6:\:\:1:{}", server.port));
        }
    }),
    ("unix", unix_client),
    ("srv", srv_client),
    ("process", || echoes("process:cat")),
    ("socks5", || through_proxy("socks5", ForeignServer::socks(&[]))),
    ("http-connect", || through_proxy("http-connect", ForeignServer::http(""))),
    ("vsock", || {
        if has_vsock_loopback() {
            let port = free_port();
            let _server = Socat::new(&format!("VSOCK-LISTEN:{port},fork"));
            echoes(&format!("vsock:local:{port}:retry=10s"));
        }
    }),
    ("haproxy", haproxy_client),
    ("sni", || to_echo("sni:for=*:tcp")),
    ("ssl", || tls_client("ssl", "caCertsDir")),
    ("tls", || tls_client("tls", "trustRoots")),
];

/// The kinds that the command names for one side.
fn kinds(side: &str) -> Vec<String> {
    let told = ropewalk(&["check", side, ":"]).errors;
    let (_, list) = told.split_once("expected one of ").unwrap_or_else(|| panic!("{told}"));
    list.trim_end().split(", ").map(|kind| kind.trim_matches('`').into()).collect()
}

fn holds_of(side: &str, rows: &[Row]) {
    let mut kinds = kinds(side);
    let mut named: Vec<_> = rows.iter().map(|(kind, _)| String::from(*kind)).collect();
    kinds.sort();
    named.sort();
    assert_eq!(kinds, named, "each kind has its row");
    for (_, drive) in rows {
        drive();
    }
}

#[test]
fn every_kind_to_listen_on_serves_a_client_of_others() {
    if find_peer("socat").is_some() && find_peer("openssl").is_some() {
        holds_of("--server", &SERVERS);
    }
}

#[test]
fn every_kind_to_connect_to_reaches_a_server_of_others() {
    if find_peer("socat").is_some() {
        holds_of("--client", &CLIENTS);
    }
}

/// The command says back on the endpoint what the client sends.
fn served(endpoint: &str, client: impl FnOnce(&str)) {
    let mut echo = Running::ropewalk(&["serve", "echo", endpoint]);
    client(&echo.listening());
    let ended = echo.terminate();
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""), "{endpoint}");
}

/// A client that sends, ends its side, and gets the same.
fn asks(mut command: Command, arguments: &[&str]) {
    command.args(arguments);
    let ended = run(command, SENT);
    let (output, errors) = (String::from_utf8_lossy(&ended.output), &ended.errors);
    assert_eq!(ended.output, SENT, "{arguments:?}: {output:?} {errors}");
}

/// socat on the address that the command printed.
fn socat(address: &str) {
    let to = match address.split_once(':') {
        Some(("unix", path)) => format!("UNIX-CONNECT:{path}"),
        Some(("vsock", rest)) => format!("VSOCK-CONNECT:1:{}", rest.rsplit_once(':').unwrap().1),
        _ if address.starts_with('[') => format!("TCP6:{address}"),
        _ => format!("TCP4:{address}"),
    };
    asks(find_peer("socat").unwrap(), &["-t", "30", "-", &to]);
}

/// OpenSSL's client, which trusts this certificate.
fn openssl(address: &str, certificate: &Certificate) {
    let roots = certificate.certificate();
    let own = ["s_client", "-quiet", "-verify_return_error", "-servername", "localhost"];
    let place = ["-connect", address, "-CAfile", roots.to_str().unwrap()];
    let client = peers_openssl::openssl(&[&own[..], &place].concat(), SENT, SENT.len());
    assert_eq!(client.output(), SENT);
}

/// HAProxy, which sends a header of version 2, and socat before it.
fn through_haproxy(address: &str) {
    if find_peer("haproxy").is_some() {
        let send =
            |_: &Path| format!("listen front\n bind fd@3\n server back {address} send-proxy-v2\n");
        socat(&Daemon::haproxy(send).address);
    }
}

fn unix_server() {
    let directory = tempfile::tempdir().unwrap();
    served(&format!("unix:{}", directory.path().join("s").display()), socat);
}

fn stdio_server() {
    let program = format!("EXEC:{ROPEWALK} serve echo stdio");
    asks(find_peer("socat").unwrap(), &["-t", "30", "-", &program]);
}

/// Two servers, of which the name of the hello chooses the second.
fn sni_server() {
    let certificate = Certificate::new();
    let mut secret = Running::ropewalk(&["serve", "echo", &certificate.server()]);
    let mut other = Running::ropewalk(&["serve", "discard", "tcp:0:interface=127.0.0.1"]);
    let (secret, other) = (secret.listening(), other.listening());
    let routes = format!("sni:for=other.example:tcp:{other}:for=localhost:tcp:{secret}");
    let mut relay = Running::ropewalk(&["relay", "sni:tcp:0:interface=127.0.0.1", &routes]);
    openssl(&relay.listening(), &certificate);
}

fn tls_server() {
    let (certificate, folder) = (Certificate::new(), tempfile::tempdir().unwrap());
    let files = [certificate.key(), certificate.certificate()];
    let both = files.map(|file| std::fs::read_to_string(file).unwrap()).concat();
    std::fs::write(folder.path().join("localhost.pem"), both).unwrap();
    let endpoint = format!("tls:{}:port=0:interface=127.0.0.1", folder.path().display());
    served(&endpoint, |address| openssl(address, &certificate));
}

fn systemd_server() {
    let Some(mut activate) = find_peer("systemd-socket-activate") else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    activate.arg("-l").arg(&path).args([ROPEWALK, "serve", "echo", "systemd:index=0"]);
    let activated = Running::command(activate);
    eventually("systemd-socket-activate listens", || is_listening(&path));
    socat(&format!("unix:{}", path.display()));
    assert_eq!(activated.terminate().code, Some(0));
}

/// A socat that says back what it is sent, ended when dropped.
struct Socat(#[allow(dead_code, reason = "it is ended with it")] Running);

impl Socat {
    fn new(listen: &str) -> Self {
        let mut command = find_peer("socat").unwrap();
        command.args([listen, "EXEC:cat"]);
        Self(Running::command(command))
    }
}

/// A socat that says back what it is sent over TCP.
fn echo() -> ForeignServer {
    ForeignServer::echo("TCP4-LISTEN", "127.0.0.1", "").unwrap()
}

/// What a client string with this beginning reaches is socat.
fn to_echo(kind: &str) {
    let server = echo();
    echoes(&format!("{kind}:127.0.0.1:{}", server.port));
}

fn unix_client() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let _server = Socat::new(&format!("UNIX-LISTEN:{},fork", path.display()));
    echoes(&format!("unix:{}:retry=10s", path.display()));
}

fn through_proxy(kind: &str, proxy: Option<ForeignServer>) {
    if let Some(proxy) = proxy {
        let server = echo();
        echoes(&proxy.to(kind, ("127.0.0.1", server.port), ""));
    }
}

/// HAProxy, which takes a header, and socat behind it.
fn haproxy_client() {
    if find_peer("haproxy").is_some() {
        let server = echo();
        let back = format!("server back 127.0.0.1:{}", server.port);
        let take = |_: &Path| format!("listen front\n bind fd@3 accept-proxy\n {back}\n");
        let front = Daemon::haproxy(take);
        echoes(&format!("haproxy:tcp:{}", front.address));
    }
}

fn tls_client(kind: &str, roots: &str) {
    let certificate = Certificate::new();
    let (key, shown) = (certificate.key(), certificate.certificate());
    let files = format!(",verify=0,cert={},key={}", shown.display(), key.display());
    let server = ForeignServer::echo("OPENSSL-LISTEN", "127.0.0.1", &files).unwrap();
    echoes(&format!("{kind}:127.0.0.1:{}:{roots}={}", server.port, shown.display()));
}

/// dnsmasq on an address of this test's, which a mount namespace names as the name server.
fn srv_client() {
    let (Some(mut dnsmasq), Some(mut unshare)) = (find_peer("dnsmasq"), find_peer("unshare"))
    else {
        return;
    };
    if !Command::new("unshare").args(["--mount", "true"]).status().unwrap().success() {
        return skip("a mount namespace needs root");
    }
    let [_, a, b, c] = std::process::id().to_be_bytes();
    let address = format!("127.{}.{b}.{c}", 64 + a % 64);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("nameserver {address}\n")).unwrap();
    let server = echo();
    let service = format!("--srv-host=_echo._tcp.kinds.test,peer.kinds.test,{}", server.port);
    dnsmasq.args(["--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"]);
    dnsmasq.args(["--bind-interfaces", "--user=root", "--pid-file=", &service]);
    dnsmasq
        .args(["--host-record=peer.kinds.test,127.0.0.1", &format!("--listen-address={address}")]);
    let _named = Running::command(dnsmasq);
    let client = "srv:_echo._tcp.kinds.test:retry=20s";
    unshare.args([
        "--mount",
        "sh",
        "-c",
        r#"mount --bind "$1" /etc/resolv.conf && shift && exec "$@""#,
    ]);
    unshare.arg("sh").arg(file.path());
    unshare.args([ROPEWALK, "relay", "tcp:0:interface=127.0.0.1", client]);
    echoes_by(unshare, client);
}

/// Whether the kernel connects sockets of vsock(7) of this machine.
fn has_vsock_loopback() -> bool {
    let mut port = Running::ropewalk(&["serve", "discard", "vsock:any:any"]);
    let has = match port.line_or_end() {
        Some(line) => {
            let (_, number) = line.rsplit_once(':').unwrap();
            let client = format!("vsock:local:{number}:timeout=1");
            ropewalk(&["pipe", &client]).code == Some(0)
        }
        None => false,
    };
    if !has {
        skip("the kernel has no vsock_loopback");
    }
    has
}
