//! Twisted's `ssl:` and `tls:` server strings, from the string to the connection.

use interfaces::BACKLOG_MAX;
use rustls::ProtocolVersion;

use crate::certificates::{Authority, Identity};
use crate::machine::{Files, Machine};

fn both(identity: &Identity) -> String {
    identity.key_pem() + &identity.certificate_pem
}

/// A machine, files, and an authority whose certificate is in the directory of roots.
struct Place {
    machine: Machine,
    files: Files,
    authority: Authority,
    roots: String,
}

impl Place {
    fn new() -> Self {
        let (machine, files, authority) = (Machine::new(), Files::new(), Authority::new());
        files.write("roots/authority.pem", authority.pem());
        let roots = files.path("roots");
        Self { machine, files, authority, roots }
    }

    fn server_pem(&self) -> String {
        self.files.write("server.pem", &both(&self.authority.identity("a.example")))
    }
}

/// endpoint-ssl-001
#[test]
fn an_ssl_server_makes_one_tcp_listen_with_its_values_or_the_defaults() {
    let place = Place::new();
    let pem = place.server_pem();
    place.machine.serve(&format!("ssl:1:{pem}")).unwrap();
    place.machine.serve(&format!("ssl:2:{pem}:interface=10.0.0.1:backlog=12")).unwrap();
    let listened = place.machine.listened.borrow();
    assert_eq!(listened.len(), 2);
    assert_eq!(listened[0].address, "0.0.0.0:1".parse().unwrap());
    assert_eq!(listened[0].backlog, BACKLOG_MAX);
    assert_eq!(listened[1].address, "10.0.0.1:2".parse().unwrap());
    assert_eq!(listened[1].backlog, 12);
}

/// endpoint-ssl-003
#[test]
fn an_ssl_server_with_every_value_listens_with_them_and_speaks_its_method_alone() {
    let place = Place::new();
    let own = place.authority.identity("a.example");
    let (key, certificate) = (
        place.files.write("key.pem", &own.key_pem()),
        place.files.write("certificate.pem", &own.certificate_pem),
    );
    let text = format!(
        "ssl:1234:backlog=12:privateKey={key}:certKey={certificate}:sslmethod=TLSv1_2_METHOD\
         :interface=10.0.0.1"
    );
    place.machine.serve(&text).unwrap();
    assert_eq!(place.machine.listened.borrow()[0].address, "10.0.0.1:1234".parse().unwrap());
    assert_eq!(place.machine.listened.borrow()[0].backlog, 12);
    let client = |least: &str| {
        let text = format!("tls:a.example:1234:trustRoots={}:minVersion={least}", place.roots);
        place.machine.call(&text).unwrap()
    };
    let record = client("1.2");
    let version = record.transport().as_tls().unwrap().version();
    assert_eq!(version.as_deref(), Some("TLSv1_2"));
    assert!(client("1.3").lost().is_some(), "a client of TLS 1.3 alone is refused");
}

/// endpoint-ssl-005
#[test]
fn the_default_key_is_server_pem_which_listening_names_where_it_is_missing() {
    let told = Machine::new().serve("ssl:443").unwrap_err();
    let expected = "cannot read the file `server.pem` of `privateKey`: No such file or directory";
    assert!(told.contains(expected), "{told}");
}

/// endpoint-ssl-006
#[test]
fn the_default_certificate_is_in_the_file_of_the_key() {
    let place = Place::new();
    let own = place.authority.identity("a.example");
    let (whole, key, certificate) = (
        place.files.write("whole.pem", &both(&own)),
        place.files.write("key.pem", &own.key_pem()),
        place.files.write("certificate.pem", &own.certificate_pem),
    );
    place.machine.serve(&format!("ssl:443:privateKey={whole}")).unwrap();
    for (half, words) in [(key, "no certificate in the file"), (certificate, "no private key in")] {
        let told = place.machine.serve(&format!("ssl:444:privateKey={half}")).unwrap_err();
        assert!(told.contains(words), "{told}");
    }
}

/// endpoint-ssl-008, tlsverify-021
#[test]
fn every_certificate_of_the_extra_chain_is_sent_behind_the_servers_own_in_order() {
    let place = Place::new();
    let upper = place.authority.intermediate("upper");
    let lower = upper.intermediate("lower");
    let own = lower.identity("a.example");
    let pem = place.files.write("server.pem", &both(&own));
    let chain = place.files.write("chain.pem", &(lower.pem().to_owned() + upper.pem()));
    place.machine.serve(&format!("ssl:443:{pem}:extraCertChain={chain}")).unwrap();
    let text = format!("tls:a.example:443:trustRoots={}", place.roots);
    let record = place.machine.call(&text).unwrap();
    assert_eq!(record.received(), b"hello");
    let shown = record.transport().as_tls().unwrap().peer_certificates();
    assert_eq!(shown, [own.certificate.to_vec(), lower.der(), upper.der()]);
}

/// tlsverify-018
#[test]
fn a_key_with_its_certificate_alone_is_shown_without_a_chain() {
    let place = Place::new();
    let own = place.authority.identity("a.example");
    let pem = place.files.write("server.pem", &both(&own));
    place.machine.serve(&format!("ssl:443:{pem}")).unwrap();
    let record =
        place.machine.call(&format!("tls:a.example:443:trustRoots={}", place.roots)).unwrap();
    let shown = record.transport().as_tls().unwrap().peer_certificates();
    assert_eq!(shown, [own.certificate.to_vec()]);
}

/// endpoint-tls-024
#[test]
fn a_tls_server_listens_with_its_values_and_serves_the_certificates_of_its_directory() {
    let place = Place::new();
    for name in ["a.example", "b.example"] {
        place.files.write(&format!("pems/{name}.pem"), &both(&place.authority.identity(name)));
    }
    let directory = place.files.path("pems");
    place.machine.serve(&format!("tls:{directory}:1234:backlog=12:interface=10.0.0.1")).unwrap();
    assert_eq!(place.machine.listened.borrow()[0].address, "10.0.0.1:1234".parse().unwrap());
    assert_eq!(place.machine.listened.borrow()[0].backlog, 12);
    for name in ["a.example", "b.example"] {
        let text = format!("tls:{name}:1234:trustRoots={}", place.roots);
        let record = place.machine.call(&text).unwrap();
        assert_eq!(record.received(), b"hello");
        let version = record.transport().as_tls().unwrap().version();
        assert_eq!(version.as_deref(), Some("TLSv1_3"));
        assert_eq!(place.machine.told.borrow().len(), 0, "nothing to tell: {version:?}");
    }
}

/// endpoint-tls-026
#[test]
fn a_tls_server_without_its_directory_or_without_a_pair_in_it_does_not_listen() {
    let place = Place::new();
    place.files.write("empty/note.txt", "");
    for (directory, words) in
        [("missing", "cannot read the file"), ("empty", "no usable certificate in")]
    {
        let text = format!("tls:{}:443", place.files.path(directory));
        let told = place.machine.serve(&text).unwrap_err();
        assert!(told.contains(words), "{told}");
    }
    assert!(place.machine.listened.borrow().is_empty());
}

/// tlsverify-024
#[test]
fn by_default_both_versions_are_spoken_and_none_below() {
    let place = Place::new();
    let pem = place.server_pem();
    place.machine.serve(&format!("ssl:443:{pem}")).unwrap();
    for (limit, spoken) in [("maxVersion=1.2", "TLSv1_2"), ("minVersion=1.0", "TLSv1_3")] {
        let text = format!("tls:a.example:443:trustRoots={}:{limit}", place.roots);
        let record = place.machine.call(&text).unwrap();
        assert_eq!(record.transport().as_tls().unwrap().version().as_deref(), Some(spoken));
    }
    let old = format!("tls:a.example:443:trustRoots={}:maxVersion=1.1", place.roots);
    assert!(place.machine.call(&old).unwrap_err().contains("is not `1.2` or `1.3`"));
    let supported = crate::tls::VersionRange::default().supported();
    let supported: Vec<_> = supported.iter().map(|version| version.version).collect();
    assert_eq!(supported, [ProtocolVersion::TLSv1_3, ProtocolVersion::TLSv1_2]);
}
