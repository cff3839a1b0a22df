//! A server's certificate that is refused: the alert, and a sentence that says which one it is, why, and what to
//! do.

use interfaces::{Reason, Transport as _};
use rcgen::{ExtendedKeyUsagePurpose, GeneralSubtree, NameConstraints, date_time_ymd};
use rustls::{AlertDescription as Alert, Error};

use crate::certificates::{Authority, Identity};
use crate::machine::{Files, Machine};
use crate::talk::{rustls_error, told};
use crate::tls::TlsError;

/// A machine with one server, and the file that its clients trust.
struct Refusal {
    machine: Machine,
    _files: Files,
    trusted: String,
    server: protocol::testing::Record,
}

/// A server that shows this certificate, and then these.
fn showing(authority: &Authority, own: &Identity, chain: &str) -> Refusal {
    let (machine, files) = (Machine::new(), Files::new());
    let pem = files.write("server.pem", &(own.key_pem() + &own.certificate_pem + chain));
    let server = machine.serve_recorded(&format!("ssl:443:{pem}")).unwrap();
    let trusted = files.write("authority.pem", authority.pem());
    Refusal { machine, _files: files, trusted, server }
}

impl Refusal {
    /// The error of the client, and what the server is told by its alert, with each version.
    fn seen(&self, more: &str) -> Vec<(String, Alert)> {
        let seen = |version: &str| {
            self.server.forget();
            let trusted = &self.trusted;
            let text = format!("tls:a.example:443:trustRoots={trusted}:maxVersion={version}{more}");
            let client = self.machine.call(&text).unwrap();
            assert!(client.received().is_empty() && self.server.received().is_empty());
            let Error::AlertReceived(alert) = rustls_error(self.server.lost()) else {
                panic!("{:?}", self.server.lost());
            };
            assert!(is_refusal(&client.lost()), "{:?}", client.lost());
            (told(client.lost()), alert)
        };
        vec![seen("1.3"), seen("1.2")]
    }
}

fn is_refusal(reason: &Option<Reason>) -> bool {
    let Some(Reason::Tls(failure)) = reason else { return false };
    let refused = failure.downcast_ref();
    matches!(refused, Some(TlsError::Refused { refusal, .. }) if refusal.certificate.is_some())
}

/// A certificate, its chain, the alert that it gets, and words of the error.
type Case = (Identity, String, Alert, &'static [&'static str]);

fn own_at_fault(ours: &Authority) -> Vec<Case> {
    let of_clients = ours.changed("a.example", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let future = ours.changed("a.example", |params| params.not_before = date_time_ymd(4000, 2, 3));
    let none = String::new;
    vec![
        (
            ours.expired("a.example"),
            none(),
            Alert::CertificateExpired,
            &[
                "it has expired on 2002-01-01 00:00:00 UTC, and it is 20",
                "have it renewed",
                "valid from 2001-01-01 00:00:00 UTC to 2002-01-01 00:00:00 UTC",
            ],
        ),
        (
            future,
            none(),
            Alert::CertificateExpired,
            &["it is not valid before 4000-02-03 00:00:00 UTC", "set the clock"],
        ),
        (
            ours.identity("b.example"),
            none(),
            Alert::BadCertificate,
            &[
                "it is not valid for name \"a.example\", only for `b.example`",
                "connect by one of its names",
            ],
        ),
        (
            of_clients,
            none(),
            Alert::UnsupportedCertificate,
            &["is for other uses (extendedKeyUsage): have it issued with `serverAuth`"],
        ),
    ]
}

fn authority_at_fault(ours: &Authority) -> Vec<Case> {
    let other = Authority::named("another authority");
    let limited = ours.intermediate_changed("limited", |params| {
        let permitted_subtrees = vec![GeneralSubtree::DnsName("b.example".into())];
        let excluded_subtrees = Vec::new();
        params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees });
    });
    let old = ours.intermediate_changed("old", |params| {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
    });
    vec![
        (
            other.identity("a.example"),
            String::new(),
            Alert::UnknownCA,
            &[
                "its authority `CN=another authority` is not trusted here",
                "the peer sent no further certificate: have it send the whole chain, or trust its authority",
            ],
        ),
        (
            other.identity("a.example"),
            other.pem().into(),
            Alert::UnknownCA,
            &[
                "its authority `CN=another authority` is not trusted here",
                "the peer's chain leads to no trusted authority",
            ],
        ),
        (
            limited.identity("a.example"),
            limited.pem().into(),
            Alert::CertificateUnknown,
            &["an authority above it may not issue for the names in it (nameConstraints)"],
        ),
        (
            old.identity("a.example"),
            old.pem().into(),
            Alert::CertificateExpired,
            &["it has expired on 2002-01-01 00:00:00 UTC", "(the certificate `CN=old`, valid"],
        ),
    ]
}

/// tlsverify-001, tlsverify-003, tlsverify-006, tlsverify-037
#[test]
fn every_refusal_has_its_alert_and_names_the_certificate_the_reason_and_the_remedy() {
    let ours = Authority::new();
    for (own, chain, alert, words) in
        own_at_fault(&ours).into_iter().chain(authority_at_fault(&ours))
    {
        for (text, seen) in showing(&ours, &own, &chain).seen("") {
            assert_eq!(seen, alert, "{text}");
            assert!(text.contains("the certificate of the server was refused: "), "{text}");
            assert!(words.iter().all(|words| text.contains(words)), "{text}");
        }
    }
}

#[test]
fn a_self_signed_certificate_and_an_authoritys_own_are_refused_with_what_accepts_them() {
    let ours = Authority::new();
    let own = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    let (certificate, certificate_pem) = (own.cert.der().clone(), own.cert.pem());
    let own = Identity { certificate, certificate_pem, key: own.signing_key };
    for (text, alert) in showing(&ours, &own, "").seen("") {
        assert_eq!(alert, Alert::UnknownCA);
        assert!(text.contains("it is signed by itself, and is not among the trusted"), "{text}");
    }
    let authority = ours.changed("a.example", |params| {
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    });
    for (text, alert) in showing(&ours, &authority, "").seen("") {
        assert_eq!(alert, Alert::CertificateUnknown);
        assert!(text.contains("it is an authority's own (CA:TRUE)"), "{text}");
        assert!(!text.contains("CaUsedAsEndEntity") && !text.contains("OtherError"), "{text}");
    }
}

#[test]
fn a_certificate_without_a_name_says_that_the_common_name_does_not_count() {
    let ours = Authority::new();
    let own = ours.changed("a.example", |params| {
        params.subject_alt_names.clear();
        params.distinguished_name.push(rcgen::DnType::CommonName, "a.example");
    });
    for (text, alert) in showing(&ours, &own, "").seen("") {
        assert_eq!(alert, Alert::BadCertificate);
        let words = "its common name does not count, and it has no name of a server in it";
        assert!(text.contains(words), "{text}");
    }
}

/// tlsverify-004
#[test]
fn the_public_roots_refuse_an_authority_of_our_own_on_both_sides() {
    let ours = Authority::new();
    let site = showing(&ours, &ours.identity("a.example"), "");
    let client = site.machine.call("tls:a.example:443").unwrap();
    assert!(client.received().is_empty() && site.server.received().is_empty());
    assert!(is_refusal(&client.lost()));
    assert_eq!(rustls_error(site.server.lost()), Error::AlertReceived(Alert::UnknownCA));
}

#[test]
fn a_pinned_key_is_accepted_and_another_one_refused_with_its_own_pin() {
    let ours = Authority::new();
    let own = ours.identity("a.example");
    let provider = crate::certificates::provider();
    let pin = |of: &Identity| crate::tls::KeyPin::of(&of.certificate, &provider).unwrap();
    let site = showing(&ours, &own, "");
    let trusted = &site.trusted;
    let text = format!("tls:a.example:443:trustRoots={trusted}:pin={}", pin(&own));
    assert_eq!(site.machine.call(&text).unwrap().received(), b"hello");
    let text = format!("tls:b.example:443:verify=danger-none:pin={}", pin(&own));
    assert_eq!(site.machine.call(&text).unwrap().received(), b"hello", "the pin decides alone");
    let other = pin(&ours.identity("a.example"));
    for (text, alert) in site.seen(&format!(":pin={other}")) {
        assert_eq!(alert, Alert::AccessDenied);
        assert!(text.contains(&format!("its key is {}, which is not pinned", pin(&own))), "{text}");
    }
    let text = format!("tls:b.example:443:verify=danger-none:pin={other}");
    assert!(told(site.machine.call(&text).unwrap().lost()).contains("which is not pinned"));
}

#[test]
fn the_text_of_a_certificate_is_escaped() {
    let (ours, other) = (Authority::new(), Authority::named("red\u{1b}[31m\u{202e}\nline"));
    for (text, _) in showing(&ours, &other.identity("a.example"), "").seen("") {
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\n']), "{text:?}");
        assert!(text.contains("its authority `CN=red"), "{text}");
    }
}

/// tlsverify-045
#[test]
fn a_transport_has_certificates_only_with_tls_and_only_those_that_were_shown() {
    let ours = Authority::new();
    let own = ours.identity("a.example");
    let site = showing(&ours, &own, "");
    let text = format!("tls:a.example:443:trustRoots={}", site.trusted);
    let client = site.machine.call(&text).unwrap();
    let shown = client.transport().as_tls().unwrap().peer_certificates();
    assert_eq!(shown, [own.certificate.to_vec()]);
    assert!(site.server.transport().as_tls().unwrap().peer_certificates().is_empty());
    assert!(protocol::testing::StringTransport::new().as_tls().is_none());
}
