//! 64 MiB of random data byte-exact both ways with OpenSSL's own client and server, over TLS 1.2
//! and 1.3.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::{self, JoinHandle};

use testkit::find_peer;

use crate::bytes::{BACK, MIB, THERE, assert_same};
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

/// May demand a certificate of its client.
fn server(certificate: &Certificate, path: &Path, version: &str, demands: bool) -> OpenSsl {
    let (key, shown) = (certificate.key(), certificate.certificate());
    let (key, shown) = (key.to_str().unwrap(), shown.to_str().unwrap());
    let path = path.to_str().unwrap();
    let arguments = ["s_server", "-quiet", "-unix", path, "-key", key, "-cert", shown, version];
    let verifying = ["-Verify", "1", "-verify_return_error", "-CAfile", shown];
    let more = if demands { &verifying[..] } else { &[] };
    openssl(&[&arguments[..], more].concat(), &BACK, THERE.len())
}

/// 16 MiB with `s_client`, which shows a certificate that the server asks for.
fn client_with_certificate(version: &str) {
    let Some(mut probe) = find_peer("openssl") else { return };
    let certificate = Certificate::new();
    let (own, key) = (certificate.certificate(), certificate.key());
    let [own, key] = [&own, &key].map(|path| path.to_str().unwrap());
    let text = format!("{}:clientCA={own}:alpn=echo/1", certificate.server());
    let mut running = Running::ropewalk(&["serve", "echo", &text]);
    let address = running.listening();
    let common = ["s_client", "-connect", &address, version, "-CAfile", own];
    let shown = ["-cert", own, "-key", key, "-verify_return_error", "-quiet", "-nbio"];
    let sent = &THERE[..16 * MIB];
    assert_same(&openssl(&[&common[..], &shown].concat(), sent, sent.len()).output(), sent);

    // With an offer of ALPN, and a session that is resumed.
    let directory = tempfile::tempdir().unwrap();
    let session = directory.path().join("session");
    let session = session.to_str().unwrap();
    probe.args(common).args(["-cert", own, "-key", key, "-alpn", "echo/1", "-sess_out", session]);
    let first = said(probe, "first\n");
    assert!(first.contains("ALPN protocol: echo/1") && first.contains("New, TLSv1"), "{first}");
    let mut again = find_peer("openssl").unwrap();
    again.args(common).args(["-alpn", "echo/1", "-sess_in", session]);
    let second = said(again, "second\n");
    assert!(second.contains("Reused, TLSv1"), "{second}");
    assert!(
        second.contains("second"),
        "the resumed session is one of the client with a certificate"
    );
    let errors = running.terminate().errors;
    assert!(errors.lines().all(|line| line.contains(" is CN `rcgen")), "{errors}");
    assert!(errors.lines().count() >= 3, "{errors}");
}

/// What `s_client` prints for an input that it has echoed before it ends.
fn said(mut command: std::process::Command, input: &str) -> String {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    stdin.write_all(input.as_bytes()).unwrap();
    let (mut printed, mut buffer) = (Vec::new(), [0; 4096]);
    // Its report of the handshake has no such line, so this one is the echo.
    while !printed.ends_with(input.as_bytes()) {
        match stdout.read(&mut buffer).unwrap() {
            0 => break,
            length => printed.extend_from_slice(&buffer[..length]),
        }
    }
    drop(stdin);
    child.wait().unwrap();
    stdout.read_to_end(&mut printed).unwrap();
    String::from_utf8_lossy(&printed).into_owned()
}

#[test]
fn s_client_shows_a_certificate_offers_alpn_and_resumes_over_tls_1_2() {
    client_with_certificate("-tls1_2");
}

#[test]
fn s_client_shows_a_certificate_offers_alpn_and_resumes_over_tls_1_3() {
    client_with_certificate("-tls1_3");
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
fn relay_to_server(version: &str, demands: bool) {
    if find_peer("openssl").is_none() {
        return;
    }
    let certificate = Certificate::new();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server");
    let server = server(&certificate, &path, version, demands);
    eventually("openssl listens", || is_listening(&path));
    let listen = "tcp:0:interface=127.0.0.1";
    let mut plain = Running::ropewalk(&["relay", listen, &format!("unix:{}", path.display())]);
    let (own, key) = (certificate.certificate(), certificate.key());
    let shown = format!(":certificate={}:privateKey={}", own.display(), key.display());
    let to = certificate.client(&plain.listening()) + if demands { &shown } else { "" };
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
fn a_relay_to_s_server_over_tls_1_2_with_and_without_a_certificate() {
    relay_to_server("-tls1_2", true);
    relay_to_server("-tls1_2", false);
}

#[test]
fn a_relay_to_s_server_over_tls_1_3_with_and_without_a_certificate() {
    relay_to_server("-tls1_3", true);
    relay_to_server("-tls1_3", false);
}
