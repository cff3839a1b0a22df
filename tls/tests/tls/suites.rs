//! What servers from strings choose, and how they resume: seen by clients made by hand.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use endpoints::Registry;
use interfaces::{Protocol, StreamClientEndpoint, StreamServerEndpoint, Transport};
use protocol::factory_fn;
use protocol::testing::{Record, Recorder};
#[cfg(feature = "aws-lc-rs")]
use rustls::NamedGroup;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::{CipherSuite, ClientConfig, HandshakeKind, SupportedProtocolVersion};
use testkit::result_of;

use crate::certificates::{Authority, VERSIONS, chosen};
use crate::machine::{Files, Machine};
use crate::talk::{NAME, once};
use crate::tls::{Outgoing, Session, default_provider, register, register_with_provider};

/// A client's session that is kept in sight.
#[derive(Clone)]
struct Caller {
    session: Rc<RefCell<Session>>,
}

impl Caller {
    fn take(&self, transport: &Rc<dyn Transport>, data: &[u8]) {
        let mut records = Outgoing::new();
        let mut session = self.session.borrow_mut();
        let received = session.receive(&mut data.to_vec(), &mut Vec::new(), &mut records);
        assert!(received.failure.is_none(), "{:?}", received.failure);
        drop(session);
        transport.write(&records);
    }
}

impl Protocol for Caller {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.take(transport, &[]);
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        self.take(transport, data);
    }
}

/// A machine with servers from strings on 443 (`ssl`) and 444 (`tls`).
struct Servers {
    machine: Machine,
    authority: Authority,
    _files: Files,
}

impl Servers {
    fn new(add: impl FnOnce(Registry, Machine) -> Registry) -> Self {
        let (machine, authority, files) = (Machine::new(), Authority::new(), Files::new());
        let own = authority.identity(NAME);
        let pem = files.write("pems/server.pem", &(own.key_pem() + &own.certificate_pem));
        let registry = add(Registry::new(), machine.clone());
        for text in [format!("ssl:443:{pem}"), format!("tls:{}:444", files.path("pems"))] {
            let endpoint = registry.server(&text).unwrap();
            drop(endpoint.listen(factory_fn(|_| Recorder::new(&Record::new()))));
        }
        Self { machine, authority, _files: files }
    }

    fn call(&self, port: &str, config: &Arc<ClientConfig>) -> Rc<RefCell<Session>> {
        let name = ServerName::try_from(NAME).unwrap();
        let session = Session::client(config.clone(), name).unwrap();
        let caller = Caller { session: Rc::new(RefCell::new(session)) };
        drop(self.machine.network.client(port).connect(once(caller.clone())));
        self.machine.network.flush();
        assert!(!caller.session.borrow().is_handshaking());
        caller.session
    }

    /// What a client with these suites, in this order, ends up with.
    fn suite(
        &self,
        port: &str,
        version: &'static SupportedProtocolVersion,
        suites: &[CipherSuite],
    ) -> CipherSuite {
        let all = chosen::ALL_CIPHER_SUITES;
        let offered = suites
            .iter()
            .map(|name| *all.iter().find(|suite| suite.suite() == *name).expect("rustls has it"));
        let provider =
            CryptoProvider { cipher_suites: offered.collect(), ..chosen::default_provider() };
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(self.authority.roots())
            .with_no_client_auth();
        let session = self.call(port, &Arc::new(config));
        let session = session.borrow();
        session.common().negotiated_cipher_suite().unwrap().suite()
    }
}

use CipherSuite::{
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 as OLD_128,
    TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 as OLD_256,
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 as OLD_CHACHA,
    TLS13_AES_128_GCM_SHA256 as NEW_128, TLS13_AES_256_GCM_SHA384 as NEW_256,
    TLS13_CHACHA20_POLY1305_SHA256 as NEW_CHACHA,
};

/// tlsverify-022
#[test]
fn a_server_from_a_string_prefers_aes_128_and_takes_whatever_a_client_has() {
    let servers = Servers::new(register);
    let [new, old] = VERSIONS;
    for port in ["443", "444"] {
        for (version, offered, chosen) in [
            (new, &[NEW_256, NEW_CHACHA, NEW_128][..], NEW_128),
            (new, &[NEW_CHACHA, NEW_256], NEW_256),
            (new, &[NEW_CHACHA], NEW_CHACHA),
            (old, &[OLD_256, OLD_CHACHA, OLD_128], OLD_128),
            (old, &[OLD_CHACHA, OLD_256], OLD_256),
            (old, &[OLD_CHACHA], OLD_CHACHA),
        ] {
            assert_eq!(servers.suite(port, version, offered), chosen, "{offered:?} at {port}");
        }
    }
}

#[test]
fn a_given_provider_decides_the_order_of_its_servers() {
    let servers = Servers::new(|registry, machine| {
        register_with_provider(registry, machine, Arc::new(chosen::default_provider()))
    });
    let [new, old] = VERSIONS;
    assert_eq!(servers.suite("443", new, &[NEW_128, NEW_256]), NEW_256);
    assert_eq!(servers.suite("443", old, &[OLD_128, OLD_256]), OLD_256);
}

/// tlsverify-022
#[test]
fn a_provider_without_suites_cannot_serve() {
    let machine = Machine::new();
    let none = CryptoProvider { cipher_suites: vec![], ..default_provider() };
    let registry = register_with_provider(Registry::new(), machine.clone(), Arc::new(none));
    let (authority, files) = (Authority::new(), Files::new());
    let own = authority.identity(NAME);
    let pem = files.write("server.pem", &(own.key_pem() + &own.certificate_pem));
    let endpoint = registry.server(&format!("ssl:443:{pem}")).unwrap();
    let failure =
        result_of(endpoint.listen(factory_fn(|_| Recorder::new(&Record::new())))).map(drop);
    let told = format!("{:#}", failure.unwrap_err());
    assert!(told.contains("does not support the wanted versions of tls"), "{told}");
    assert!(machine.listened.borrow().is_empty());
}

#[cfg(feature = "aws-lc-rs")]
#[test]
fn the_post_quantum_hybrid_is_the_first_key_exchange() {
    let servers = Servers::new(register);
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(servers.authority.roots())
        .with_no_client_auth();
    let session = servers.call("443", &Arc::new(config));
    let session = session.borrow();
    let group = session.common().negotiated_key_exchange_group().unwrap().name();
    assert_eq!(group, NamedGroup::X25519MLKEM768);
}

/// tlsverify-033
#[test]
fn a_client_can_resume_after_more_others_than_a_server_could_remember() {
    for version in VERSIONS {
        let servers = Servers::new(register);
        let client = servers.authority.client(version);
        let kind = |config: &Arc<ClientConfig>| {
            servers.call("443", config).borrow().common().handshake_kind().unwrap()
        };
        let first = Arc::new(client.clone());
        assert_eq!(kind(&first), HandshakeKind::Full);
        // rustls has one ticket of TLS 1.2 made for each handshake, and two of TLS 1.3; a store has 256.
        for _ in 0..260 {
            let mut other = client.clone();
            other.resumption = Resumption::in_memory_sessions(4);
            assert_eq!(kind(&Arc::new(other)), HandshakeKind::Full);
        }
        assert_eq!(kind(&first), HandshakeKind::Resumed, "{:?}", version.version);
    }
}
