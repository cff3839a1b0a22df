//! Claims about the handshake, byte by byte.

use super::*;

/// The steps that are no wait, when the bytes come in pieces of this length.
fn steps(passwords: Option<Passwords>, bytes: &[u8], piece: usize) -> Vec<HandshakeStep> {
    let mut handshake = ServerHandshake::new(passwords);
    let mut steps = Vec::new();
    for piece in bytes.chunks(piece) {
        handshake.push(piece);
        loop {
            match handshake.step() {
                HandshakeStep::Wait => break,
                step => steps.push(step),
            }
        }
    }
    steps
}

/// The same for every cut, but for the bytes behind a request.
fn every_cut(passwords: fn() -> Option<Passwords>, bytes: &[u8]) -> Vec<HandshakeStep> {
    let whole = steps(passwords(), bytes, bytes.len());
    for piece in 1..bytes.len() {
        assert_eq!(steps(passwords(), bytes, piece), whole, "in pieces of {piece}");
    }
    whole
}

fn open() -> Option<Passwords> {
    None
}

fn secret() -> Option<Passwords> {
    Some(Rc::new(|name, password| (name, password) == ("alice", "secret")))
}

fn request(version: SocksVersion, host: &str, port: u16, user: &str) -> HandshakeStep {
    let command = SocksCommand::Connect;
    let (host, user) = (name_or_address(host.into()), user.into());
    HandshakeStep::Request(SocksRequest { version, command, host, port, user })
}

fn name_or_address(text: String) -> SocksHost {
    super::name_or_address(text)
}

const V4: SocksVersion = SocksVersion::V4;
const V5: SocksVersion = SocksVersion::V5;

#[test]
fn version_4_asks_with_an_address_or_with_a_name() {
    let found = every_cut(open, b"\x04\x01\x00\x50\x01\x02\x03\x04fooBAR\0");
    assert_eq!(found, [request(V4, "1.2.3.4", 80, "fooBAR")]);
    let found = every_cut(open, b"\x04\x01\x01\xbb\0\0\0\x01me\0example.com\0");
    assert_eq!(found, [request(V4, "example.com", 443, "me")]);
    // 0.0.0.0 is an address, and not the mark of 4a.
    let found = every_cut(open, b"\x04\x01\x01\xbb\0\0\0\0\0");
    assert_eq!(found, [request(V4, "0.0.0.0", 443, "")]);
}

#[test]
fn version_5_asks_with_any_kind_of_address() {
    let send = || HandshakeStep::Send([5, 0]);
    let found = every_cut(open, b"\x05\x02\x00\x02\x05\x01\0\x01\x01\x02\x03\x04\0\x50");
    assert_eq!(found, [send(), request(V5, "1.2.3.4", 80, "")]);
    let found = every_cut(open, b"\x05\x01\x00\x05\x01\0\x03\x0bexample.com\0\x50");
    assert_eq!(found, [send(), request(V5, "example.com", 80, "")]);
    let v6 = b"\x05\x01\x00\x05\x01\0\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0\x50";
    assert_eq!(every_cut(open, v6), [send(), request(V5, "2001:db8::1", 80, "")]);
}

#[test]
fn a_name_that_is_an_address_is_one() {
    let found = every_cut(open, b"\x05\x01\x00\x05\x01\0\x03\x09127.0.0.1\0\x50");
    assert_eq!(found[1], request(V5, "127.0.0.1", 80, ""));
    let HandshakeStep::Request(found) = &found[1] else { panic!("{found:?}") };
    assert!(matches!(found.host, SocksHost::Ip(_)));
}

#[test]
fn a_password_is_asked_for_and_checked() {
    let greeting = b"\x05\x02\x00\x02";
    let right =
        [greeting, &b"\x01\x05alice\x06secret"[..], b"\x05\x01\0\x01\x01\x02\x03\x04\0\x50"];
    let found = every_cut(secret, &right.concat());
    let sends = [HandshakeStep::Send([5, 2]), HandshakeStep::Send([1, 0])];
    assert_eq!(found[..2], sends);
    assert_eq!(found[2], request(V5, "1.2.3.4", 80, "alice"));
    for wrong in [&b"\x01\x05alice\x06Secret"[..], b"\x01\x00\x00", b"\x01\x01\xff\x01x", b"\x02"] {
        let found = every_cut(secret, &[greeting, wrong].concat());
        assert_eq!(found, [HandshakeStep::Send([5, 2]), HandshakeStep::Close([1, 1])]);
    }
}

#[test]
fn a_client_without_the_method_has_none() {
    assert_eq!(every_cut(secret, b"\x05\x01\x00"), [HandshakeStep::Close([5, 0xff])]);
    assert_eq!(every_cut(open, b"\x05\x01\x02"), [HandshakeStep::Close([5, 0xff])]);
    assert_eq!(every_cut(open, b"\x05\x00"), [HandshakeStep::Close([5, 0xff])]);
    let refused = HandshakeStep::Refuse(V4, Refusal::NotAllowed);
    assert_eq!(every_cut(secret, b"\x04"), [refused]);
}

#[test]
fn what_is_no_request_is_refused_in_order() {
    for other in [b'G', 0, 6, 22] {
        let refused = HandshakeStep::Refuse(V4, Refusal::General);
        assert_eq!(every_cut(open, &[other, 1, 2, 3]), [refused]);
    }
    for command in [0, 3, 9] {
        let four = [&[4, command][..], b"\0\x50\x01\x02\x03\x04\0"].concat();
        assert_eq!(every_cut(open, &four), [HandshakeStep::Refuse(V4, Refusal::Command)]);
        let five = [b"\x05\x01\x00", &[5, command][..], b"\0\x01\x01\x02\x03\x04\0\x50"].concat();
        assert_eq!(every_cut(open, &five)[1], HandshakeStep::Refuse(V5, Refusal::Command));
    }
    let kind = b"\x05\x01\x00\x05\x01\0\x02\x01\x02";
    assert_eq!(every_cut(open, kind)[1], HandshakeStep::Refuse(V5, Refusal::AddressKind));
}

#[test]
fn bytes_that_come_with_the_request_are_refused() {
    let four = b"\x04\x01\x00\x50\x01\x02\x03\x04\0more";
    let found = steps(None, four, four.len());
    assert_eq!(found, [HandshakeStep::Refuse(V4, Refusal::Command)]);
    let five = b"\x05\x01\x00\x05\x01\0\x01\x01\x02\x03\x04\0\x50more";
    let found = steps(None, five, five.len());
    assert_eq!(found[1], HandshakeStep::Refuse(V5, Refusal::General));
}

#[test]
fn texts_without_end_are_refused_and_not_kept() {
    let endless = [&b"\x04\x01\x00\x50\x01\x02\x03\x04"[..], &[b'a'; 5000]].concat();
    for piece in [1, 7, 5008] {
        let found = steps(None, &endless, piece);
        assert_eq!(found, [HandshakeStep::Refuse(V4, Refusal::General)]);
    }
    let endless = [&b"\x04\x01\x00\x50\0\0\0\x04me\0"[..], &[b'a'; 5000]].concat();
    let mut handshake = ServerHandshake::new(None);
    handshake.push(&endless);
    assert!(handshake.bytes.len() <= HANDSHAKE_BYTES_MAX + 1);
    assert_eq!(handshake.step(), HandshakeStep::Refuse(V4, Refusal::General));
    handshake.push(&endless);
    assert_eq!(handshake.step(), HandshakeStep::Wait);
}
