//! Certificates, keys and roots from files: what works, and what is told about those that do not.

use interfaces::{Reason, StreamServerEndpoint};
use rustls::{AlertDescription, Error};

use crate::certificates::{Authority, Identity};
use crate::machine::{Files, Machine, outcome};
use crate::talk::told;
use crate::tls::CredentialsError;

fn both(identity: &Identity) -> String {
    identity.key_pem() + &identity.certificate_pem
}

/// A server's files, and a client's directory of roots.
struct Site {
    files: Files,
    authority: Authority,
    roots: String,
}

impl Site {
    fn new() -> Self {
        let (files, authority) = (Files::new(), Authority::new());
        files.write("roots/authority.PEM", authority.pem());
        let roots = files.path("roots");
        Self { files, authority, roots }
    }

    fn serve(&self, machine: &Machine, name: &str) {
        let pem = self.files.write("server.pem", &both(&self.authority.identity(name)));
        machine.serve(&format!("ssl:443:{pem}")).unwrap();
    }
}

#[test]
fn hello_is_echoed_between_strings() {
    let (site, machine) = (Site::new(), Machine::new());
    site.serve(&machine, "a.example");
    for text in [
        format!("tls:a.example:443:trustRoots={}", site.roots),
        format!("ssl:a.example:443:caCertsDir={}", site.roots),
        format!("ssl:127.0.0.1:443:hostname=a.example:caCertsDir={}", site.roots),
        "ssl:b.example:443:verify=danger-none".into(),
    ] {
        let record = machine.call(&text).unwrap();
        assert_eq!(record.received(), b"hello", "{text}: {:?}", record.seen());
    }
}

#[test]
fn a_client_verifies_the_name_and_the_roots_unless_told_not_to() {
    let (site, machine) = (Site::new(), Machine::new());
    site.serve(&machine, "a.example");
    for (text, words) in [
        (
            format!("tls:b.example:443:trustRoots={}", site.roots),
            "not valid for name \"b.example\"",
        ),
        (
            format!("ssl:b.example:443:caCertsDir={}", site.roots),
            "not valid for name \"b.example\"",
        ),
        (
            format!("ssl:a.example:443:hostname=b.example:caCertsDir={}", site.roots),
            "not valid for name",
        ),
        (format!("ssl:127.0.0.1:443:caCertsDir={}", site.roots), "not valid for name"),
        ("tls:a.example:443".into(), "UnknownIssuer"),
        ("ssl:a.example:443".into(), "UnknownIssuer"),
    ] {
        let record = machine.call(&text).unwrap();
        assert!(record.received().is_empty());
        let told = told(record.lost());
        assert!(told.contains(words), "{text}: {told}");
    }
}

#[test]
fn a_client_shows_its_certificate() {
    let (site, machine) = (Site::new(), Machine::new());
    let server = site.authority.demanding_server(&site.authority.identity("a.example"));
    let time = std::rc::Rc::new(machine.clock.clone());
    let endpoint = crate::tls::TlsServerEndpoint::new(
        std::sync::Arc::new(server),
        machine.network.server("443"),
        time,
    );
    let record = protocol::testing::Record::new();
    let seen = record.clone();
    drop(endpoint.listen(protocol::factory_fn(move |_| protocol::testing::Recorder::new(&seen))));
    let own = site.authority.identity("client.example");
    let pem = site.files.write("client.pem", &both(&own));
    let text = format!("tls:a.example:443:certificate={pem}:trustRoots={}", site.roots);
    machine.call(&text).unwrap();
    assert_eq!(record.received(), b"hello");
    let shown = record.transport().as_tls().unwrap().peer_certificates();
    assert_eq!(shown, [own.certificate.to_vec()]);
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_what_is_wrong_and_what_would_be_right() {
    let (site, machine) = (Site::new(), Machine::new());
    let own = site.authority.identity("a.example");
    let other = site.authority.identity("a.example");
    let key = site.files.write("key.pem", &own.key_pem());
    let certificate = site.files.write("certificate.pem", &own.certificate_pem);
    let foreign = site.files.write("foreign.pem", &other.key_pem());
    let empty = site.files.write("empty.pem", "nothing here\n");
    let torn = site.files.write("torn.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n");
    let damaged = site
        .files
        .write("damaged.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    let encrypted = site.files.write(
        "encrypted.pem",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let missing = site.files.path("missing.pem");
    for (text, words) in [
        (
            format!("ssl:443:{missing}"),
            [
                &format!("cannot read the file `{missing}` of `privateKey`"),
                "No such file or directory",
            ],
        ),
        (
            format!("ssl:443:{key}:{missing}"),
            [&format!("cannot read the file `{missing}` of `certKey`"), "No such file"],
        ),
        (
            format!("ssl:443:{certificate}"),
            [
                &format!("no private key in the file `{certificate}` of `privateKey`"),
                "expected a block `BEGIN PRIVATE KEY`",
            ],
        ),
        (
            format!("ssl:443:{key}"),
            [
                &format!("no certificate in the file `{key}` of `certKey`"),
                "expected a block `BEGIN CERTIFICATE`",
            ],
        ),
        (
            format!("ssl:443:{foreign}:{certificate}"),
            [
                &format!(
                    "the private key in `{foreign}` does not match the certificate in `{certificate}`"
                ),
                "expected the key of the first certificate",
            ],
        ),
        (
            format!("ssl:443:{key}:{certificate}:extraCertChain={empty}"),
            [
                &format!("no certificate in the file `{empty}` of `extraCertChain`"),
                "BEGIN CERTIFICATE",
            ],
        ),
        (
            format!("ssl:443:{torn}:{certificate}"),
            [&format!("cannot use the file `{torn}` of `privateKey`: it is not PEM"), ""],
        ),
        (
            format!("ssl:443:{damaged}:{certificate}"),
            [
                &format!("cannot use the private key in the file `{damaged}` of `privateKey`"),
                "expected an RSA, ECDSA or Ed25519 key",
            ],
        ),
        (
            format!("ssl:443:{encrypted}:{certificate}"),
            [
                &format!("the private key in the file `{encrypted}` of `privateKey` is encrypted"),
                "without a passphrase",
            ],
        ),
        (
            format!("tls:{missing}:443"),
            [&format!("cannot read the file `{missing}` of `path`"), "No such file"],
        ),
        (
            format!("tls:{}:443", site.roots),
            [
                &format!("no usable certificate in `{}` of `path`", site.roots),
                "expected `.pem` files with a private key and its certificate",
            ],
        ),
    ] {
        let told = machine.serve(&text).unwrap_err();
        for words in words {
            assert!(told.contains(words), "{text}: {told}");
        }
    }
    assert!(machine.listened.borrow().is_empty(), "nothing is left behind");

    let bare = site.files.path("bare");
    site.files.write("bare/note.txt", own.certificate_pem.as_str());
    for (text, words) in [
        (
            format!("tls:a.example:443:trustRoots={missing}"),
            format!("cannot read the file `{missing}` of `trustRoots`"),
        ),
        (
            format!("ssl:a.example:443:caCertsDir={bare}"),
            format!("no certificate in `{bare}` of `caCertsDir`"),
        ),
        (
            format!("tls:a.example:443:certificate={certificate}"),
            format!("no private key in the file `{certificate}` of `certificate`"),
        ),
        (
            format!("ssl:a.example:443:certKey={certificate}:privateKey={foreign}"),
            format!("the private key in `{foreign}` does not match"),
        ),
    ] {
        let told = machine.call(&text).unwrap_err();
        assert!(told.contains(&words), "{text}: {told}");
    }
    assert!(machine.connected.borrow().is_empty());
}

#[test]
fn parsing_opens_no_file_and_a_file_that_comes_later_is_found() {
    let (site, machine) = (Site::new(), Machine::new());
    let text = format!("ssl:443:{}", site.files.path("server.pem"));
    let endpoint = machine.registry().server(&text).unwrap().endpoint;
    let factory =
        || protocol::factory_fn(|_| protocol::testing::Recorder::new(&Default::default()));
    let failure = outcome(endpoint.listen(factory())).err().unwrap();
    assert!(matches!(
        failure.downcast_ref(),
        Some(CredentialsError::Unreadable { argument: "privateKey", .. })
    ));
    site.files.write("server.pem", &both(&site.authority.identity("a.example")));
    assert!(outcome(endpoint.listen(factory())).is_ok());
}

#[test]
fn pem_files_may_have_text_around_them_windows_line_ends_and_no_last_line_end() {
    let (site, machine) = (Site::new(), Machine::new());
    let own = site.authority.identity("a.example");
    let text = format!("subject=whoever\r\n{}{}", own.certificate_pem, own.key_pem());
    let text = text.replace("\r\n", "\n").replace('\n', "\r\n");
    let pem = site.files.write("odd.pem", text.trim_end());
    machine.serve(&format!("ssl:443:{pem}")).unwrap();
    let text = format!("tls:a.example:443:trustRoots={}", site.roots);
    assert_eq!(machine.call(&text).unwrap().received(), b"hello");
}

#[test]
fn sslmethod_limits_the_versions() {
    let (site, machine) = (Site::new(), Machine::new());
    let pem = site.files.write("server.pem", &both(&site.authority.identity("a.example")));
    for (method, version) in [("TLSv1_2_METHOD", "TLSv1_2"), ("TLSv1_3_METHOD", "TLSv1_3")] {
        let port = if version == "TLSv1_2" { 2 } else { 3 };
        machine.serve(&format!("ssl:{port}:{pem}:sslmethod={method}")).unwrap();
        let text = format!("tls:a.example:{port}:trustRoots={}", site.roots);
        let record = machine.call(&text).unwrap();
        assert_eq!(record.transport().as_tls().unwrap().version().as_deref(), Some(version));
    }
}

#[test]
fn a_root_that_is_there_twice_or_among_other_files_counts_once() {
    let (site, machine) = (Site::new(), Machine::new());
    site.serve(&machine, "a.example");
    site.files.write("roots/again.pem", site.authority.pem());
    site.files.write("roots/torn.pem", "-----BEGIN CERTIFICATE-----\n!!!\n");
    site.files.write("roots/note.txt", "not a certificate");
    site.files.write("roots/more/other.pem", Authority::named("another").pem());
    let text = format!("tls:a.example:443:trustRoots={}", site.roots);
    assert_eq!(machine.call(&text).unwrap().received(), b"hello");
}

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
        let Some(Reason::Tls(failure)) = record.lost() else {
            panic!("{name}: {:?}", record.lost())
        };
        let error = failure.downcast_ref::<Error>().unwrap();
        assert_eq!(*error, Error::AlertReceived(AlertDescription::AccessDenied), "{name}");
    }
    let text = format!("ssl:127.0.0.1:443:verify=danger-none:caCertsDir={}", site.roots);
    assert!(machine.call(&text).is_err());
    let record = machine.call("ssl:127.0.0.1:443:verify=danger-none").unwrap();
    assert_eq!(record.received(), b"hello");
    let shown = record.transport().as_tls().unwrap().peer_certificates();
    assert_eq!(shown.len(), 1, "an address is no name, so the first certificate it is");
}

#[test]
fn random_names_cost_no_file() {
    let (site, machine) = (Site::new(), Machine::new());
    let (directory, _) = directory_of_names(&site);
    machine.serve(&format!("tls:{directory}:443")).unwrap();
    // What is not read any more cannot be missed.
    drop(site.files);
    for number in 0..20 {
        machine.call(&format!("tls:n{number}.example:443")).unwrap();
    }
    let record = machine.call("ssl:plain.example:443:verify=danger-none").unwrap();
    assert_eq!(record.received(), b"hello");
}
