//! TLS that starts in mid-connection, with PostgreSQL's server and client and with OpenSSL's client of mail.
//!
//! Here the library is under test: the command has no protocol that starts TLS.

use std::cell::RefCell;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use interfaces::{
    Factory, ListeningPort, Protocol, ReactorTime as _, Reason, StreamServerEndpoint as _,
    Transport,
};
use protocol::{connect_protocol, factory_fn};
use reactor::Reactor;
use ropewalk::tls::{
    ClientSettings, ServerSettings, StartTlsEndpoint, Trust, default_provider, rustls,
    start_tls_client, start_tls_server,
};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use testkit::{find_peer, find_rare_peer};

use crate::certificates::Certificate;
use crate::running::{Ended, LIMIT, Running, eventually, run};

/// `SSLRequest` and `GSSENCRequest` of PostgreSQL's protocol 3.0.
const SSL_REQUEST: &[u8] = &[0, 0, 0, 8, 4, 210, 22, 47];
const GSS_REQUEST: &[u8] = &[0, 0, 0, 8, 4, 210, 22, 48];

/// How many bytes a query returns.
const ANSWER_BYTES: usize = 4 << 20;

fn client_config(certificate: &Certificate) -> Arc<ClientConfig> {
    let settings = ClientSettings::default().with_trust(Trust::Files(certificate.certificate()));
    Arc::new(settings.config(&Arc::new(default_provider()), &|_| {}).unwrap())
}

fn server_config(certificate: &Certificate) -> Arc<ServerConfig> {
    let settings = ServerSettings::new(certificate.certificate(), certificate.key());
    Arc::new(settings.config(&Arc::new(default_provider()), None, &|_| {}).unwrap())
}

/// A message of PostgreSQL's protocol: its type, if it has one, its length and its fields.
fn message(kind: &[u8], fields: &[u8]) -> Vec<u8> {
    let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
    [kind, &length, fields].concat()
}

/// The database, as a user of its own where this is root, which it refuses.
struct Postgres {
    _running: Running,
    address: String,
    _directory: tempfile::TempDir,
}

fn as_another_user(mut command: Command) -> Command {
    if rights().is_some() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

const NOBODY: u32 = 65534;

/// The user to give files to, where this is root.
fn rights() -> Option<u32> {
    let own = std::fs::metadata("/proc/self").unwrap().uid();
    (own == 0).then_some(NOBODY)
}

fn give_away(path: &Path) {
    if let Some(user) = rights() {
        chown(path, Some(user), Some(user)).unwrap();
    }
}

impl Postgres {
    fn new(certificate: &Certificate) -> Option<Self> {
        let (mut create, mut serve) = (find_rare_peer("initdb")?, find_rare_peer("postgres")?);
        let directory = tempfile::tempdir().unwrap();
        give_away(directory.path());
        let data = directory.path().join("data");
        create.args(["--auth=trust", "--username=rope", "--no-sync", "--pgdata"]).arg(&data);
        let ended = run(as_another_user(create), "");
        assert_eq!(ended.code, Some(0), "{}", ended.errors);
        for (name, source) in [("key", certificate.key()), ("cert", certificate.certificate())] {
            let path = data.join(name);
            std::fs::copy(source, &path).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            give_away(&path);
        }
        // It takes no socket and tells no port, so one is looked for.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        serve.arg("-D").arg(&data).args(["-p", &port.to_string(), "-h", "127.0.0.1", "-F"]);
        for option in
            ["ssl=on", "ssl_key_file=key", "ssl_cert_file=cert", "unix_socket_directories="]
        {
            serve.args(["-c", option]);
        }
        let running = Running::command(as_another_user(serve));
        let address = format!("127.0.0.1:{port}");
        eventually("postgres listens", || std::net::TcpStream::connect(&address).is_ok());
        Some(Self { _running: running, address, _directory: directory })
    }
}

/// Asks PostgreSQL for TLS, then over it for its own view of the session and for many bytes.
struct Asking {
    config: Arc<ClientConfig>,
    has_started: bool,
    asked: usize,
    told: Rc<RefCell<Told>>,
}

#[derive(Default)]
struct Told {
    received: Vec<u8>,
    lost: Option<Reason>,
}

impl Asking {
    /// The next message, each time the server is ready.
    fn next(&mut self) -> Vec<u8> {
        self.asked += 1;
        match self.asked {
            1 => message(b"Q", b"SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()\0"),
            2 => message(b"Q", format!("SELECT repeat('x', {ANSWER_BYTES})\0").as_bytes()),
            _ => message(b"X", b""),
        }
    }
}

impl Protocol for Asking {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        transport.write(SSL_REQUEST);
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        if !self.has_started {
            self.has_started = true;
            assert_eq!(data.first(), Some(&b'S'));
            let name = ServerName::try_from("localhost").unwrap();
            start_tls_client(transport, self.config.clone(), name, &data[1..]).unwrap();
            transport.write(&message(b"", b"\0\x03\0\0user\0rope\0database\0postgres\0\0"));
            return;
        }
        let is_ready = {
            let mut told = self.told.borrow_mut();
            told.received.extend_from_slice(data);
            told.received.ends_with(b"Z\0\0\0\x05I")
        };
        if is_ready {
            transport.write(&self.next());
        }
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.told.borrow_mut().lost = Some(reason.clone());
    }
}

/// Runs the reactor until the claim holds.
fn run_until(reactor: &Reactor, claim: impl Fn() -> bool) {
    let end = reactor.now() + LIMIT;
    while !claim() {
        assert!(reactor.now() < end, "it takes too long");
        reactor.turn(Some(std::time::Duration::from_millis(10))).unwrap();
    }
}

/// One session, to its end.
fn ask(postgres: &Postgres, certificate: &Certificate) -> Told {
    let reactor = Reactor::new().unwrap();
    let told = Rc::new(RefCell::new(Told::default()));
    let asking = Asking {
        config: client_config(certificate),
        has_started: false,
        asked: 0,
        told: told.clone(),
    };
    let registry = ropewalk::registry(reactor.clone());
    let below = registry.client(&format!("tcp:{}", postgres.address)).unwrap();
    drop(connect_protocol(&StartTlsEndpoint::new(below, reactor.clone()), asking));
    run_until(&reactor, || told.borrow().lost.is_some());
    told.take()
}

#[test]
fn a_client_starts_tls_with_postgres_and_reads_a_large_answer() {
    let certificate = Certificate::new();
    let Some(postgres) = Postgres::new(&certificate) else { return };
    let mut told = Told::default();
    // It listens before it serves, and says so: cannot_connect_now.
    eventually("postgres serves", || {
        told = ask(&postgres, &certificate);
        !told.received.windows(5).any(|code| code == b"57P03")
    });
    let Told { received, lost } = told;
    assert!(lost.clone().unwrap().is_clean(), "{lost:?}");
    let received_text = String::from_utf8_lossy(&received);
    assert!(received_text.contains("TLSv1.3"), "the server's own view of the session");
    assert_eq!(received.iter().filter(|byte| **byte == b'x').count(), ANSWER_BYTES);
}

/// A server on this reactor, with its port kept.
fn serve(reactor: &Reactor, factory: Rc<dyn Factory>) -> (Rc<dyn ListeningPort>, String) {
    let registry = ropewalk::registry(reactor.clone());
    let below = registry.server("tcp:0:interface=127.0.0.1").unwrap();
    let listening = StartTlsEndpoint::new(below, reactor.clone()).listen(factory);
    let port = testkit::result_of(listening).unwrap();
    let address = port.host().to_string();
    (port, address)
}

/// Runs a client to its end, while the reactor serves it.
fn served(reactor: &Reactor, command: Command, input: &'static str) -> Ended {
    let client: JoinHandle<Ended> = thread::spawn(move || run(command, input));
    run_until(reactor, || client.is_finished());
    client.join().unwrap()
}

/// Takes `SSLRequest`, starts TLS, and refuses the session with an error that only TLS can carry.
struct Refusing {
    config: Arc<ServerConfig>,
    has_started: bool,
}

impl Protocol for Refusing {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        match data {
            _ if self.has_started => {
                let fields = b"SFATAL\0VFATAL\0C28000\0Mtold over tls\0\0";
                transport.write(&message(b"E", fields));
                transport.lose_connection();
            }
            GSS_REQUEST => transport.write(b"N"),
            _ => {
                let unread = data.strip_prefix(SSL_REQUEST).expect("psql asks for TLS");
                self.has_started = true;
                transport.write(b"S");
                start_tls_server(transport, self.config.clone(), unread).unwrap();
            }
        }
    }
}

#[test]
fn psql_starts_tls_with_a_server_and_trusts_it() {
    let Some(mut psql) = find_rare_peer("psql") else { return };
    let (certificate, reactor) = (Certificate::new(), Reactor::new().unwrap());
    let config = server_config(&certificate);
    let factory = factory_fn(move |_| Refusing { config: config.clone(), has_started: false });
    let (_port, address) = serve(&reactor, factory);
    let (_, port) = address.rsplit_once(':').unwrap();
    psql.args(["-w", "-c", "SELECT 1", &format!(
        "host=localhost hostaddr=127.0.0.1 port={port} user=a dbname=b sslmode=verify-full sslrootcert={}",
        certificate.certificate().display()
    )]);
    psql.stdin(Stdio::null());
    let ended = served(&reactor, psql, "");
    assert!(ended.errors.contains("told over tls"), "{}", ended.errors);
}

/// As much of a mail server as asks for TLS and answers over it.
struct Mail {
    config: Arc<ServerConfig>,
    line: Vec<u8>,
    is_safe: bool,
}

impl Mail {
    fn answer(&mut self, transport: &Rc<dyn Transport>, line: &[u8], unread: &[u8]) {
        match line {
            b"STARTTLS\r" if !self.is_safe => {
                self.is_safe = true;
                transport.write(b"220 go ahead\r\n");
                start_tls_server(transport, self.config.clone(), unread).unwrap();
            }
            b"QUIT\r" => {
                transport.write(b"221 bye\r\n");
                transport.lose_connection();
            }
            _ if self.is_safe => transport.write(b"250 safe\r\n"),
            _ => transport.write(b"250-mail.example\r\n250 STARTTLS\r\n"),
        }
    }
}

impl Protocol for Mail {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        transport.write(b"220 mail.example ESMTP\r\n");
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        let was_safe = self.is_safe;
        for (at, byte) in data.iter().enumerate() {
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            self.answer(transport, &line, &data[at + 1..]);
            if self.is_safe != was_safe {
                return;
            }
        }
    }
}

#[test]
fn s_client_starts_tls_in_a_session_of_mail() {
    for version in ["-tls1_2", "-tls1_3"] {
        let Some(mut openssl) = find_peer("openssl") else { return };
        let (certificate, reactor) = (Certificate::new(), Reactor::new().unwrap());
        let config = server_config(&certificate);
        let factory =
            factory_fn(move |_| Mail { config: config.clone(), line: Vec::new(), is_safe: false });
        let (_port, address) = serve(&reactor, factory);
        let roots = certificate.certificate();
        let trusted = ["-CAfile", roots.to_str().unwrap(), "-verify_return_error"];
        openssl.args([
            "s_client",
            "-starttls",
            "smtp",
            "-crlf",
            "-ign_eof",
            "-connect",
            &address,
            version,
        ]);
        openssl.args(trusted);
        let ended = served(&reactor, openssl, "NOOP\nQUIT\n");
        let output = String::from_utf8_lossy(&ended.output).into_owned();
        assert!(output.contains("250 safe") && output.contains("221 bye"), "{output}");
    }
}
