//! Certificates of other programs that are refused, with OpenSSL, GnuTLS and Python's ssl on either side and TLS
//! 1.2 and 1.3: the alert that the peer gets, and the error here, which says which certificate it is and why.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;
use testkit::find_peer;

use crate::certificates::Certificate;
use crate::refused::{FAULTS, Fault, HOST, Refused, Whose};
use crate::running::{Running, eventually, ropewalk};

#[derive(Clone, Copy, Debug)]
enum Peer {
    OpenSsl,
    GnuTls,
    Python,
}

/// The number that follows this text.
fn number_after(text: &str, before: &str) -> Option<u8> {
    let (_, rest) = text.split_once(before)?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

fn python(arguments: &[&str]) -> Option<Command> {
    let mut command = find_peer("python3")?;
    command.args(["-c", include_str!("peers_refusals.py")]).args(arguments);
    Some(command)
}

impl Peer {
    /// A server that shows what is in this file, and where it listens.
    fn server(self, version: &str, pair: &str) -> Option<(Running, String)> {
        match self {
            Self::OpenSsl => {
                let mut command = find_peer("openssl")?;
                command.args(["s_server", "-accept", "127.0.0.1:0", "-naccept", "1"]);
                command.args(["-cert", pair, "-key", pair, &openssl_version(version)]);
                // It ends with its input.
                let mut running = Running::with_input(command, Stdio::piped());
                loop {
                    if let Some(address) = running.line().strip_prefix("ACCEPT ") {
                        return Some((running, address.to_owned()));
                    }
                }
            }
            Self::GnuTls => {
                let mut command = find_peer("gnutls-serv")?;
                with_pair(&mut command, version, pair);
                // It takes no socket and no port of the system's choice, so one is looked for.
                let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
                // The alert is in its log alone.
                command.args(["--echo", "--debug", "5", "--port", &port.to_string()]);
                let running = Running::command(command);
                let is_there = || TcpStream::connect(("127.0.0.1", port)).is_ok();
                eventually("gnutls-serv listens", is_there);
                Some((running, format!("127.0.0.1:{port}")))
            }
            Self::Python => {
                let mut running = Running::command(python(&["server", version, pair])?);
                let address = running.line();
                Some((running, address))
            }
        }
    }

    /// A client that shows what is in this file, and takes any server.
    fn client(self, version: &str, address: &str, pair: &str) -> Option<Command> {
        match self {
            Self::OpenSsl => {
                let mut command = find_peer("openssl")?;
                command.args(["s_client", "-connect", address, "-cert", pair, "-key", pair]);
                command.arg(openssl_version(version));
                Some(command)
            }
            Self::GnuTls => {
                let mut command = find_peer("gnutls-cli")?;
                with_pair(&mut command, version, pair);
                let (host, port) = address.rsplit_once(':').unwrap();
                command.args(["--insecure", "--port", port, host]);
                Some(command)
            }
            Self::Python => python(&["client", address, version, pair]),
        }
    }

    /// The number of the alert that it tells of.
    fn alert(self, told: &str) -> Option<u8> {
        match self {
            Self::OpenSsl => number_after(told, "SSL alert number "),
            // The client tells of it, and the server logs it, as it logs those that it has sent.
            Self::GnuTls => number_after(told, "Received alert [").or_else(|| {
                let received = told.lines().rfind(|line| line.ends_with(" was received"))?;
                number_after(received, "Alert[2|")
            }),
            Self::Python => number_after(told, "alert "),
        }
    }
}

fn openssl_version(version: &str) -> String {
    format!("-tls{}", version.replace('.', "_"))
}

fn with_pair(command: &mut Command, version: &str, pair: &str) {
    command.arg(format!("--priority=NORMAL:-VERS-ALL:+VERS-TLS{version}"));
    command.args(["--x509keyfile", pair, "--x509certfile", pair]);
}

/// All faults, with each version.
fn all(mut refuse: impl FnMut(Fault, &str, &Path) -> Option<()>) {
    for fault in FAULTS {
        for version in ["1.2", "1.3"] {
            let directory = TempDir::new().unwrap();
            if refuse(fault, version, directory.path()).is_none() {
                return;
            }
        }
    }
}

/// We are the client of this server.
fn servers_are_refused(peer: Peer) {
    all(|fault, version, place| {
        let Refused { trusted, pair, alert, words } = fault.of(Whose::Server, place);
        let (server, address) = peer.server(version, &pair)?;
        let ours =
            ropewalk(&["pipe", &format!("tls:{address}:hostname={HOST}:trustRoots={trusted}")]);
        let case = format!("{peer:?}, {fault:?}, TLS {version}");
        assert_eq!((ours.code, &*ours.output), (Some(69), &b""[..]), "{case}");
        assert_told(&ours.errors, "server", words, &case);
        // GnuTLS's goes on; what it has logged is read when it has ended.
        let theirs = match peer {
            Peer::GnuTls => server.terminate(),
            Peer::OpenSsl | Peer::Python => server.wait(),
        };
        let told = String::from_utf8_lossy(&theirs.output) + &*theirs.errors;
        assert_eq!(peer.alert(&told), Some(alert), "{case}: {told}");
        Some(())
    });
}

/// We are the server of this client.
fn clients_are_refused(peer: Peer) {
    let own = Certificate::new();
    all(|fault, version, place| {
        let Refused { trusted, pair, alert, words } = fault.of(Whose::Client, place);
        let text = format!("{}:clientCA={trusted}:clientDNS={HOST}", own.server());
        let mut server = Running::ropewalk(&["serve", "echo", &text]);
        let client = peer.client(version, &server.listening(), &pair)?;
        // Its input stays open, at whose end it would not wait for the alert.
        let theirs = Running::with_input(client, Stdio::piped()).wait();
        let ours = server.terminate();
        let case = format!("{peer:?}, {fault:?}, TLS {version}");
        assert_eq!(ours.code, Some(0), "{case}");
        assert_told(&ours.errors, "client", words, &case);
        let told = String::from_utf8_lossy(&theirs.output) + &*theirs.errors;
        assert_eq!(peer.alert(&told), Some(alert), "{case}: {told}");
        Some(())
    });
}

/// One sentence, that this certificate was refused for this reason.
fn assert_told(errors: &str, whose: &str, words: &str, case: &str) {
    let refused = format!("the certificate of the {whose} was refused: ");
    assert_eq!(errors.matches(&refused).count(), 1, "{case}: {errors}");
    assert!(errors.contains(words), "{case}: {errors}");
    assert!(errors.contains("(the certificate `CN=refused`, valid from "), "{case}: {errors}");
}

#[test]
fn certificates_of_openssls_server_are_refused() {
    servers_are_refused(Peer::OpenSsl);
}

#[test]
fn certificates_of_openssls_client_are_refused() {
    clients_are_refused(Peer::OpenSsl);
}

#[test]
fn certificates_of_gnutlss_server_are_refused() {
    servers_are_refused(Peer::GnuTls);
}

#[test]
fn certificates_of_gnutlss_client_are_refused() {
    clients_are_refused(Peer::GnuTls);
}

#[test]
fn certificates_of_pythons_server_are_refused() {
    servers_are_refused(Peer::Python);
}

#[test]
fn certificates_of_pythons_client_are_refused() {
    clients_are_refused(Peer::Python);
}
