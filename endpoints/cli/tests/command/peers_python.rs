//! 16 MiB byte-exact both ways with Python's ssl, on either side, over TLS 1.2 and 1.3, with and without a
//! client's certificate; ALPN and resumption.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use testkit::{find_peer, pattern};

use crate::bytes::{MIB, assert_same, exchange};
use crate::certificates::Certificate;
use crate::running::{Running, run};

/// Python that runs the peer's side with these arguments.
fn python(arguments: &[&str]) -> Option<Command> {
    let mut command = find_peer("python3")?;
    command.args(["-c", include_str!("peers_python.py")]).args(arguments);
    Some(command)
}

/// The key and the certificate in one file, as Python takes them.
fn pair(certificate: &Certificate) -> PathBuf {
    let path = certificate.key().with_file_name("pair");
    let both = [certificate.key(), certificate.certificate()].map(|it| fs::read(it).unwrap());
    fs::write(&path, both.concat()).unwrap();
    path
}

fn client(version: &str, shows_certificate: bool) {
    let certificate = Certificate::new();
    let (roots, pair) = (certificate.certificate(), pair(&certificate));
    let mut text = certificate.server() + ":alpn=echo/1";
    if shows_certificate {
        text += &format!(":clientCA={}", roots.display());
    }
    let mut echo = Running::ropewalk(&["serve", "echo", &text]);
    let address = echo.listening();
    let mut arguments = vec!["client", &*address, version, roots.to_str().unwrap()];
    if shows_certificate {
        arguments.push(pair.to_str().unwrap());
    }
    let Some(python) = python(&arguments) else { return };
    let ended = run(python, "");
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""), "{version}");
    let ended = echo.terminate();
    assert_eq!(ended.code, Some(0), "{version}");
    // Both sessions tell who the client is, the resumed one, too.
    let is_told =
        |line: &str| line.starts_with("client 127.0.0.1:") && line.contains("DNS `localhost`");
    let told = ended.errors.lines().filter(|line| is_told(line)).count();
    let expected = if shows_certificate { 2 } else { 0 };
    assert_eq!((told, ended.errors.lines().count()), (expected, expected), "{}", ended.errors);
}

fn server(version: &str, shows_certificate: bool) {
    let certificate = Certificate::new();
    let (roots, pair) = (certificate.certificate(), pair(&certificate));
    let mut arguments = vec!["server", version, pair.to_str().unwrap()];
    if shows_certificate {
        arguments.push(roots.to_str().unwrap());
    }
    let Some(python) = python(&arguments) else { return };
    let mut python = Running::command(python);
    let mut to = certificate.client(&python.line()) + ":alpn=echo/1";
    if shows_certificate {
        let (own, key) = (certificate.certificate(), certificate.key());
        to += &format!(":certificate={}:privateKey={}", own.display(), key.display());
    }
    let mut relay = Running::ropewalk(&["relay", "tcp:0:interface=127.0.0.1", &to]);
    let data = pattern(1003, 16 * MIB);
    assert_same(&exchange(relay.connect(), data.clone()), &data);
    let ended = python.wait();
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""), "{version}");
    let ended = relay.terminate();
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""), "{version}");
}

#[test]
fn a_client_over_tls_1_2_with_and_without_a_certificate() {
    client("1.2", false);
    client("1.2", true);
}

#[test]
fn a_client_over_tls_1_3_with_and_without_a_certificate() {
    client("1.3", false);
    client("1.3", true);
}

#[test]
fn a_server_over_tls_1_2_with_and_without_a_clients_certificate() {
    server("1.2", false);
    server("1.2", true);
}

#[test]
fn a_server_over_tls_1_3_with_and_without_a_clients_certificate() {
    server("1.3", false);
    server("1.3", true);
}
