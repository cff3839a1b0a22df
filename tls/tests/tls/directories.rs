//! Directories of certificates, one for each name that clients ask for.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use interfaces::StreamServerEndpoint;
use protocol::factory_fn;
use protocol::testing::{Record, Recorder, Seen};
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, Error, ServerConfig};
use testkit::result_of;

use crate::certificates::{Authority, VERSIONS, provider};
use crate::files::{Site, both};
use crate::machine::Machine;
use crate::talk::{rustls_error, told};
use crate::tls::{Outgoing, ServerSettings, Session, TlsServerEndpoint, TlsStrings};

/// Every domain's certificate, key and intermediates, in whichever files.
fn directory_of_names(site: &Site) -> (String, Authority) {
    let first = site.authority.intermediate("first intermediate");
    let second = first.intermediate("second intermediate");
    let (plain, wild, deep) = (
        site.authority.identity("plain.example"),
        first.identity("*.wild.example"),
        second.identity("deep.example"),
    );
    site.files.write("pems/1-plain.pem", &both(&plain));
    site.files.write("pems/sub/wild-key.pem", &wild.key_pem());
    site.files.write("pems/sub/wild.pem", &(wild.certificate_pem.clone() + second.pem()));
    site.files.write("pems/z.pem", &(first.pem().to_owned() + &deep.key_pem()));
    site.files.write("pems/deep.pem", &deep.certificate_pem);
    site.files.write("pems/root.pem", site.authority.pem());
    site.files.write("pems/lonely.pem", &site.authority.identity("lonely.example").certificate_pem);
    (site.files.path("pems"), first)
}

#[test]
fn a_directory_serves_each_name_with_its_certificate_and_the_chain_without_the_root() {
    let (site, machine) = (Site::new(), Machine::new());
    let (directory, _) = directory_of_names(&site);
    machine.serve(&format!("tls:{directory}:443")).unwrap();
    for (name, chain) in
        [("plain.example", 1), ("PLAIN.example", 1), ("any.wild.example", 2), ("deep.example", 3)]
    {
        let text = format!("tls:{name}:443:trustRoots={}", site.roots);
        let record = machine.call(&text).unwrap();
        assert_eq!(record.received(), b"hello", "{name}: {:?}", record.lost());
        let shown = record.transport().as_tls().unwrap().peer_certificates();
        assert_eq!(shown.len(), chain, "{name}");
    }
}

#[test]
fn a_name_without_a_certificate_fails_and_no_name_gets_the_first_one() {
    let (site, machine) = (Site::new(), Machine::new());
    let (directory, _) = directory_of_names(&site);
    machine.serve(&format!("tls:{directory}:443")).unwrap();
    for name in ["unknown.example", "two.labels.wild.example", "wild.example", "lonely.example"] {
        let text = format!("tls:{name}:443:trustRoots={}", site.roots);
        let record = machine.call(&text).unwrap();
        let error = rustls_error(record.lost());
        assert_eq!(error, Error::AlertReceived(AlertDescription::UnrecognisedName), "{name}");
    }
    let text = format!("ssl:127.0.0.1:443:verify=danger-none:caCertsDir={}", site.roots);
    assert!(machine.call(&text).is_err());
    let record = machine.call("ssl:127.0.0.1:443:verify=danger-none").unwrap();
    assert_eq!(record.received(), b"hello");
    let shown = record.transport().as_tls().unwrap().peer_certificates();
    assert_eq!(shown.len(), 1, "an address is no name, so the first certificate it is");
}

/// The certificate that a client gets that asks for no name, or for one that is unknown.
fn shown_to(machine: &Machine, host: &str) -> Option<Vec<u8>> {
    let record = machine.call(&format!("ssl:{host}:443:verify=danger-none")).unwrap();
    let transport = record.transport();
    let shown = transport.as_tls().unwrap().peer_certificates();
    shown.first().cloned()
}

#[test]
fn an_unknown_name_gets_the_default_certificate_where_the_string_says_so() {
    let (site, machine) = (Site::new(), Machine::new());
    let (directory, _) = directory_of_names(&site);
    machine.serve(&format!("tls:{directory}:443:unknownName=default")).unwrap();
    let default = shown_to(&machine, "127.0.0.1");
    assert!(default.is_some());
    assert_eq!(shown_to(&machine, "unknown.example"), default);
    assert_ne!(shown_to(&machine, "any.wild.example"), default);
    let told = machine.serve(&format!("tls:{directory}:443:unknownName=first")).unwrap_err();
    assert!(told.contains("is not `refuse` or `default`"), "{told}");
}

#[test]
fn a_file_called_default_has_the_certificate_for_clients_without_a_name() {
    let (site, machine) = (Site::new(), Machine::new());
    let (directory, _) = directory_of_names(&site);
    let own = site.authority.identity("z.example");
    site.files.write("pems/sub/DEFAULT.pem", &both(&own));
    machine.serve(&format!("tls:{directory}:443")).unwrap();
    assert_eq!(shown_to(&machine, "127.0.0.1"), Some(own.certificate.to_vec()));
}

#[test]
fn of_two_certificates_for_one_name_an_expired_one_does_not_count() {
    let (site, machine) = (Site::new(), Machine::new());
    let own = site.authority.identity("a.example");
    site.files.write("pems/1.pem", &both(&site.authority.expired("a.example")));
    site.files.write("pems/2.pem", &both(&own));
    site.files.write("pems/3.pem", &both(&site.authority.identity("a.example")));
    machine.serve(&format!("tls:{}:443", site.files.path("pems"))).unwrap();
    assert_eq!(shown_to(&machine, "a.example"), Some(own.certificate.to_vec()));
}

#[test]
fn a_key_without_its_certificate_is_told_and_a_certificate_without_its_key_ignored() {
    let (site, machine) = (Site::new(), Machine::new());
    let (directory, _) = directory_of_names(&site);
    site.files.write("pems/orphan.pem", &site.authority.identity("orphan.example").key_pem());
    let told = Rc::new(RefCell::new(Vec::new()));
    let seen = told.clone();
    let strings =
        TlsStrings::new().with_observer(move |error| seen.borrow_mut().push(error.to_string()));
    let registry = strings.register(endpoints::Registry::new(), machine.clone());
    let endpoint = registry.server(&format!("tls:{directory}:443")).unwrap();
    let factory = factory_fn(|_| Recorder::new(&Default::default()));
    assert!(result_of(endpoint.listen(factory)).is_ok());
    let told = told.take();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("orphan.pem` of `path` is not used"), "{told:?}");
    assert_eq!(shown_to(&machine, "lonely.example"), None);
    assert!(shown_to(&machine, "plain.example").is_some());
}

#[test]
fn random_names_cost_no_file() {
    let (site, machine) = (Site::new(), Machine::new());
    let (directory, _) = directory_of_names(&site);
    machine.serve(&format!("tls:{directory}:443")).unwrap();
    // A file that is not read any more cannot be missed.
    drop(site.files);
    for number in 0..20 {
        machine.call(&format!("tls:n{number}.example:443")).unwrap();
    }
    let record = machine.call("ssl:plain.example:443:verify=danger-none").unwrap();
    assert_eq!(record.received(), b"hello");
}

/// A look-up that fails, in the one way that a resolver can.
#[derive(Debug)]
struct Broken;

impl ResolvesServerCert for Broken {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

#[test]
fn a_look_up_that_fails_ends_its_connection_and_is_told_once() {
    let (site, machine) = (Site::new(), Machine::new());
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Broken));
    let (below, record) = (machine.network.server("443"), Record::new());
    let endpoint = TlsServerEndpoint::new(Arc::new(config), below, machine.clone());
    let seen = record.clone();
    drop(endpoint.listen(factory_fn(move |_| Recorder::new(&seen))));
    let client = machine.call(&format!("tls:a.example:443:trustRoots={}", site.roots)).unwrap();
    let alert = Error::AlertReceived(AlertDescription::UnrecognisedName);
    assert_eq!(rustls_error(client.lost()), alert);
    let told = told(record.lost());
    assert!(told.contains("the peer asked for a server name that no certificate here is for"));
    let ends = record.seen().iter().filter(|seen| matches!(seen, Seen::ConnectionLost(_))).count();
    assert_eq!(ends, 1);
}

#[test]
fn a_name_that_is_no_text_is_refused() {
    let (site, provider) = (Site::new(), provider());
    site.files.write("pems/a.pem", &both(&site.authority.identity("a.example")));
    let settings = ServerSettings::by_name(site.files.place("pems"));
    let config = settings.config(&provider, None, &|_| {}).unwrap();
    let name = ServerName::try_from("a.example").unwrap();
    let (mut records, mut alert) = (Outgoing::new(), Outgoing::new());
    let client = Arc::new(site.authority.client(VERSIONS[0]));
    let begun =
        Session::client(client, name).unwrap().receive(&mut [], &mut Vec::new(), &mut records);
    assert!(begun.failure.is_none());
    let mut hello = records.to_vec();
    let place = hello.windows(9).position(|window| window == b"a.example").unwrap();
    hello[place] = 0xff;
    let mut server = Session::server(Arc::new(config)).unwrap();
    let received = server.receive(&mut hello, &mut Vec::new(), &mut alert);
    assert!(received.failure.is_some());
    assert_eq!(alert[..], [21, 3, 3, 0, 2, 2, 47], "illegal_parameter");
}

#[test]
fn a_certificate_without_dns_names_is_reached_by_no_name() {
    let (site, machine) = (Site::new(), Machine::new());
    let own = site.authority.identity("a.example");
    site.files.write("pems/1.pem", &both(&site.authority.identity("127.0.0.1")));
    site.files.write("pems/2.pem", &both(&own));
    machine.serve(&format!("tls:{}:443", site.files.path("pems"))).unwrap();
    assert_eq!(shown_to(&machine, "a.example"), Some(own.certificate.to_vec()));
    assert_eq!(shown_to(&machine, "127.0.0.1"), Some(own.certificate.to_vec()));
}

#[test]
fn a_directorys_files_may_have_text_before_their_blocks() {
    let (site, machine) = (Site::new(), Machine::new());
    let own = site.authority.identity("a.example");
    site.files.write("pems/a.pem", &format!("Bag Attributes\nsubject=/CN=a\n{}", both(&own)));
    machine.serve(&format!("tls:{}:443", site.files.path("pems"))).unwrap();
    assert_eq!(shown_to(&machine, "a.example"), Some(own.certificate.to_vec()));
}

#[test]
fn a_broken_block_anywhere_in_a_directory_fails_listening_with_its_path() {
    let (site, machine) = (Site::new(), Machine::new());
    let (directory, _) = directory_of_names(&site);
    site.files.write("pems/sub/torn.pem", "-----BEGIN CERTIFICATE-----\n!!!\n");
    let told = machine.serve(&format!("tls:{directory}:443")).unwrap_err();
    assert!(told.contains("sub/torn.pem` of `path`"), "{told}");
    assert!(machine.listened.borrow().is_empty());
}
