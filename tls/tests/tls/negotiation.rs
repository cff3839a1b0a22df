//! What strings say of the negotiation: versions, ALPN, key exchanges, resumption and the log of keys.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind, ServerConfig};

use crate::certificates::{Authority, provider};
use crate::machine::{Files, Machine};
use crate::talk::told;
use crate::tls::{
    ClientSettings, EmptyVersionRange, Outgoing, ServerSettings, Session, SessionSettings,
    TlsVersion, Trust, VersionRange,
};

/// A machine with a server of these options on 443; calls it with those of a client.
struct Negotiation {
    machine: Machine,
    files: Files,
    trusted: String,
}

impl Negotiation {
    fn new(options: &str) -> Self {
        let (machine, files, authority) = (Machine::new(), Files::new(), Authority::new());
        let own = authority.identity("a.example");
        let pem = files.write("server.pem", &(own.key_pem() + &own.certificate_pem));
        machine.serve(&format!("ssl:443:{pem}{options}")).unwrap();
        let trusted = files.write("authority.pem", authority.pem());
        Self { machine, files, trusted }
    }

    fn call(&self, options: &str) -> protocol::testing::Record {
        let text = format!("tls:a.example:443:trustRoots={}{options}", self.trusted);
        self.machine.call(&text).unwrap()
    }
}

/// tlsverify-026, tlsverify-027, tlsverify-028, tlsverify-029
#[test]
fn a_range_of_versions_is_never_empty_and_never_below_tls_1_2() {
    use TlsVersion::{Tls12, Tls13};
    let all = VersionRange::default();
    let bounds = |range: VersionRange| (range.least(), range.greatest());
    assert_eq!(bounds(all), (Tls12, Tls13));
    assert_eq!(bounds(all.at_least(Tls12).unwrap()), (Tls12, Tls13));
    assert_eq!(bounds(all.at_least(Tls13).unwrap()), (Tls13, Tls13));
    assert_eq!(bounds(all.at_most(Tls12).unwrap()), (Tls12, Tls12));
    let empty = EmptyVersionRange { least: Tls13, greatest: Tls12 };
    assert_eq!(all.at_least(Tls13).and_then(|range| range.at_most(Tls12)), Err(empty));
    assert_eq!(all.at_most(Tls12).and_then(|range| range.at_least(Tls13)), Err(empty));
    let least_is_greater = all.at_least(Tls13).and_then(|range| range.at_least(Tls12)).unwrap();
    assert_eq!(bounds(least_is_greater), (Tls13, Tls13), "raising it twice does not lower it");
}

/// tlsverify-026, tlsverify-027
#[test]
fn versions_in_strings_are_limits_and_an_empty_range_is_a_mistake() {
    let registry = Machine::new().registry();
    let server = |text: &str| match registry.parse_server(text) {
        Ok(parsed) => parsed.description.to_string(),
        Err(error) => format!("{}: {error}", error.offset()),
    };
    assert!(server("ssl:1:minVersion=TLSv1").ends_with(":minVersion=1.2"));
    assert!(server("ssl:1:minVersion=TLSv1.3").ends_with(":minVersion=1.3"));
    assert_eq!(
        server("ssl:1:minVersion=1.3:maxVersion=1.2"),
        "32: no version of tls is at least Tls13 and at most Tls12"
    );
    let both = server("ssl:1:sslmethod=TLSv1_2_METHOD:minVersion=1.3");
    assert_eq!(both, "42: no version of tls is at least Tls13 and at most Tls12");
    assert!(server("ssl:1:maxVersion=1.1").contains("maxVersion `1.1` is not `1.2` or `1.3`"));
}

#[test]
fn alpn_is_chosen_by_the_server_and_nothing_in_common_is_told_on_both_sides() {
    let site = Negotiation::new(":alpn=h2,http/1.1");
    for (offered, chosen) in
        [(":alpn=http/1.1,h2", Some("h2")), (":alpn=x,http/1.1", Some("http/1.1")), ("", None)]
    {
        let record = site.call(offered);
        let protocol = record.transport().as_tls().unwrap().negotiated_protocol();
        assert_eq!(protocol.as_deref(), chosen.map(str::as_bytes), "{offered}");
    }
    let lost = told(site.call(":alpn=postgresql").lost());
    assert!(lost.contains("no application protocol (ALPN) that this side offers"), "{lost}");
}

#[test]
fn key_exchanges_are_those_of_the_string_in_its_order() {
    let site = Negotiation::new("");
    assert_eq!(site.call(":groups=secp384r1").received(), b"hello");
    let narrow = Negotiation::new(":groups=P-256");
    assert_eq!(narrow.call("").received(), b"hello");
    let lost = told(narrow.call(":groups=x25519").lost());
    assert!(lost.contains("no common version, cipher suite, key exchange"), "{lost}");
    let registry = Machine::new().registry();
    let error = registry.parse_client("tls:a.example:1:groups=x448").err().unwrap().to_string();
    assert!(
        error.contains("`x448` is not key exchanges of ") && error.contains("x25519"),
        "{error}"
    );
}

/// How a handshake of the two goes, with the tickets that follow it.
fn handshake(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> HandshakeKind {
    let name = ServerName::try_from("a.example").unwrap();
    let mut client = Session::client(client.clone(), name).unwrap();
    let mut server = Session::server(server.clone()).unwrap();
    let (mut plaintext, mut bytes) = (Vec::new(), Vec::new());
    for _ in 0..6 {
        for session in [&mut client, &mut server] {
            let mut records = Outgoing::new();
            let received = session.receive(&mut bytes, &mut plaintext, &mut records);
            assert!(received.failure.is_none(), "{:?}", received.failure);
            bytes = records.to_vec();
        }
    }
    client.common().handshake_kind().unwrap()
}

/// tlsverify-033
#[test]
fn sessions_resume_unless_a_side_says_no() {
    let (files, authority) = (Files::new(), Authority::new());
    let own = authority.identity("a.example");
    files.write("server.pem", &(own.key_pem() + &own.certificate_pem));
    files.write("authority.pem", authority.pem());
    let (pem, trust) = (files.place("server.pem"), Trust::Files(files.place("authority.pem")));
    let session = |resumes: bool, greatest: TlsVersion| {
        let mut session = SessionSettings::default();
        session.resumes = resumes;
        session.versions = session.versions.at_most(greatest).unwrap();
        session
    };
    for (of_server, of_client, again) in [
        (true, true, HandshakeKind::Resumed),
        (false, true, HandshakeKind::Full),
        (true, false, HandshakeKind::Full),
    ] {
        for greatest in [TlsVersion::Tls12, TlsVersion::Tls13] {
            let server = ServerSettings::new(&pem, &pem).with_session(session(of_server, greatest));
            let server = Arc::new(server.config(&provider(), None, &|_| ()).unwrap());
            let client = ClientSettings::default()
                .with_trust(trust.clone())
                .with_session(session(of_client, greatest));
            let client = Arc::new(client.config(&provider(), &|_| ()).unwrap());
            assert_eq!(handshake(&client, &server), HandshakeKind::Full);
            assert_eq!(handshake(&client, &server), again, "{of_server} {of_client} {greatest:?}");
        }
    }
}

#[test]
fn keys_are_logged_only_where_asked_for_to_the_owner_alone_and_told() {
    let site = Negotiation::new("");
    let path = site.files.path("keys.log");
    let record = site.call(&format!(":keyLog={path}"));
    assert_eq!(record.received(), b"hello");
    let place = site.files.place("keys.log");
    let log = std::fs::read_to_string(&place).unwrap();
    let mut labels: Vec<_> = log.lines().filter_map(|line| line.split(' ').next()).collect();
    labels.sort_unstable();
    for label in ["CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0"] {
        assert!(labels.contains(&label), "{labels:?}");
    }
    assert!(log.lines().all(|line| line.split(' ').count() == 3), "{log}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let told = site.machine.told.borrow().join("\n");
    assert!(told.contains("the keys of tls sessions are written to"), "{told}");
    assert_eq!(site.call("").received(), b"hello");
    assert_eq!(std::fs::read_to_string(&place).unwrap(), log, "not of a session without it");
}
