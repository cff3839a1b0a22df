//! 64 MiB of random data byte-exact both ways with OpenSSL's own client and server, over TLS 1.2
//! and 1.3.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::{self, JoinHandle};

use testkit::find_peer;

use crate::bytes::{BACK, THERE, assert_same};
use crate::certificates::Certificate;
use crate::peer::is_listening;
use crate::running::{Running, eventually};

/// A running `openssl` whose input stays open: with `-quiet` it would drop its unsent bytes.
pub(crate) struct OpenSsl {
    child: Child,
    output: JoinHandle<Vec<u8>>,
}

/// Runs openssl with `sent` as its input, and collects `expected` bytes of its output.
pub(crate) fn openssl(arguments: &[&str], sent: &'static [u8], expected: usize) -> OpenSsl {
    let mut command = find_peer("openssl").unwrap();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let output = thread::spawn(move || {
        let sending = thread::spawn(move || {
            stdin.write_all(sent).unwrap();
            stdin
        });
        let mut output = vec![0; expected];
        stdout.read_exact(&mut output).unwrap();
        drop(sending.join().unwrap());
        output
    });
    OpenSsl { child, output }
}

impl OpenSsl {
    pub(crate) fn output(mut self) -> Vec<u8> {
        let output = self.output.join().unwrap();
        let _ = self.child.kill();
        let _ = self.child.wait();
        output
    }
}

fn client(certificate: &Certificate, address: &str, version: &str) -> OpenSsl {
    let roots = certificate.certificate();
    let trusted = ["-CAfile", roots.to_str().unwrap(), "-verify_return_error"];
    let arguments = ["s_client", "-quiet", "-nbio", "-connect", address, version];
    openssl(&[&arguments[..], &trusted].concat(), &THERE, THERE.len())
}

fn server(certificate: &Certificate, path: &Path, version: &str) -> OpenSsl {
    let (key, shown) = (certificate.key(), certificate.certificate());
    let (key, shown) = (key.to_str().unwrap(), shown.to_str().unwrap());
    let path = path.to_str().unwrap();
    let arguments = ["s_server", "-quiet", "-unix", path, "-key", key, "-cert", shown, version];
    openssl(&arguments, &BACK, THERE.len())
}

fn client_to_echo(version: &str) {
    if find_peer("openssl").is_none() {
        return;
    }
    let certificate = Certificate::new();
    let mut running = Running::ropewalk(&["serve", "echo", &certificate.server()]);
    let output = client(&certificate, &running.listening(), version).output();
    assert_same(&output, &THERE);
    let ended = running.terminate();
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
}

fn client_through_relay(version: &str) {
    if find_peer("openssl").is_none() {
        return;
    }
    let certificate = Certificate::new();
    let mut echo = Running::ropewalk(&["serve", "echo", "tcp:0:interface=127.0.0.1"]);
    let to = format!("tcp:{}", echo.listening());
    let mut relay = Running::ropewalk(&["relay", &certificate.server(), &to]);
    let output = client(&certificate, &relay.listening(), version).output();
    assert_same(&output, &THERE);
}

/// OpenSSL's server listens on a UNIX socket, where no port has to be guessed; the first relay
/// leads to it, the second one puts TLS on.
fn relay_to_server(version: &str) {
    if find_peer("openssl").is_none() {
        return;
    }
    let certificate = Certificate::new();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server");
    let server = server(&certificate, &path, version);
    eventually("openssl listens", || is_listening(&path));
    let listen = "tcp:0:interface=127.0.0.1";
    let mut plain = Running::ropewalk(&["relay", listen, &format!("unix:{}", path.display())]);
    let to = certificate.client(&plain.listening());
    let mut relay = Running::ropewalk(&["relay", listen, &to]);

    let stream = relay.connect();
    let mut reading = stream.try_clone().unwrap();
    let received = thread::spawn(move || {
        let mut received = vec![0; BACK.len()];
        reading.read_exact(&mut received).unwrap();
        received
    });
    (&stream).write_all(&THERE).unwrap();
    assert_same(&received.join().unwrap(), &BACK);
    assert_same(&server.output(), &THERE);
}

#[test]
fn s_client_updates_the_keys_of_both_directions_and_goes_on() {
    let Some(mut command) = find_peer("openssl") else { return };
    let certificate = Certificate::new();
    let mut running = Running::ropewalk(&["serve", "echo", &certificate.server()]);
    command.args(["s_client", "-tls1_3", "-connect", &running.listening()]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut client = command.spawn().unwrap();
    let (mut input, output) = (client.stdin.take().unwrap(), client.stdout.take().unwrap());
    let mut lines = BufReader::new(output).lines().map_while(Result::ok);
    let mut errors = BufReader::new(client.stderr.take().unwrap()).lines().map_while(Result::ok);
    // A line that is the letter K alone has s_client send KeyUpdate and ask for the peer's. A command ends
    // where a read of the input does, so each waits for the echo of what was sent before.
    for text in ["before", "between", "after"] {
        writeln!(input, "{text}").unwrap();
        assert!(lines.any(|line| line == text), "{text}");
        input.write_all(b"K\n").unwrap();
        assert!(errors.any(|line| line == "KEYUPDATE"), "{text}");
    }
    drop(input);
    client.wait().unwrap();
    assert_eq!(running.terminate().code, Some(0));
}

#[test]
fn s_client_over_tls_1_2_to_echo() {
    client_to_echo("-tls1_2");
}

#[test]
fn s_client_over_tls_1_3_to_echo() {
    client_to_echo("-tls1_3");
}

#[test]
fn s_client_over_tls_1_2_through_a_relay() {
    client_through_relay("-tls1_2");
}

#[test]
fn s_client_over_tls_1_3_through_a_relay() {
    client_through_relay("-tls1_3");
}

#[test]
fn a_relay_to_s_server_over_tls_1_2() {
    relay_to_server("-tls1_2");
}

#[test]
fn a_relay_to_s_server_over_tls_1_3() {
    relay_to_server("-tls1_3");
}
