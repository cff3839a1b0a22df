//! 1 MiB byte-exact both ways with GnuTLS's client, which takes seconds for more, over TLS 1.2 and 1.3, with and
//! without a client's certificate.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;

use testkit::{find_peer, pattern};

use crate::bytes::{MIB, assert_same};
use crate::certificates::Certificate;
use crate::running::Running;

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

fn client(version: &str, shows_certificate: bool) {
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
    let data = pattern(1004, MIB);
    assert_same(&through(command.spawn().unwrap(), &data), &data);
    assert_eq!(echo.terminate().code, Some(0), "{version}");
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
