//! Clients that connect through proxies of others: tinyproxy for HTTP CONNECT, microsocks for SOCKS 5.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use testkit::find_peer;

use crate::bytes::{MIB, THERE, assert_same};
use crate::certificates::Certificate;
use crate::running::{Running, connect, eventually, ropewalk};

/// A running proxy on a port of its own, ended when dropped.
struct ForeignProxy {
    child: Child,
    port: u16,
    _directory: TempDir,
}

impl Drop for ForeignProxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl ForeignProxy {
    /// A program that is told its port by these arguments; `None`, and the test is noted as skipped, where it is
    /// not installed. Another process may take the port before, so it is tried again.
    fn start(program: &str, arguments: impl Fn(u16, &TempDir) -> Vec<String>) -> Option<Self> {
        for _ in 0..5 {
            let mut command = find_peer(program)?;
            let (port, directory) = (free_port(), tempfile::tempdir().unwrap());
            command.args(arguments(port, &directory)).stdin(Stdio::null());
            let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let mut proxy = Self { child, port, _directory: directory };
            let mut has_ended = false;
            eventually("the proxy listens or ends", || {
                has_ended = proxy.child.try_wait().unwrap().is_some();
                has_ended || TcpStream::connect(("127.0.0.1", port)).is_ok()
            });
            if !has_ended {
                return Some(proxy);
            }
        }
        panic!("{program} does not listen");
    }

    /// tinyproxy with these lines of configuration.
    fn http(lines: &str) -> Option<Self> {
        Self::start("tinyproxy", |port, directory| {
            let path = directory.path().join("tinyproxy.conf");
            let text =
                format!("Listen 127.0.0.1\nPort {port}\nAllow 127.0.0.1\nTimeout 60\n{lines}\n");
            std::fs::write(&path, text).unwrap();
            vec!["-d".into(), "-c".into(), path.to_str().unwrap().into()]
        })
    }

    /// microsocks with these arguments more.
    fn socks(more: &[&str]) -> Option<Self> {
        Self::start("microsocks", |port, _| {
            let own = ["-i", "127.0.0.1", "-p", &port.to_string()].map(String::from);
            own.into_iter().chain(more.iter().map(|it| (*it).into())).collect()
        })
    }

    /// The string of a client that goes through it.
    fn to(&self, kind: &str, (host, port): (&str, u16), more: &str) -> String {
        format!("{kind}:host={host}:port={port}{more}:tcp:127.0.0.1:{}", self.port)
    }
}

/// An echo, and its port.
fn echo(endpoint: &str) -> (Running, u16) {
    let mut running = Running::ropewalk(&["serve", "echo", endpoint]);
    let address = running.listening();
    let port = address.rsplit_once(':').unwrap().1.parse().unwrap();
    (running, port)
}

fn plain_echo() -> (Running, u16) {
    echo("tcp:0:interface=127.0.0.1")
}

/// Everything comes back. The proxies copy in one thread without buffers, and pass no half-close on: so it goes by
/// pieces that the sockets hold.
fn echoes(client: &str) {
    let mut relay = Running::ropewalk(&["relay", "tcp:0:interface=127.0.0.1", client]);
    let mut peer = connect(&relay.listening());
    let mut answer = [0; 16 * 1024];
    for piece in THERE[..MIB].chunks_exact(answer.len()) {
        peer.write_all(piece).unwrap();
        if let Err(error) = peer.read_exact(&mut answer) {
            panic!("{client}: {error}: {}", relay.terminate().errors);
        }
        assert_same(&answer, piece);
    }
    drop(peer);
    // Such a proxy cuts TLS off without its close_notify, which is told.
    let ended = relay.terminate();
    let is_cut = ended.errors.ends_with(" tls stream ended without close_notify\n");
    assert_eq!(ended.code, Some(0), "{client}");
    assert!(ended.errors.is_empty() || is_cut && client.starts_with("tls:"), "{}", ended.errors);
}

/// Nothing does, and the reason is told.
fn refuses(client: &str, told: &str) {
    let ended = ropewalk(&["pipe", client]);
    assert_ne!(ended.code, Some(0));
    assert!(ended.errors.contains(told), "{client}: {}", ended.errors);
}

#[test]
fn http_connect_by_address_by_name_and_under_tls() {
    let Some(proxy) = ForeignProxy::http("") else { return };
    let (_echo, port) = plain_echo();
    echoes(&proxy.to("http-connect", ("127.0.0.1", port), ""));
    echoes(&proxy.to("http-connect", ("localhost", port), ""));
    let certificate = Certificate::new();
    let (_secret, port) = echo(&certificate.server());
    let below = proxy.to("http-connect", ("localhost", port), "").replace(':', r"\:");
    let roots = certificate.roots();
    echoes(&format!("tls:localhost:{port}:trustRoots={roots}:endpoint={below}"));
}

#[test]
fn http_connect_to_a_proxy_that_is_reached_over_tls() {
    let Some(proxy) = ForeignProxy::http("") else { return };
    let (_echo, port) = plain_echo();
    let certificate = Certificate::new();
    let before = ["relay", &certificate.server(), &format!("tcp:127.0.0.1:{}", proxy.port)];
    let mut before = Running::ropewalk(&before);
    let proxy = certificate.client(&before.listening());
    echoes(&format!("http-connect:host=127.0.0.1:port={port}:{proxy}"));
}

#[test]
fn http_connect_with_a_password_and_without_one() {
    let Some(proxy) = ForeignProxy::http("BasicAuth alice secret") else { return };
    let (_echo, port) = plain_echo();
    let to = |more| proxy.to("http-connect", ("127.0.0.1", port), more);
    echoes(&to(":user=alice:password=secret"));
    refuses(&to(""), "407, and wants a user and a password");
    refuses(&to(":user=alice:password=no"), "through the HTTP proxy: it answers");
}

#[test]
fn http_connect_tells_what_a_proxy_refuses() {
    let Some(proxy) = ForeignProxy::http("ConnectPort 443") else { return };
    let (_echo, port) = plain_echo();
    let to = |port| proxy.to("http-connect", ("127.0.0.1", port), "");
    refuses(&to(port), "it answers 403 Access violation; its rules do not allow the destination");
    let Some(proxy) = ForeignProxy::http("") else { return };
    let to = proxy.to("http-connect", ("127.0.0.1", free_port()), "");
    refuses(&to, "it answers 500 Unable to connect");
}

#[test]
fn socks5_by_address_by_name_and_under_tls() {
    let Some(proxy) = ForeignProxy::socks(&[]) else { return };
    let (_echo, port) = plain_echo();
    echoes(&proxy.to("socks5", ("127.0.0.1", port), ""));
    echoes(&proxy.to("socks5", ("localhost", port), ""));
    refuses(&proxy.to("socks5", ("127.0.0.1", free_port()), ""), "connection refused");
    let certificate = Certificate::new();
    let (_secret, port) = echo(&certificate.server());
    let below = proxy.to("socks5", ("localhost", port), "").replace(':', r"\:");
    let roots = certificate.roots();
    echoes(&format!("tls:localhost:{port}:trustRoots={roots}:endpoint={below}"));
}

#[test]
fn socks5_with_a_password_and_without_one() {
    let Some(proxy) = ForeignProxy::socks(&["-u", "alice", "-P", "secret"]) else { return };
    let (_echo, port) = plain_echo();
    let to = |more| proxy.to("socks5", ("127.0.0.1", port), more);
    echoes(&to(":user=alice:password=secret"));
    refuses(&to(""), "it wants another name and password");
    refuses(&to(":user=alice:password=no"), "it wants another name and password");
}

/// A relay gives its destination up when the proxy has died, and serves the next peer.
#[test]
fn a_proxy_that_is_killed_ends_the_connections_through_it() {
    let Some(mut proxy) = ForeignProxy::http("") else { return };
    let (_echo, port) = plain_echo();
    let to = proxy.to("http-connect", ("127.0.0.1", port), "");
    let mut relay = Running::ropewalk(&["relay", "tcp:0:interface=127.0.0.1", &to]);
    let address = relay.listening();
    let mut peer = connect(&address);
    peer.write_all(b"?").unwrap();
    peer.read_exact(&mut [0]).unwrap();
    proxy.child.kill().unwrap();
    proxy.child.wait().unwrap();
    assert!(matches!(peer.read(&mut [0]), Ok(0) | Err(_)));
    let mut late = connect(&address);
    late.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    assert!(matches!(late.read(&mut [0]), Ok(0) | Err(_)));
    assert!(relay.is_running());
}
