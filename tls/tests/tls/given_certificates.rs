//! Certificates that are themselves trusted, whatever they are else.

use rustls::{AlertDescription as Alert, Error};

use crate::certificates::{Authority, Identity};
use crate::machine::{Files, Machine};
use crate::talk::{rustls_error, told};

/// What `openssl req -x509` makes: signed by itself, and an authority.
fn as_openssl_makes_it(name: &str, change: impl FnOnce(&mut rcgen::CertificateParams)) -> Identity {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    change(&mut params);
    let certificate = params.self_signed(&key).unwrap();
    Identity { certificate: certificate.der().clone(), certificate_pem: certificate.pem(), key }
}

/// Serves with the certificate, and what a client that trusts it sees: nothing, or why it refused.
fn trusted_itself(own: &Identity, host: &str) -> Result<(), String> {
    let (machine, files) = (Machine::new(), Files::new());
    let pem = files.write("server.pem", &(own.key_pem() + &own.certificate_pem));
    machine.serve(&format!("ssl:443:{pem}")).unwrap();
    let trusted = files.write("trusted.pem", &own.certificate_pem);
    let mut results = ["1.2", "1.3"].map(|version| {
        let text = format!("tls:{host}:443:trustRoots={trusted}:maxVersion={version}");
        let record = machine.call(&text).unwrap();
        if record.received() == b"hello" { Ok(()) } else { Err(told(record.lost())) }
    });
    assert_eq!(results[0], results[1]);
    results[0].clone().or_else(|_| std::mem::replace(&mut results[1], Ok(())))
}

/// tlsverify-038
#[test]
fn a_self_signed_certificate_that_is_trusted_is_accepted_for_its_names() {
    let own = as_openssl_makes_it("a.example", |_| {});
    trusted_itself(&own, "a.example").unwrap();
    let told = trusted_itself(&own, "b.example").unwrap_err();
    assert!(told.contains("not valid for name \"b.example\", only for `a.example`"), "{told}");
    let own = as_openssl_makes_it("127.0.0.1", |_| {});
    trusted_itself(&own, "127.0.0.1").unwrap();
}

#[test]
fn a_trusted_certificate_is_refused_outside_its_dates_and_for_another_use() {
    let expired = as_openssl_makes_it("a.example", |params| {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    });
    let future = as_openssl_makes_it("a.example", |params| {
        params.not_before = rcgen::date_time_ymd(4000, 1, 1);
    });
    let of_clients = as_openssl_makes_it("a.example", |params| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    });
    for (own, words) in [
        (expired, "it has expired on 2002-01-01"),
        (future, "it is not valid before 4000-01-01"),
        (of_clients, "is for other uses"),
    ] {
        let told = trusted_itself(&own, "a.example").unwrap_err();
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn a_trusted_certificate_of_an_authority_that_is_not_trusted_is_accepted() {
    let own = Authority::new().identity("a.example");
    trusted_itself(&own, "a.example").unwrap();
}

/// tlsverify-042
#[test]
fn an_authority_that_is_the_only_trusted_one_vouches_for_its_own_servers_alone() {
    let (ours, other) = (Authority::new(), Authority::named("another"));
    let (machine, files) = (Machine::new(), Files::new());
    let trusted = files.write("ours.pem", ours.pem());
    for (port, authority) in [(1, &ours), (2, &other)] {
        let own = authority.identity("a.example");
        let pem = files.write("server.pem", &(own.key_pem() + &own.certificate_pem));
        machine.serve(&format!("ssl:{port}:{pem}")).unwrap();
    }
    let call = |port| machine.call(&format!("tls:a.example:{port}:trustRoots={trusted}")).unwrap();
    assert_eq!(call(1).received(), b"hello");
    assert!(told(call(2).lost()).contains("`CN=another` is not trusted here"));
}

/// tlsverify-039
#[test]
fn both_sides_trust_each_others_self_signed_certificates() {
    let (server, client) =
        (as_openssl_makes_it("a.example", |_| {}), as_openssl_makes_it("client", |_| {}));
    let (machine, files) = (Machine::new(), Files::new());
    let both = |own: &Identity| own.key_pem() + &own.certificate_pem;
    let (server_pem, client_pem) =
        (files.write("server.pem", &both(&server)), files.write("client.pem", &both(&client)));
    let record =
        machine.serve_recorded(&format!("ssl:443:{server_pem}:clientCA={client_pem}")).unwrap();
    let text = format!("tls:a.example:443:trustRoots={server_pem}:certificate={client_pem}");
    assert_eq!(machine.call(&text).unwrap().received(), b"hello");
    let shown = record.transport().as_tls().unwrap().peer_certificates();
    assert_eq!(shown, [client.certificate.to_vec()]);

    record.forget();
    let stranger = files.write("stranger.pem", &both(&as_openssl_makes_it("client", |_| {})));
    let text = format!("tls:a.example:443:trustRoots={server_pem}:certificate={stranger}");
    let refused = machine.call(&text).unwrap();
    assert!(matches!(
        rustls_error(refused.lost()),
        Error::AlertReceived(Alert::CertificateUnknown | Alert::UnknownCA | Alert::DecryptError)
    ));
    assert!(told(record.lost()).contains("the certificate of the client was refused"));
}

#[test]
fn an_authority_that_was_made_anew_under_its_name_is_told_apart_from_the_old_one() {
    let (old, new) = (Authority::new(), Authority::new());
    let (machine, files) = (Machine::new(), Files::new());
    let own = new.identity("a.example");
    let pem = files.write("server.pem", &(own.key_pem() + &own.certificate_pem));
    machine.serve(&format!("ssl:443:{pem}")).unwrap();
    let trusted = files.write("old.pem", old.pem());
    let lost =
        told(machine.call(&format!("tls:a.example:443:trustRoots={trusted}")).unwrap().lost());
    let words = "an authority `CN=ropewalk test authority` is known here, and the signature is not of its key";
    assert!(lost.contains(words), "{lost}");
}
