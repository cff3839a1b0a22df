//! Certificates, keys and roots from files: what works, and what is told about those that do not.

use interfaces::StreamServerEndpoint;
use testkit::result_of;

use crate::certificates::{Authority, Identity};
use crate::machine::{Files, Machine};
use crate::talk::told;
use crate::tls::CredentialsError;

pub(crate) fn both(identity: &Identity) -> String {
    identity.key_pem() + &identity.certificate_pem
}

/// A server's files, and a client's directory of roots.
pub(crate) struct Site {
    pub(crate) files: Files,
    pub(crate) authority: Authority,
    pub(crate) roots: String,
}

impl Site {
    pub(crate) fn new() -> Self {
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
        (
            "tls:a.example:443".into(),
            "its authority `CN=ropewalk test authority` is not trusted here",
        ),
        (
            "ssl:a.example:443".into(),
            "its authority `CN=ropewalk test authority` is not trusted here",
        ),
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

/// Files with something wrong, by name, as endpoint strings take their paths.
fn odd_files(site: &Site) -> impl Fn(&str) -> String {
    let own = site.authority.identity("a.example");
    let block = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
    let other_key = site.authority.identity("a.example").key_pem();
    site.files.write("key.pem", &own.key_pem());
    site.files.write("certificate.pem", &own.certificate_pem);
    site.files.write("foreign.pem", &other_key);
    site.files.write("empty.pem", "nothing here\n");
    site.files.write("torn.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n");
    site.files.write("damaged.pem", &block("PRIVATE KEY"));
    site.files.write("encrypted.pem", &block("ENCRYPTED PRIVATE KEY"));
    site.files.write("bare/note.txt", &own.certificate_pem);
    site.files.write("lonely/certificate.pem", &own.certificate_pem);
    let directory = site.files.path("");
    move |name| format!("{directory}{name}")
}

/// In a text, `{name}` becomes the path of that file.
fn with_paths(text: &str, path: &impl Fn(&str) -> String) -> String {
    let mut parts = text.split(['{', '}']);
    let mut whole = parts.next().unwrap_or_default().to_owned();
    while let (Some(name), Some(rest)) = (parts.next(), parts.next()) {
        whole += &path(name);
        whole += rest;
    }
    whole
}

#[test]
fn a_servers_file_that_cannot_be_used_is_named_with_what_would_be_right() {
    let (site, machine) = (Site::new(), Machine::new());
    let path = odd_files(&site);
    for (text, words) in [
        (
            "ssl:443:{missing.pem}",
            "cannot read the file `{missing.pem}` of `privateKey`: No such file or directory",
        ),
        ("ssl:443:{key.pem}:{missing.pem}", "cannot read the file `{missing.pem}` of `certKey`"),
        (
            "ssl:443:{certificate.pem}",
            "no private key in the file `{certificate.pem}` of `privateKey`: expected a block \
             `BEGIN PRIVATE KEY`",
        ),
        (
            "ssl:443:{key.pem}",
            "no certificate in the file `{key.pem}` of `certKey`: expected a block `BEGIN \
             CERTIFICATE`",
        ),
        (
            "ssl:443:{foreign.pem}:{certificate.pem}",
            "the private key in `{foreign.pem}` does not match the certificate in \
             `{certificate.pem}`: expected the key of the first certificate",
        ),
        (
            "ssl:443:{key.pem}:{certificate.pem}:extraCertChain={empty.pem}",
            "no certificate in the file `{empty.pem}` of `extraCertChain`",
        ),
        (
            "ssl:443:{torn.pem}:{certificate.pem}",
            "cannot use the file `{torn.pem}` of `privateKey`: line 1: the block `BEGIN PRIVATE KEY` has no \
             end: expected `-----END PRIVATE KEY-----`",
        ),
        (
            "ssl:443:{damaged.pem}:{certificate.pem}",
            "cannot use the private key in the file `{damaged.pem}` of `privateKey`: it is damaged, or of a \
             kind that is not supported: expected an RSA key",
        ),
        (
            "ssl:443:{encrypted.pem}:{certificate.pem}",
            "the private key in the file `{encrypted.pem}` of `privateKey` is encrypted: expected \
             one without a passphrase, as `openssl pkey -in {encrypted.pem} -out plain.pem` writes it",
        ),
        (
            "ssl:443:{key.pem}:{certificate.pem}:extraCertChain={missing.pem}",
            "cannot read the file `{missing.pem}` of `extraCertChain`: No such file or directory",
        ),
        ("tls:{missing}:443", "cannot read the file `{missing}` of `path`"),
        (
            "tls:{lonely}:443",
            "no usable certificate in `{lonely}` of `path`: expected `.pem` files with a private \
             key and its certificate",
        ),
    ] {
        let told = machine.serve(&with_paths(text, &path)).unwrap_err();
        assert!(told.contains(&with_paths(words, &path)), "{text}: {told}");
    }
    assert!(machine.listened.borrow().is_empty(), "nothing is left behind");
}

#[test]
fn a_clients_file_that_cannot_be_used_is_named_with_what_would_be_right() {
    let (site, machine) = (Site::new(), Machine::new());
    let path = odd_files(&site);
    for (text, words) in [
        (
            "tls:a.example:443:trustRoots={missing}",
            "cannot read the file `{missing}` of `trustRoots`",
        ),
        (
            "ssl:a.example:443:caCertsDir={bare}",
            "no certificate in `{bare}` of `caCertsDir`: expected a file, or a directory with \
             files whose names end in `.pem`, `.crt` or `.cer`",
        ),
        (
            "tls:a.example:443:certificate={certificate.pem}",
            "no private key in the file `{certificate.pem}` of `certificate`",
        ),
        (
            "ssl:a.example:443:certKey={certificate.pem}:privateKey={foreign.pem}",
            "the private key in `{foreign.pem}` does not match the certificate in \
             `{certificate.pem}`",
        ),
    ] {
        let told = machine.call(&with_paths(text, &path)).unwrap_err();
        assert!(told.contains(&with_paths(words, &path)), "{text}: {told}");
    }
    assert!(machine.connected.borrow().is_empty());
}

#[test]
fn parsing_opens_no_file_and_a_file_that_comes_later_is_found() {
    let (site, machine) = (Site::new(), Machine::new());
    let text = format!("ssl:443:{}", site.files.path("server.pem"));
    let endpoint = machine.registry().server(&text).unwrap();
    let factory =
        || protocol::factory_fn(|_| protocol::testing::Recorder::new(&Default::default()));
    let failure = result_of(endpoint.listen(factory())).err().unwrap();
    assert!(matches!(
        failure.downcast_ref(),
        Some(CredentialsError::Unreadable { argument: "privateKey", .. })
    ));
    site.files.write("server.pem", &both(&site.authority.identity("a.example")));
    assert!(result_of(endpoint.listen(factory())).is_ok());
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
