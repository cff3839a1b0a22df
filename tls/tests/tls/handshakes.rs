//! Handshakes that are not completed: the reason says so, what went wrong, and where one is known the
//! remedy.

use std::time::Duration;

use deferred::Failure;
use interfaces::{Deadline, OsError, Reason};
use rustls::{AlertDescription, ClientConfig, Error, ServerConfig};

use crate::by_hand::{ByHand, ROLES, Role};
use crate::certificates::{Authority, VERSIONS};
use crate::talk::{NAME, Talk, Talking, told};
use crate::tls::TlsError;

/// What a server is told of a client that says this, and then hears nothing.
fn told_of(said: &[u8]) -> String {
    let by_hand = ByHand::new(VERSIONS[0], Role::Server, |protocol| protocol);
    by_hand.deliver(&mut said.to_vec());
    by_hand.lose(&Reason::Done);
    assert_eq!(by_hand.record.calls(), ["connection_made", "connection_lost"]);
    assert!(is_in_handshake(by_hand.record.lost().as_ref().unwrap()));
    told(by_hand.record.lost())
}

/// How a wrapper tells, which hears the reason alone.
fn is_in_handshake(reason: &Reason) -> bool {
    match reason {
        Reason::TimedOut(Deadline::Handshake) => true,
        Reason::Tls(failure) => {
            failure.downcast_ref::<TlsError>().is_some_and(TlsError::is_in_handshake)
        }
        _ => false,
    }
}

/// A ClientHello without extensions, as of that version, with one suite.
fn client_hello(minor: u8) -> Vec<u8> {
    let mut body = vec![3, minor];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0, 0x2f, 1, 0]);
    let mut hello = vec![22, 3, 1, 0, body.len() as u8 + 4, 1, 0, 0, body.len() as u8];
    hello.extend(body);
    hello
}

#[test]
fn a_stranger_is_told_apart_by_what_it_said() {
    for (said, words) in [
        (&b""[..], "tls failed: the peer closed the connection before the tls handshake was done"),
        (
            &[22, 3, 1],
            "tls failed: the peer closed the connection before the tls handshake was done",
        ),
        (
            b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
            "tls failed: the peer does not speak tls: it began with \"GET / HTTP/1.1\": ",
        ),
        (
            b"\x03\x00\x00\x13\x0e\xe0",
            "tls failed: the peer does not speak tls: it began with \"\\x03",
        ),
        (
            &client_hello(2),
            "tls failed: the peer offers no version of tls that this side takes, 1.2 and 1.3, or",
        ),
        (
            &[21, 3, 1, 0, 2, 2, 48],
            "tls failed: the peer does not trust the authority of our certificate: give the peer \
             that authority, or send the whole chain: received fatal alert: UnknownCA",
        ),
        (
            &[22, 3, 1, 0, 4, 99, 0, 0, 0],
            "tls failed: the peer broke the rules of the tls handshake",
        ),
    ] {
        let told = told_of(said);
        assert!(told.starts_with(words), "{said:?}: {told}");
    }
}

#[test]
fn an_end_before_the_handshake_is_done_is_no_truncated_stream_and_no_plain_loss() {
    let reset = || Reason::Lost(Failure::new(OsError::from_raw_os_error(104)));
    for version in VERSIONS {
        for role in ROLES {
            for said in [false, true] {
                for (below, words) in [
                    (
                        Reason::Done,
                        "tls failed: the peer closed the connection before the tls handshake was \
                         done",
                    ),
                    (
                        reset(),
                        "tls failed: the connection was lost before the tls handshake was done: \
                         Connection reset by peer (os error 104)",
                    ),
                ] {
                    let mut by_hand = ByHand::new(version, role, |protocol| protocol);
                    if said {
                        by_hand.send();
                    }
                    by_hand.lose(&below);
                    let lost = by_hand.record.lost();
                    assert!(is_in_handshake(lost.as_ref().unwrap()));
                    assert_eq!(told(lost), words);
                }
            }
        }
    }
}

#[test]
fn an_end_that_is_not_the_peers_keeps_its_name() {
    for version in VERSIONS {
        for role in ROLES {
            let by_hand = ByHand::new(version, role, |protocol| protocol);
            by_hand.record.transport().abort_connection();
            by_hand.lose(&Reason::Aborted);
            assert!(matches!(by_hand.record.lost(), Some(Reason::Aborted)));

            let by_hand = ByHand::new(version, role, |protocol| protocol);
            by_hand.record.transport().lose_connection();
            by_hand.lose(&Reason::Done);
            assert!(by_hand.record.lost().unwrap().is_clean());
        }
    }
}

#[test]
fn silence_has_ten_seconds_in_all_and_is_told() {
    for version in VERSIONS {
        for role in ROLES {
            let by_hand = ByHand::new(version, role, |protocol| protocol);
            by_hand.clock.advance(Duration::from_millis(9_999));
            assert!(by_hand.wire.told().is_empty());
            by_hand.clock.advance(Duration::from_millis(1));
            assert!(!by_hand.wire.told().is_empty());
            by_hand.lose(&Reason::Aborted);
            assert!(is_in_handshake(&by_hand.record.lost().unwrap()));
            assert_eq!(told(by_hand.record.lost()), "tls handshake timed out");
        }
    }
}

fn between(client: ClientConfig, server: ServerConfig) -> Talking {
    Talk::between(client, server).run()
}

#[test]
fn both_sides_are_told_what_they_do_not_have_in_common_or_do_not_trust() {
    let (authority, stranger) = (Authority::new(), Authority::named("a stranger"));
    let identity = || authority.identity(NAME);
    let mut limited = identity().server();
    limited.alpn_protocols = vec![b"b".to_vec()];
    let mut asking = authority.client(VERSIONS[0]);
    asking.alpn_protocols = vec![b"a".to_vec()];
    for (talking, client_words, server_words) in [
        (
            between(authority.client(VERSIONS[0]), stranger.identity(NAME).server()),
            "the certificate of the peer was refused: invalid peer certificate: UnknownIssuer",
            "the peer does not trust the authority of our certificate",
        ),
        (
            between(authority.client(VERSIONS[0]), authority.expired(NAME).server()),
            "the certificate of the peer was refused: invalid peer certificate: certificate expired",
            "the peer refused our certificate",
        ),
        (
            between(asking, limited),
            "the peer has no application protocol (ALPN) that this side offers",
            "the peer offers no application protocol (ALPN) that this side has",
        ),
    ] {
        let (client, server) = (told(talking.client.lost()), told(talking.server.lost()));
        assert!(client.contains(client_words), "{client}");
        assert!(server.contains(server_words), "{server}");
    }
}

#[test]
fn a_server_that_demands_a_certificate_says_so() {
    let authority = Authority::new();
    for version in VERSIONS {
        let server = authority.demanding_server(&authority.identity(NAME));
        let talking = between(authority.client(version), server);
        let told = told(talking.server.lost());
        assert!(told.contains("the peer has to show a certificate, and showed none"), "{told}");
    }
}

/// Every alert makes a sentence, and the error of rustls stays within reach.
#[test]
fn every_alert_is_told_in_words_with_its_name_behind() {
    for number in 0..=255u8 {
        let alert = AlertDescription::from(number);
        let error = TlsError::Handshake { source: Error::AlertReceived(alert) };
        let words = error.to_string();
        assert!(words.starts_with("the peer "), "{number}: {words}");
        assert!(error.is_in_handshake());
        let source = std::error::Error::source(&error).unwrap();
        assert_eq!(source.downcast_ref(), Some(&Error::AlertReceived(alert)));
    }
}
