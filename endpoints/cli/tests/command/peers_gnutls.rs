//! 16 MiB byte-exact both ways with GnuTLS's client and server, over TLS 1.2 and 1.3, with and without a client's
//! certificate. The client takes many seconds for that, and so 1 MiB where its half of the matrix repeats itself.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;

use testkit::{find_peer, pattern};

use crate::bytes::{MIB, assert_same};
use crate::certificates::Certificate;
use crate::running::{Running, eventually};

/// A program of GnuTLS that speaks this version alone and trusts this certificate, which it also shows.
fn gnutls(program: &str, version: &str, certificate: &Certificate) -> Option<Command> {
    let mut command = find_peer(program)?;
    command.arg(format!("--priority=NORMAL:-VERS-ALL:+VERS-TLS{version}"));
    command.arg("--x509cafile").arg(certificate.certificate());
    Some(command)
}

fn with_pair(command: &mut Command, certificate: &Certificate) {
    command.arg("--x509keyfile").arg(certificate.key());
    command.arg("--x509certfile").arg(certificate.certificate());
}

/// Sends all to the client's input, which stays open, and gives as many bytes of its output.
fn through(mut client: Child, data: &[u8]) -> Vec<u8> {
    let (mut input, mut output) = (client.stdin.take().unwrap(), client.stdout.take().unwrap());
    let received = thread::scope(|scope| {
        let sending = scope.spawn(|| input.write_all(data));
        let mut received = vec![0; data.len()];
        let read = output.read_exact(&mut received);
        let _ = client.kill();
        read.unwrap();
        sending.join().unwrap().unwrap();
        received
    });
    client.wait().unwrap();
    received
}

fn client(version: &str, shows_certificate: bool, bytes: usize) {
    let certificate = Certificate::new();
    let Some(mut command) = gnutls("gnutls-cli", version, &certificate) else { return };
    let mut text = certificate.server();
    if shows_certificate {
        text += &format!(":clientCA={}", certificate.certificate().display());
        with_pair(&mut command, &certificate);
    }
    let mut echo = Running::ropewalk(&["serve", "echo", &text]);
    let address = echo.listening();
    let (_, port) = address.rsplit_once(':').unwrap();
    // Its lines about the session go to the log, so that the output is the peer's bytes alone.
    command.args(["--logfile=/dev/null", "--port", port, "localhost"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let data = pattern(1004, bytes);
    assert_same(&through(command.spawn().unwrap(), &data), &data);
    assert_eq!(echo.terminate().code, Some(0), "{version}");
}

#[test]
fn a_client_over_tls_1_2_with_and_without_a_certificate() {
    client("1.2", false, 16 * MIB);
    client("1.2", true, MIB);
}

#[test]
fn a_client_over_tls_1_3_with_and_without_a_certificate() {
    client("1.3", false, MIB);
    client("1.3", true, 16 * MIB);
}

/// Lines of text, which is what GnuTLS's server echoes: 16 MiB.
fn lines() -> Vec<u8> {
    let line = |bytes: &[u8]| {
        let text = bytes.iter().map(|byte| b'a' + byte % 26);
        text.chain([b'\n']).collect::<Vec<_>>()
    };
    pattern(1005, 16 * MIB).chunks(1000).flat_map(line).collect()
}

fn server(version: &str, asks_for_certificate: bool) {
    let certificate = Certificate::new();
    let Some(mut command) = gnutls("gnutls-serv", version, &certificate) else { return };
    with_pair(&mut command, &certificate);
    if asks_for_certificate {
        command.arg("--require-client-cert");
    }
    // It takes no socket and no port of the system's choice, so one is looked for.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    command.args(["--echo", "--quiet", "--port", &port.to_string()]);
    let server = Running::command(command);
    eventually("gnutls-serv listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    let mut to = certificate.client(&format!("127.0.0.1:{port}"));
    if asks_for_certificate {
        let (own, key) = (certificate.certificate(), certificate.key());
        to += &format!(":certificate={}:privateKey={}", own.display(), key.display());
    }
    let mut relay = Running::ropewalk(&["relay", "tcp:0:interface=127.0.0.1", &to]);
    let (mut stream, sent) = (relay.connect(), lines());
    let mut writer = stream.try_clone().unwrap();
    let expected = sent.clone();
    let sending = thread::spawn(move || writer.write_all(&sent));
    let mut received = vec![0; expected.len()];
    stream.read_exact(&mut received).unwrap();
    sending.join().unwrap().unwrap();
    assert_same(&received, &expected);
    drop(stream);
    let ended = relay.terminate();
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""), "{version}");
    drop(server);
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
