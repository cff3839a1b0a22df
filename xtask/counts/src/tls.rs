//! A message that is echoed over TLS 1.3 through the reactor on the kernel: AES-128-GCM of the default
//! provider, and the client's half too, which is a [`Session`] on std's blocking stream.
//!
//! Which code a cipher runs depends on the processor, but callgrind shows the program one that it makes
//! up, the same wherever there is AVX2, as the C library's copying has it as well. Invariant: the
//! handshake costs the same each time, up to what falls away when it is divided by the repeats. So its
//! keys are made and used by ring: what aws-lc makes random numbers from takes 400 million
//! instructions, and never the same number.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use interfaces::{ListenTcp, ReactorTcp as _};
use protocol::factory_fn;
use reactor::Reactor;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tls::{Outgoing, Session};

use crate::wire::Echo;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

const NAME: &str = "localhost";

/// A message of 64 bytes.
pub(crate) fn echo_64(repeats: u64) {
    exchange(&[7; 64], repeats);
}

/// A message of 4 KiB.
pub(crate) fn echo_4096(repeats: u64) {
    exchange(&[7; 4096], repeats);
}

/// The client's side, on std's blocking stream.
struct Client {
    stream: TcpStream,
    session: Session,
    buffer: Vec<u8>,
    plaintext: Vec<u8>,
    records: Outgoing,
}

impl Client {
    fn dial(address: SocketAddr, configuration: Arc<ClientConfig>) -> Self {
        let stream = TcpStream::connect(address).expect("the port listens");
        stream.set_nodelay(true).expect("it is a TCP connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("it is a TCP connection");
        let name = ServerName::try_from(NAME).expect("it is a name");
        Self {
            stream,
            session: Session::client(configuration, name).expect("the configuration is usable"),
            buffer: vec![0; 16 * 1024],
            plaintext: Vec::new(),
            records: Outgoing::new(),
        }
    }

    /// Sends what is to be sent.
    fn send(&mut self) {
        self.stream.write_all(&self.records).expect("the server lives");
        self.records.clear();
    }

    /// Takes what has arrived.
    fn receive(&mut self) {
        let length = self.stream.read(&mut self.buffer).expect("the server answers in its turn");
        self.use_bytes(length);
    }

    /// Has the session take the first bytes of the buffer.
    fn use_bytes(&mut self, length: usize) {
        let bytes = &mut self.buffer[..length];
        let received = self.session.receive(bytes, &mut self.plaintext, &mut self.records);
        assert!(received.failure.is_none() && !received.peer_closed);
    }
}

/// Rounds in which the client says the message and hears it.
fn exchange(message: &[u8], rounds: u64) {
    let (client, server) = configurations();
    let reactor = Reactor::new().expect("there are descriptors");
    let factory = tls::wrap_server(server, factory_fn(|_| Echo), Rc::new(reactor.clone()));
    let options = ListenTcp::new((Ipv4Addr::LOCALHOST, 0));
    let port = reactor.listen_tcp(&options, factory).expect("a port is free");
    let address = port.host().as_socket_addr().expect("it is a TCP port");
    let turn = || reactor.turn(Some(PATIENCE)).expect("epoll_wait does not fail");
    let mut client = Client::dial(address, client);
    turn();
    client.use_bytes(0);
    while client.session.is_handshaking() {
        client.send();
        turn();
        client.receive();
    }
    for _ in 0..rounds {
        client.session.send(message, &mut client.records).expect("the handshake is done");
        client.send();
        turn();
        while client.plaintext.len() < message.len() {
            client.receive();
        }
        assert!(client.plaintext == message);
        client.plaintext.clear();
    }
}

/// Both sides' configurations, of a certificate that is made here.
fn configurations() -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let own = rcgen::generate_simple_self_signed([NAME.to_owned()]).expect("it is a name");
    let certificate = own.cert.der();
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let provider = Arc::new(CryptoProvider {
        cipher_suites: tls::default_provider().cipher_suites,
        kx_groups: vec![ring::kx_group::X25519],
        ..ring::default_provider()
    });
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("it is a certificate");
    let client = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider speaks it")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider speaks it")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .expect("the key is the certificate's");
    (Arc::new(client), Arc::new(server))
}
