//! The session by itself, without transports.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use testkit::Dice;

use crate::certificates::{Authority, VERSIONS};
use crate::talk::NAME;
use crate::tls::{Outgoing, Received, Session, TlsError};

/// A session and what it has said.
struct Side {
    session: Session,
    records: Outgoing,
    plaintext: Vec<u8>,
}

impl Side {
    fn new(session: Session) -> Self {
        Self { session, records: Outgoing::new(), plaintext: Vec::new() }
    }

    fn receive(&mut self, bytes: &[u8]) -> Received {
        let mut bytes = bytes.to_vec();
        self.session.receive(&mut bytes, &mut self.plaintext, &mut self.records)
    }

    fn say(&mut self) -> Vec<u8> {
        let said = self.records.to_vec();
        self.records.clear();
        said
    }
}

fn sides(version: &'static rustls::SupportedProtocolVersion) -> (Side, Side) {
    let authority = Authority::new();
    let name = ServerName::try_from(NAME).unwrap();
    let client = Session::client(Arc::new(authority.client(version)), name).unwrap();
    let server = Session::server(Arc::new(authority.identity(NAME).server())).unwrap();
    (Side::new(client), Side::new(server))
}

/// Until neither has more to say, in pieces of `cut` bytes.
fn shake_hands(client: &mut Side, server: &mut Side, cut: usize) {
    let _ = client.receive(&[]);
    loop {
        let (up, down) = (client.say(), server.say());
        if up.is_empty() && down.is_empty() {
            break;
        }
        for piece in up.chunks(cut) {
            assert!(server.receive(piece).failure.is_none());
        }
        for piece in down.chunks(cut) {
            assert!(client.receive(piece).failure.is_none());
        }
    }
    assert!(!client.session.is_handshaking() && !server.session.is_handshaking());
}

#[test]
fn a_handshake_works_however_it_is_cut() {
    for version in VERSIONS {
        for cut in [1, 2, 3, 5, 6, 50, 1000, 100_000] {
            let (mut client, mut server) = sides(version);
            shake_hands(&mut client, &mut server, cut);
        }
    }
}

#[test]
fn data_is_exact_wherever_it_is_cut() {
    for version in VERSIONS {
        let (mut client, mut server) = sides(version);
        shake_hands(&mut client, &mut server, usize::MAX);
        let message: Vec<u8> = (0..40_000_u32).map(|n| (n % 251) as u8).collect();
        for cut in [1, 4, 5, 6, 4096, 16_389, 16_406, 50_000] {
            server.plaintext.clear();
            client.session.send(&message, &mut client.records).unwrap();
            for piece in client.say().chunks(cut) {
                let _ = server.receive(piece);
            }
            assert!(server.plaintext == message, "{version:?}, cut at {cut}");
        }
    }
}

#[test]
fn close_notify_ends_reading_and_what_follows_is_ignored() {
    for version in VERSIONS {
        let (mut client, mut server) = sides(version);
        shake_hands(&mut client, &mut server, usize::MAX);
        client.session.send(b"last words", &mut client.records).unwrap();
        client.session.close(&mut client.records);
        let mut said = client.say();
        said.extend(b"garbage");
        let received = server.receive(&said);
        assert!(received.peer_closed && received.failure.is_none());
        assert_eq!(server.plaintext, b"last words");
        assert!(!server.receive(b"more garbage").peer_closed);
        server.session.send(b"still here", &mut server.records).unwrap();
        let _ = client.receive(&server.say());
        assert_eq!(client.plaintext, b"still here");
    }
}

#[test]
fn every_damaged_byte_of_a_record_is_a_failure_with_an_alert_for_the_peer() {
    for version in VERSIONS {
        let (mut client, mut server) = sides(version);
        shake_hands(&mut client, &mut server, usize::MAX);
        client.session.send(b"secret", &mut client.records).unwrap();
        let mut said = client.say();
        let last = said.len() - 1;
        said[last] ^= 1;
        let failure = server.receive(&said).failure.unwrap();
        assert!(failure.check::<rustls::Error>(), "{failure}");
        let alert = server.say();
        assert!(!alert.is_empty());
        let told = client.receive(&alert).failure.unwrap();
        assert!(told.to_string().contains("BadRecordMac"), "{told}");
        assert!(server.plaintext.is_empty());
    }
}

#[test]
fn a_failed_session_says_and_takes_nothing_more() {
    let (_, mut server) = sides(VERSIONS[0]);
    assert!(server.receive(b"GET / HTTP/1.1\r\n\r\n").failure.is_some());
    let _ = server.say();
    assert!(server.receive(b"GET / HTTP/1.1\r\n\r\n").failure.is_none());
    server.session.send(b"x", &mut server.records).unwrap();
    server.session.close(&mut server.records);
    assert!(server.say().is_empty());
}

#[test]
fn what_is_not_tls_is_named_however_it_is_cut() {
    for cut in [1, 3, 100] {
        let (_, mut server) = sides(VERSIONS[0]);
        let mut failure = None;
        for piece in b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".chunks(cut) {
            failure = failure.or(server.receive(piece).failure);
        }
        let failure = failure.unwrap();
        let error = failure.downcast_ref::<TlsError>().unwrap();
        assert!(matches!(error, TlsError::NotTls { .. }));
        assert!(error.to_string().contains("it began with \"G"), "{error}");
    }
}

#[test]
fn a_handshake_message_in_endless_crumbs_is_given_up() {
    let (_, mut server) = sides(VERSIONS[0]);
    // The header of a ClientHello of 65,520 bytes, then its bytes one by one, each in a record.
    let mut sent = vec![22, 3, 1, 0, 4, 1, 0, 0xff, 0xf0];
    while sent.len() < 300_000 {
        sent.extend([22, 3, 1, 0, 1, 0]);
    }
    let mut failure = None;
    for piece in sent.chunks(1000) {
        failure = failure.or(server.receive(piece).failure);
    }
    let failure = failure.unwrap();
    let error = failure.downcast_ref::<TlsError>().unwrap();
    assert_eq!(*error, TlsError::HandshakeTooLarge { limit: 256 * 1024 });
}

/// The same bytes, or with some of them changed, missing, or doubled.
fn meddled(dice: &Dice, mut bytes: Vec<u8>) -> Vec<u8> {
    for _ in 0..dice.below(4) {
        if bytes.is_empty() {
            break;
        }
        let place = dice.below(bytes.len());
        match dice.below(6) {
            0 => bytes.truncate(place),
            1 => drop(bytes.remove(place)),
            2 => bytes.insert(place, bytes[place]),
            _ => bytes[place] = dice.next_u64() as u8,
        }
    }
    bytes
}

/// Whatever a stranger makes of a conversation, no session panics or loops, and one that has failed
/// stays silent.
#[test]
fn meddling_with_any_flight_never_panics() {
    let dice = Dice::new(88_172_645_463_325_252);
    for version in VERSIONS {
        let authority = Authority::new();
        let config = Arc::new(authority.client(version));
        let server = Arc::new(authority.identity(NAME).server());
        for _ in 0..400 {
            let name = ServerName::try_from(NAME).unwrap();
            let mut client = Side::new(Session::client(config.clone(), name).unwrap());
            let mut server = Side::new(Session::server(server.clone()).unwrap());
            let _ = client.receive(&[]);
            for _ in 0..8 {
                let (up, down) = (meddled(&dice, client.say()), meddled(&dice, server.say()));
                let cut = 1 + dice.below(2000);
                let failed = up.chunks(cut).any(|piece| server.receive(piece).failure.is_some());
                let failed =
                    down.chunks(cut).any(|piece| client.receive(piece).failure.is_some()) || failed;
                for side in [&mut client, &mut server] {
                    if !side.session.is_handshaking() {
                        let _ = side.session.send(b"data", &mut side.records);
                    }
                }
                assert!(client.records.len() + server.records.len() < 100_000);
                if failed {
                    break;
                }
            }
        }
    }
}
