//! Keying material that both ends of a session compute alike (RFC 8446 section 7.5).

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use interfaces::{ExportKeyingMaterialError as ExportError, Transport};
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, KeyLog, ServerConfig, SupportedProtocolVersion};

use crate::certificates::{Authority, VERSIONS};
use crate::talk::{NAME, Talk};
use crate::tls::{Outgoing, Session, keeping_exporter};

/// The channel binding of RFC 9266.
const BINDING: &[u8] = b"EXPORTER-Channel-Binding";

fn configs(version: &'static SupportedProtocolVersion) -> (ClientConfig, ServerConfig) {
    let authority = Authority::new();
    let (mut client, mut server) = (authority.client(version), authority.identity(NAME).server());
    client.key_log = keeping_exporter(client.key_log);
    server.key_log = keeping_exporter(server.key_log);
    (client, server)
}

fn exported(transport: &Rc<dyn Transport>, label: &[u8], context: &[u8]) -> [u8; 32] {
    let mut output = [0; 32];
    let tls = transport.as_tls().expect("it is TLS");
    tls.export_keying_material(label, context, &mut output).expect("it is exported");
    output
}

#[test]
fn both_ends_export_the_same_from_the_handshake_to_the_end_and_no_other_session_does() {
    let (client, server) = configs(&TLS13);
    let early = Rc::new(RefCell::new([0; 32]));
    let at_once = early.clone();
    let talk = Talk::between(client.clone(), server.clone());
    let talking = talk.on_handshake(move |tls| *at_once.borrow_mut() = exported(tls, BINDING, b""));
    let talking = talking.run();
    let (one, other) = (talking.client_handle(), talking.server_handle());
    let binding = exported(&one, BINDING, b"");
    assert_eq!(binding, exported(&other, BINDING, b""));
    assert_eq!(binding, *early.borrow());
    assert_ne!(binding, [0; 32]);
    one.write(&[7; 100_000]);
    talking.flush();
    assert_eq!(exported(&other, BINDING, b""), binding);
    for (label, context) in [(&b"EXPERIMENTAL x"[..], &b""[..]), (BINDING, b"c")] {
        let material = exported(&one, label, context);
        assert_eq!(material, exported(&other, label, context));
        assert_ne!(material, binding);
    }
    // The second session is resumed, and its secret is its own.
    let again = Talk::between(client, server).run();
    let second = exported(&again.client_handle(), BINDING, b"");
    assert_eq!(second, exported(&again.server_handle(), BINDING, b""));
    assert_ne!(second, binding);
}

#[test]
fn what_is_not_there_is_said_and_the_output_stays_as_it_was() {
    let ask = |transport: &Rc<dyn Transport>, label: &[u8], length: usize| {
        let mut output = vec![1; length];
        let tls = transport.as_tls().expect("it is TLS");
        let error = tls.export_keying_material(label, b"", &mut output).unwrap_err();
        assert_eq!(output, vec![1; length]);
        error
    };
    let (client, server) = configs(&TLS13);
    let mut talk = Talk::between(client, server);
    talk.server_config.key_log = Arc::new(rustls::NoKeyLog);
    let made = Rc::new(RefCell::new(None));
    let early = made.clone();
    let talk = talk.client(|it| {
        it.on_made(move |transport| *early.borrow_mut() = Some(ask(transport, BINDING, 32)))
    });
    let talking = talk.run();
    assert_eq!(made.take(), Some(ExportError::InHandshake));
    assert_eq!(ask(&talking.server_handle(), BINDING, 32), ExportError::NotKept);
    let client = talking.client_handle();
    let label = |length| ExportError::Label { length, max: 249 };
    assert_eq!(ask(&client, b"", 32), label(0));
    assert_eq!(ask(&client, &[b'x'; 250], 32), label(250));
    let hash_length = match &*client.as_tls().unwrap().cipher_suite().unwrap() {
        "TLS13_AES_256_GCM_SHA384" => 48,
        _ => 32,
    };
    let (most, length) = (255 * hash_length, |length, max| ExportError::Length { length, max });
    assert_eq!(ask(&client, BINDING, 0), length(0, most));
    assert_eq!(ask(&client, BINDING, most + 1), length(most + 1, most));
    let mut output = vec![0; most];
    client.as_tls().unwrap().export_keying_material(&[b'x'; 249], b"", &mut output).unwrap();
    client.abort_connection();
    talking.flush();
    assert_eq!(ask(&client, BINDING, 32), ExportError::Ended);

    let (client, server) = configs(&TLS12);
    let talking = Talk::between(client, server).run();
    assert_eq!(ask(&talking.client_handle(), BINDING, 32), ExportError::OldVersion);
    assert_eq!(ask(&talking.server_handle(), BINDING, 32), ExportError::OldVersion);
}

/// rustls's own connections have an exporter of their own, which is compared with.
#[test]
fn a_connection_of_rustls_exports_the_same() {
    let (client, server) = configs(&TLS13);
    let name = ServerName::try_from(NAME).unwrap();
    let mut ours = Session::client(Arc::new(client), name).unwrap();
    let mut theirs = rustls::ServerConnection::new(Arc::new(server)).unwrap();
    let (mut records, mut plaintext) = (Outgoing::new(), Vec::new());
    let mut incoming = Vec::new();
    while ours.is_handshaking() || theirs.is_handshaking() {
        let received = ours.receive(&mut incoming, &mut plaintext, &mut records);
        assert!(received.failure.is_none(), "{received:?}");
        let mut sent = &records[..];
        while !sent.is_empty() {
            theirs.read_tls(&mut sent).unwrap();
            theirs.process_new_packets().unwrap();
        }
        records.clear();
        incoming.clear();
        while theirs.wants_write() {
            theirs.write_tls(&mut incoming).unwrap();
        }
    }
    for (label, context, length) in
        [(BINDING, &b""[..], 32), (b"l", b"context", 1), (b"l", b"c", 999)]
    {
        let mut mine = vec![0; length];
        ours.export_keying_material(label, context, &mut mine).unwrap();
        let own = theirs.export_keying_material(vec![0; length], label, Some(context)).unwrap();
        assert_eq!(mine, own);
    }
}

/// What a user's log was given.
#[derive(Debug, Default)]
struct Logged {
    labels: Mutex<Vec<String>>,
    /// A handshake that the log runs meanwhile.
    inner: Option<(Arc<ClientConfig>, Arc<ServerConfig>)>,
}

impl KeyLog for Logged {
    fn log(&self, label: &str, _: &[u8], _: &[u8]) {
        self.labels.lock().unwrap().push(label.to_owned());
        if let Some((client, server)) = &self.inner {
            let _ = pair(client, server);
        }
    }

    fn will_log(&self, label: &str) -> bool {
        label != "SERVER_TRAFFIC_SECRET_0"
    }
}

/// A client and a server whose handshake is done.
fn pair(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> (Session, Session) {
    let name = ServerName::try_from(NAME).unwrap();
    let mut client = Session::client(client.clone(), name).unwrap();
    let mut server = Session::server(server.clone()).unwrap();
    let (mut there, mut back) = (Outgoing::new(), Outgoing::new());
    let mut plaintext = Vec::new();
    while client.is_handshaking() || server.is_handshaking() {
        let mut incoming = back.to_vec();
        back.clear();
        assert!(client.receive(&mut incoming, &mut plaintext, &mut there).failure.is_none());
        let mut incoming = there.to_vec();
        there.clear();
        assert!(server.receive(&mut incoming, &mut plaintext, &mut back).failure.is_none());
    }
    (client, server)
}

#[test]
fn a_users_log_goes_on_and_sessions_inside_each_other_keep_their_own_secrets() {
    for version in VERSIONS {
        let (client, server) = configs(version);
        let inner = Some((Arc::new(client.clone()), Arc::new(server.clone())));
        let plain = Arc::new(Logged::default());
        let nested = Arc::new(Logged { inner, ..Logged::default() });
        let (mut client, mut server) = (client, server);
        client.key_log = keeping_exporter(nested.clone());
        server.key_log = keeping_exporter(plain.clone());
        let (client, server) = pair(&Arc::new(client), &Arc::new(server));
        let labels = plain.labels.lock().unwrap().clone();
        assert!(!labels.iter().any(|label| label == "SERVER_TRAFFIC_SECRET_0"), "{labels:?}");
        assert_eq!(labels.len(), nested.labels.lock().unwrap().len());
        if version.version != TLS13.version {
            assert_eq!(labels, ["CLIENT_RANDOM"]);
            continue;
        }
        assert!(labels.iter().any(|label| label == "EXPORTER_SECRET"), "{labels:?}");
        let exported = |session: &Session| {
            let mut output = [0; 32];
            session.export_keying_material(BINDING, b"", &mut output).unwrap();
            output
        };
        assert_eq!(exported(&client), exported(&server));
    }
}

/// The keying material that `openssl` prints for this label, in lower case.
fn printed(output: &str) -> String {
    let line = output.lines().find_map(|line| line.trim().strip_prefix("Keying material: "));
    line.unwrap_or_else(|| panic!("it prints none: {output}")).to_ascii_lowercase()
}

/// The handshake over this socket, then the session's material as `openssl` prints it. The socket is closed.
fn material_over(mut stream: TcpStream, mut session: Session) -> String {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut records, mut plaintext) = (Outgoing::new(), Vec::new());
    let mut buffer = vec![0; 64 * 1024];
    let mut length = 0;
    while session.is_handshaking() {
        let received = session.receive(&mut buffer[..length], &mut plaintext, &mut records);
        assert!(received.failure.is_none(), "{received:?}");
        stream.write_all(&records).unwrap();
        records.clear();
        if session.is_handshaking() {
            length = stream.read(&mut buffer).unwrap();
            assert_ne!(length, 0, "the peer ended");
        }
    }
    let mut output = [0; 40];
    session.export_keying_material(b"EXPERIMENTAL ropewalk", b"", &mut output).unwrap();
    session.close(&mut records);
    stream.write_all(&records).unwrap();
    data_encoding::HEXLOWER.encode(&output)
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const PATIENCE: Duration = Duration::from_secs(60);
const MATERIAL: [&str; 4] = ["-keymatexport", "EXPERIMENTAL ropewalk", "-keymatexportlen", "40"];

#[test]
fn openssls_client_exports_the_same() {
    let Some(mut openssl) = testkit::find_peer("openssl") else { return };
    let (_, server) = configs(&TLS13);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    openssl.args(["s_client", "-tls1_3", "-connect", &address]).args(MATERIAL);
    openssl.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let client = openssl.spawn().unwrap();
    let session = Session::server(Arc::new(server)).unwrap();
    let material = material_over(listener.accept().unwrap().0, session);
    let output = client.wait_with_output().unwrap().stdout;
    assert_eq!(printed(&String::from_utf8_lossy(&output)), material);
}

#[test]
fn openssls_server_exports_the_same() {
    let Some(mut openssl) = testkit::find_peer("openssl") else { return };
    let authority = Authority::new();
    let own = authority.identity(NAME);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("own.pem");
    std::fs::write(&path, own.key_pem() + &own.certificate_pem).unwrap();
    openssl.args(["s_server", "-tls1_3", "-naccept", "1", "-accept", "127.0.0.1:0", "-cert"]);
    openssl.arg(&path).args(MATERIAL);
    openssl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = Running(openssl.spawn().unwrap());
    let mut output = BufReader::new(server.0.stdout.take().unwrap());
    // `ACCEPT 127.0.0.1:40000`
    let mut line = String::new();
    while !line.starts_with("ACCEPT ") {
        line.clear();
        assert_ne!(output.read_line(&mut line).unwrap(), 0, "it does not listen");
    }
    let stream = TcpStream::connect(line["ACCEPT ".len()..].trim()).unwrap();
    let mut client = authority.client(&TLS13);
    client.key_log = keeping_exporter(client.key_log);
    let name = ServerName::try_from(NAME).unwrap();
    let material = material_over(stream, Session::client(Arc::new(client), name).unwrap());
    let mut printed_text = String::new();
    output.read_to_string(&mut printed_text).unwrap();
    assert_eq!(printed(&printed_text), material);
}
