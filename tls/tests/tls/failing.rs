//! Handshakes and connections that fail: the reason names what is wrong, and the peer is told.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use interfaces::{BufferLimits, Deadline, Event, Reason};
use protocol::testing::{Clock, Record, Recorder, StringTransport};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use crate::certificates::{Authority, VERSIONS};
use crate::talk::{NAME, Talk, over_client, over_server, plain, rustls_error, told};
use crate::tls::TlsError;

#[test]
fn a_wrong_host_an_unknown_authority_and_an_expired_certificate_are_refused_and_the_server_is_told()
{
    let (authority, stranger) = (Authority::new(), Authority::named("a stranger"));
    for version in VERSIONS {
        let client = || authority.client(version);
        let wrong_host = Talk::between(client(), authority.identity("other.example").server());
        let unknown = Talk::between(client(), stranger.identity(NAME).server());
        let expired = Talk::between(client(), authority.expired(NAME).server());
        for (talk, words, alert) in [
            (wrong_host, "not valid for name", AlertDescription::BadCertificate),
            (unknown, "UnknownIssuer", AlertDescription::UnknownCA),
            (expired, "certificate expired", AlertDescription::CertificateExpired),
        ] {
            let talking = talk
                .client(|client| client.on_made(|transport| transport.write(b"secret")))
                .server(|server| server.on_made(|transport| transport.write(b"secret")))
                .run();
            let error = rustls_error(talking.client.lost());
            assert!(matches!(error, Error::InvalidCertificate(_)), "{error}");
            assert!(error.to_string().contains(words), "{error}");
            assert_eq!(rustls_error(talking.server.lost()), Error::AlertReceived(alert));
            for record in [&talking.client, &talking.server] {
                assert!(record.received().is_empty());
                assert_eq!(record.calls(), ["connection_made", "connection_lost"]);
            }
            assert_eq!(talking.clock.pending(), 0);
        }
    }
}

#[test]
fn a_self_signed_certificate_is_refused() {
    let authority = Authority::new();
    let own = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
    let identity = crate::certificates::Identity {
        certificate: own.cert.der().clone(),
        certificate_pem: own.cert.pem(),
        key: own.signing_key,
    };
    let talking = Talk::between(authority.client(VERSIONS[0]), identity.server()).run();
    let error = rustls_error(talking.client.lost());
    assert_eq!(error, Error::InvalidCertificate(CertificateError::UnknownIssuer));
}

#[test]
fn a_client_without_a_certificate_is_refused_where_one_is_demanded() {
    let authority = Authority::new();
    for version in VERSIONS {
        let server = authority.demanding_server(&authority.identity(NAME));
        let talking = Talk::between(authority.client(version), server).run();
        assert_eq!(rustls_error(talking.server.lost()), Error::NoCertificatesPresented);
        let error = rustls_error(talking.client.lost());
        assert!(matches!(error, Error::AlertReceived(_)), "{error}");
    }
}

#[test]
fn disjoint_alpn_offers_fail_on_both_sides() {
    for version in VERSIONS {
        let mut talk = Talk::new(version);
        talk.client_config.alpn_protocols = vec![b"a".to_vec()];
        talk.server_config.alpn_protocols = vec![b"b".to_vec()];
        let talking = talk.run();
        let alert = AlertDescription::NoApplicationProtocol;
        assert_eq!(rustls_error(talking.client.lost()), Error::AlertReceived(alert));
        assert_eq!(rustls_error(talking.server.lost()), Error::NoApplicationProtocol);
    }
}

#[test]
fn a_plain_http_request_gives_a_reason_that_a_person_can_read() {
    let talk = Talk::new(VERSIONS[0]);
    let (record, clock) = (Record::new(), Clock::new());
    let server = over_server(talk.server_config, Recorder::new(&record), &clock);
    let browser = Record::new();
    let client = plain(Recorder::new(&browser).on_made(|transport| {
        transport.write(b"GET / HTTP/1.1\r\nHost: example\r\n\r\n");
    }));
    let pair = talk.network.join(client, server);
    pair.flush();
    assert_eq!(
        told(record.lost()),
        "tls failed: the peer does not speak tls: it began with \"GET / HTTP/1.1\": \
         received corrupt message of type InvalidContentType"
    );
    let alert = browser.received();
    assert_eq!(alert[..3], [21, 3, 3], "an alert is sent, though it will not be understood");
    assert!(browser.lost().is_some());
    assert_eq!(clock.pending(), 0);
}

#[test]
fn a_client_that_meets_another_protocol_says_so() {
    let authority = Authority::new();
    let (record, clock) = (Record::new(), Clock::new());
    let client = over_client(authority.client(VERSIONS[0]), NAME, Recorder::new(&record), &clock);
    let banner = plain(Recorder::new(&Record::new()).on_made(|transport| {
        transport.write(b"SSH-2.0-OpenSSH_9.2\r\n");
    }));
    protocol::testing::memory::Pair::new(client, banner).flush();
    let Some(Reason::Tls(failure)) = record.lost() else { panic!("{:?}", record.lost()) };
    let error = failure.downcast_ref::<TlsError>().unwrap();
    assert!(error.to_string().contains("SSH-2.0-OpenSSH_9.2"), "{error}");
}

#[test]
fn a_handshake_has_ten_seconds_in_all() {
    let talk = Talk::new(VERSIONS[0]);
    let (record, clock) = (Record::new(), talk.clock.clone());
    let server = over_server(talk.server_config, Recorder::new(&record), &clock);
    let silent = Record::new();
    let dripper = plain(Recorder::new(&silent));
    let pair = talk.network.join(dripper, server);
    pair.flush();
    for byte in [22, 3, 1, 2, 0, 1, 0, 1, 252] {
        // Each byte would start the time anew, if it were not for the whole.
        clock.advance(std::time::Duration::from_secs(1));
        pair.client().write(&[byte]);
        pair.flush();
        assert!(record.lost().is_none());
    }
    clock.advance(std::time::Duration::from_millis(1001));
    assert!(record.lost().is_none(), "nothing is delivered inside the call that ends it");
    pair.flush();
    assert!(matches!(record.lost(), Some(Reason::TimedOut(Deadline::Handshake))));
    assert!(matches!(silent.lost(), Some(Reason::Lost(_))));
    assert_eq!(clock.pending(), 0);
}

#[test]
fn an_established_connection_has_no_deadline() {
    let talking = Talk::new(VERSIONS[0]).run();
    assert_eq!(talking.clock.pending(), 0);
    talking.advance(1000.0);
    assert!(talking.client.lost().is_none());
}

#[test]
fn what_is_held_for_the_handshake_has_a_cap() {
    let (record, clock, wire) = (Record::new(), Clock::new(), StringTransport::new());
    let protocol = Recorder::new(&record).on_made(|transport| {
        transport.set_buffer_limits(BufferLimits::default().with_high_water(10).with_cap(1000));
        transport.write(&[b'x'; 1000]);
    });
    let authority = Authority::new();
    let client = over_client(authority.client(VERSIONS[0]), NAME, protocol, &clock);
    client.deliver(Event::ConnectionMade(&wire.as_transport()));
    assert!(!wire.disconnecting());
    record.transport().write(b"y");
    assert!(wire.aborting());
    client.deliver(Event::ConnectionLost(&Reason::Aborted));
    assert!(matches!(record.lost(), Some(Reason::WriteBufferExceeded { cap: 1000 })));
    assert_eq!(clock.pending(), 0);
}

#[test]
fn a_reset_below_is_a_loss_with_its_cause() {
    for version in VERSIONS {
        let talking = Talk::new(version).run();
        talking.pair.server().abort_connection();
        talking.flush();
        assert!(
            matches!(talking.client.lost(), Some(Reason::Lost(_))),
            "{:?}",
            talking.client.lost()
        );
        assert!(matches!(talking.server.lost(), Some(Reason::Aborted)));
    }
}

#[test]
fn a_panic_of_the_protocol_costs_its_connection_and_is_its_reason() {
    for version in VERSIONS {
        let talk = Talk::new(version).client(|client| {
            client.on_data(|transport, _| {
                transport.write(b"never sent");
                panic!("on purpose");
            })
        });
        talk.network.catch_panics(|call| {
            catch_unwind(AssertUnwindSafe(call)).map_err(|_| Rc::from("on purpose"))
        });
        let talking = talk.run();
        talking.server_handle().write(b"now");
        talking.flush();
        assert!(matches!(talking.client.lost(), Some(Reason::Panicked(_))));
        assert_eq!(talking.client.count("connection_lost"), 1);
        assert!(talking.server.received().is_empty());
        assert!(talking.server.lost().is_some());
    }
}

#[test]
fn a_panic_in_a_late_delivery_costs_its_connection_too() {
    // The data comes together with the end of the handshake, for which reading goes on.
    let talking = Talk::new(VERSIONS[0])
        .client(|client| client.on_made(|transport| transport.write(b"now")))
        .server(|server| {
            server
                .on_made(|transport| transport.pause_producing())
                .on_data(|_, _| panic!("on purpose"))
        })
        .run();
    assert_eq!(talking.server.calls(), ["connection_made", "handshake_completed"]);
    talking.server_handle().resume_producing();
    assert_eq!(talking.server.count("data_received"), 0, "nothing is delivered inside the call");
    talking.flush();
    assert_eq!(talking.server.received(), b"now");
    let Some(Reason::Panicked(message)) = talking.server.lost() else { panic!("{talking:?}") };
    assert_eq!(&*message, "on purpose");
}

/// Panics where it should verify, and is counted.
#[derive(Debug)]
struct Panicking(#[expect(dead_code, reason = "counted")] Arc<()>);

impl ServerCertVerifier for Panicking {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        panic!("on purpose")
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("not reached".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("not reached".to_owned()))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

#[test]
fn a_verifier_that_panics_costs_its_connection_and_nothing_of_that_is_kept() {
    for version in VERSIONS {
        let alive = Arc::new(());
        let mut talk = Talk::new(version);
        let verifier = Arc::new(Panicking(alive.clone()));
        talk.client_config.dangerous().set_certificate_verifier(verifier);
        talk.network.catch_panics(|call| {
            catch_unwind(AssertUnwindSafe(call)).map_err(|_| Rc::from("on purpose"))
        });
        let talking = talk.run();
        assert!(matches!(talking.client.lost(), Some(Reason::Panicked(_))));
        assert_eq!(talking.client.count("connection_lost"), 1);
        assert!(talking.server.lost().is_some());
        // The transport that the record keeps has no session any more.
        assert_eq!(talking.client_handle().as_tls().unwrap().version(), None);
        assert_eq!(Arc::strong_count(&alive), 2, "the configuration is the context's");
        drop(talking);
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}
