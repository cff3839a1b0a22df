//! Clients that connect through proxies of others: tinyproxy for HTTP CONNECT, microsocks for SOCKS 5.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use crate::certificates::Certificate;
use crate::foreign::{ForeignServer, echoes, free_port};
use crate::running::{Running, connect, ropewalk};

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

/// Nothing does, and the reason is told.
fn refuses(client: &str, told: &str) {
    let ended = ropewalk(&["pipe", client]);
    assert_ne!(ended.code, Some(0));
    assert!(ended.errors.contains(told), "{client}: {}", ended.errors);
}

#[test]
fn http_connect_by_address_by_name_and_under_tls() {
    let Some(proxy) = ForeignServer::http("") else { return };
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
    let Some(proxy) = ForeignServer::http("") else { return };
    let (_echo, port) = plain_echo();
    let certificate = Certificate::new();
    let before = ["relay", &certificate.server(), &format!("tcp:127.0.0.1:{}", proxy.port)];
    let mut before = Running::ropewalk(&before);
    let proxy = certificate.client(&before.listening());
    echoes(&format!("http-connect:host=127.0.0.1:port={port}:{proxy}"));
}

#[test]
fn http_connect_with_a_password_and_without_one() {
    let Some(proxy) = ForeignServer::http("BasicAuth alice secret") else { return };
    let (_echo, port) = plain_echo();
    let to = |more| proxy.to("http-connect", ("127.0.0.1", port), more);
    echoes(&to(":user=alice:password=secret"));
    refuses(&to(""), "407, and wants a user and a password");
    refuses(&to(":user=alice:password=no"), "through the HTTP proxy: it answers");
}

#[test]
fn http_connect_tells_what_a_proxy_refuses() {
    let Some(proxy) = ForeignServer::http("ConnectPort 443") else { return };
    let (_echo, port) = plain_echo();
    let to = |port| proxy.to("http-connect", ("127.0.0.1", port), "");
    refuses(&to(port), "it answers 403 Access violation; its rules do not allow the destination");
    let Some(proxy) = ForeignServer::http("") else { return };
    let to = proxy.to("http-connect", ("127.0.0.1", free_port()), "");
    refuses(&to, "it answers 500 Unable to connect");
}

#[test]
fn socks5_by_address_by_name_and_under_tls() {
    let Some(proxy) = ForeignServer::socks(&[]) else { return };
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
    let Some(proxy) = ForeignServer::socks(&["-u", "alice", "-P", "secret"]) else { return };
    let (_echo, port) = plain_echo();
    let to = |more| proxy.to("socks5", ("127.0.0.1", port), more);
    echoes(&to(":user=alice:password=secret"));
    refuses(&to(""), "it wants another name and password");
    refuses(&to(":user=alice:password=no"), "it wants another name and password");
}

/// A relay gives its destination up when the proxy has died, and serves the next peer.
#[test]
fn a_proxy_that_is_killed_ends_the_connections_through_it() {
    let Some(mut proxy) = ForeignServer::http("") else { return };
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
