//! Sessions with servers of OpenSSL, GnuTLS and Python's ssl, and with GnuTLS's client, over TLS 1.2 and 1.3:
//! ALPN, resumption, and keys that are changed in the middle. OpenSSL's client is in `peers_openssl`, Python's in
//! `peers_python`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

use testkit::find_peer;

use crate::certificates::Certificate;
use crate::running::{Running, connect, eventually};

const VERSIONS: [&str; 2] = ["1.2", "1.3"];

/// The lines up to one that has this text.
fn until(running: &mut Running, text: &str) -> String {
    let mut lines = String::new();
    loop {
        let line = running.line();
        lines = lines + &line + "\n";
        if line.contains(text) {
            return lines;
        }
    }
}

/// A relay that puts TLS on, and the address where it listens.
fn relay(certificate: &Certificate, to: &str) -> (Running, String) {
    let to = certificate.client(to) + ":alpn=echo/1";
    let mut relay = Running::ropewalk(&["relay", "tcp:0:interface=127.0.0.1", &to]);
    let address = relay.listening();
    (relay, address)
}

fn expect(stream: &mut TcpStream, line: &str) {
    let mut received = vec![0; line.len()];
    stream.read_exact(&mut received).unwrap();
    assert_eq!(String::from_utf8_lossy(&received), line);
}

/// A connection with one line there and back.
fn echoed(address: &str) {
    let mut stream = connect(address);
    stream.write_all(b"a line\n").unwrap();
    expect(&mut stream, "a line\n");
}

#[test]
fn openssls_server_chooses_the_protocol_resumes_and_changes_the_keys_of_both_directions() {
    for version in VERSIONS {
        let Some(mut command) = find_peer("openssl") else { return };
        let certificate = Certificate::new();
        command.args(["s_server", "-accept", "127.0.0.1:0", "-alpn", "echo/1"]);
        command.arg("-cert").arg(certificate.certificate()).arg("-key").arg(certificate.key());
        command.arg(format!("-tls{}", version.replace('.', "_")));
        let mut server = Running::with_input(command, Stdio::piped());
        let listening = until(&mut server, "ACCEPT ");
        let (relay, address) = relay(&certificate, listening.rsplit(' ').next().unwrap().trim());
        for is_resumed in [false, true] {
            let mut stream = connect(&address);
            stream.write_all(b"from here\n").unwrap();
            let told = until(&mut server, "from here");
            assert!(told.contains("ALPN protocols selected: echo/1"), "{version}: {told}");
            assert_eq!(told.contains("Reused session-id"), is_resumed, "{version}: {told}");
            server.say("from there\n");
            expect(&mut stream, "from there\n");
            if version == "1.3" {
                // Alone in a line: its keys change, and it asks for others of ours. A command ends where a read of
                // its input does, so the next one waits; what it tells comes with the bytes that it gets.
                server.say("K\n");
                let mut told = String::new();
                while !told.contains("SSL_do_handshake -> 1") {
                    stream.write_all(b"more\n").unwrap();
                    told += &until(&mut server, "more");
                }
                server.say("with new keys\n");
                expect(&mut stream, "with new keys\n");
                stream.write_all(b"with new keys, too\n").unwrap();
                until(&mut server, "with new keys, too");
            }
        }
        let ended = relay.terminate();
        assert_eq!((ended.code, &*ended.errors), (Some(0), ""), "{version}");
    }
}

#[test]
fn pythons_server_chooses_the_protocol_and_resumes() {
    for version in VERSIONS {
        let Some(mut command) = find_peer("python3") else { return };
        let certificate = Certificate::new();
        let pair = certificate.key().with_file_name("pair");
        let both = [certificate.key(), certificate.certificate()].map(|it| fs::read(it).unwrap());
        fs::write(&pair, both.concat()).unwrap();
        command.args(["-c", include_str!("peers_sessions.py"), version]).arg(pair);
        let mut server = Running::command(command);
        let (relay, address) = relay(&certificate, &server.line());
        for session in ["new", "resumed"] {
            echoed(&address);
            assert_eq!([server.line(), server.line()], ["ALPN echo/1", session], "{version}");
        }
        assert_eq!(server.wait().code, Some(0));
        let ended = relay.terminate();
        assert_eq!((ended.code, &*ended.errors), (Some(0), ""), "{version}");
    }
}

#[test]
fn gnutlss_server_chooses_the_protocol_and_resumes() {
    for version in VERSIONS {
        let Some(mut command) = find_peer("gnutls-serv") else { return };
        let certificate = Certificate::new();
        command.arg(format!("--priority=NORMAL:-VERS-ALL:+VERS-TLS{version}"));
        command.arg("--x509keyfile").arg(certificate.key());
        command.arg("--x509certfile").arg(certificate.certificate());
        // It takes no socket and no port of the system's choice, so one is looked for.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        command.args(["--echo", "--alpn", "echo/1", "--port", &port.to_string()]);
        let server = Running::command(command);
        eventually("gnutls-serv listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        let (relay, address) = relay(&certificate, &format!("127.0.0.1:{port}"));
        echoed(&address);
        echoed(&address);
        // It ends when its connections have.
        let ended = relay.terminate();
        assert_eq!((ended.code, &*ended.errors), (Some(0), ""), "{version}");
        let told = String::from_utf8_lossy(&server.terminate().output).into_owned();
        assert_eq!(told.matches("- Application protocol: echo/1").count(), 2, "{version}: {told}");
        assert_eq!(told.matches("*** This is a resumed session").count(), 1, "{version}: {told}");
    }
}

#[test]
fn gnutlss_client_offers_the_protocol_resumes_and_changes_the_keys_of_both_directions() {
    for version in VERSIONS {
        let Some(mut command) = find_peer("gnutls-cli") else { return };
        let certificate = Certificate::new();
        let text = certificate.server() + ":alpn=echo/1";
        let mut echo = Running::ropewalk(&["serve", "echo", &text]);
        let address = echo.listening();
        let (_, port) = address.rsplit_once(':').unwrap();
        command.arg(format!("--priority=NORMAL:-VERS-ALL:+VERS-TLS{version}"));
        command.arg("--x509cafile").arg(certificate.certificate());
        // It ends the first session, and then connects again.
        command.args(["--resume", "--inline-commands", "--alpn", "echo/1", "--port", port]);
        command.arg("localhost");
        let mut client = Running::with_input(command, Stdio::piped());
        client.say("a line\n");
        let told = until(&mut client, "a line");
        assert_eq!(told.matches("- Application protocol: echo/1").count(), 2, "{version}: {told}");
        assert_eq!(told.matches("*** This is a resumed session").count(), 1, "{version}: {told}");
        if version == "1.3" {
            client.say("^rekey^\n");
            until(&mut client, "- Rekey was completed");
            client.say("with new keys\n");
            until(&mut client, "with new keys");
        }
        drop(client);
        assert_eq!(echo.terminate().code, Some(0), "{version}");
    }
}
