//! The parser of ClientHellos.

use ropewalk_endpoints::sni::{
    ACME_TLS_1, ClientHello, ClientHelloParser, HELLO_BYTES_MAX, Hello, InvalidClientHello,
};

use crate::hellos::{
    alpn, body_message, body_without_extensions, extension, hello_for, message, post_quantum_key,
    records, server_name,
};

fn parse(bytes: &[u8]) -> Result<Hello, InvalidClientHello> {
    ClientHelloParser::new().push(bytes)
}

#[track_caller]
fn complete(bytes: &[u8]) -> ClientHello {
    match parse(bytes) {
        Ok(Hello::Complete(hello)) => hello,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_name_and_the_protocols_are_read_among_other_extensions() {
    let extensions =
        [post_quantum_key(), alpn(&[b"h2", b"http/1.1"]), server_name(b"www.example.com")];
    let hello = complete(&records(&message(&extensions), 1 << 14));
    assert_eq!(hello.server_name.as_deref(), Some("www.example.com"));
    assert!(hello.offers(b"h2") && hello.offers(b"http/1.1") && !hello.offers(ACME_TLS_1));
    assert_eq!(*hello.protocols[0], *b"h2");
}

#[test]
fn a_hello_without_extensions_and_one_without_a_name_are_hellos() {
    let bare = body_message(&body_without_extensions());
    assert_eq!(complete(&records(&bare, 1 << 14)), ClientHello::default());
    assert_eq!(complete(&records(&message(&[]), 1 << 14)), ClientHello::default());
}

#[test]
fn a_name_is_in_lower_case_and_without_its_last_dot() {
    assert_eq!(
        complete(&hello_for("WWW.Example.COM.")).server_name.as_deref(),
        Some("www.example.com")
    );
}

#[test]
fn a_hello_is_read_from_records_and_pieces_of_any_size() {
    let message = message(&[server_name(b"www.example.com"), post_quantum_key()]);
    assert!(message.len() > 1280);
    for most in [1, 2, 3, 5, 64, 512, 1 << 14] {
        let bytes = records(&message, most);
        for piece in [1, 2, 7, 512, bytes.len()] {
            let mut parser = ClientHelloParser::new();
            let answers: Vec<_> =
                bytes.chunks(piece).map(|piece| parser.push(piece).unwrap()).collect();
            let (last, before) = answers.split_last().unwrap();
            assert!(before.iter().all(|answer| *answer == Hello::Incomplete));
            let Hello::Complete(hello) = last else { panic!("{most} {piece}: {last:?}") };
            assert_eq!(hello.server_name.as_deref(), Some("www.example.com"));
            assert_eq!(parser.into_taken(), bytes);
        }
    }
}

#[test]
fn bytes_behind_the_hello_are_taken_too() {
    let bytes = [&hello_for("a.example")[..], b"\x17\x03\x03\x00\x01x"].concat();
    let mut parser = ClientHelloParser::new();
    assert!(matches!(parser.push(&bytes), Ok(Hello::Complete(_))));
    assert_eq!(parser.into_taken(), bytes);
}

#[test]
fn the_first_byte_that_is_none_of_tls_is_told_at_once() {
    for bytes in [&b"G"[..], b"SSH-2.0", b"\x80\x2e\x01\x03\x01", b"\x16\x02", b"\0"] {
        assert_eq!(parse(bytes), Ok(Hello::NotTls), "{bytes:?}");
    }
    for bytes in [&b""[..], b"\x16", b"\x16\x03"] {
        assert_eq!(parse(bytes), Ok(Hello::Incomplete), "{bytes:?}");
    }
}

#[test]
fn records_that_are_no_handshake_are_refused_as_soon_as_they_can_be() {
    for bytes in [&b"\x16\x03\x01\0\0"[..], b"\x16\x03\x01\x40\x01", b"\x16\x03\x01\xff"] {
        let refused = parse(bytes);
        match bytes.len() {
            5 => assert_eq!(refused, Err(InvalidClientHello::Record), "{bytes:?}"),
            _ => assert_eq!(refused, Ok(Hello::Incomplete), "{bytes:?}"),
        }
    }
    let alert_in_the_middle = [&records(&[1, 0, 0], 3)[..], b"\x15\x03\x03\0\x02\x01\0"].concat();
    assert_eq!(parse(&alert_in_the_middle), Err(InvalidClientHello::Record));
}

#[test]
fn a_handshake_that_begins_with_another_message_is_refused() {
    assert_eq!(parse(&records(&[2, 0, 0, 0], 4)), Err(InvalidClientHello::Message { kind: 2 }));
    assert_eq!(parse(&records(&[14], 1)), Err(InvalidClientHello::Message { kind: 14 }));
}

#[test]
fn a_hello_above_the_limit_is_refused_by_its_announced_length() {
    let limit = HELLO_BYTES_MAX;
    for (announced, is_refused) in [(limit, false), (limit + 1, true), (0x00ff_ffff, true)] {
        let length = u32::try_from(announced).unwrap().to_be_bytes();
        let begun = records(&[1, length[1], length[2], length[3]], 4);
        let expected = InvalidClientHello::TooLong { length: announced, limit };
        match is_refused {
            true => assert_eq!(parse(&begun), Err(expected)),
            false => assert_eq!(parse(&begun), Ok(Hello::Incomplete)),
        }
    }
}

#[test]
fn a_length_that_does_not_fit_is_malformed_wherever_it_is() {
    let whole = message(&[alpn(&[b"h2"]), server_name(b"www.example.com")]);
    for end in 4..whole.len() {
        let bytes = records(&body_message(&whole[4..end]), 1 << 14);
        match parse(&bytes) {
            // Without any extensions it is whole again.
            Ok(Hello::Complete(hello)) => assert_eq!(hello, ClientHello::default(), "{end}"),
            other => assert_eq!(other, Err(InvalidClientHello::Malformed), "{end}"),
        }
    }
    let surplus = body_message(&[&whole[4..], &[0]].concat());
    assert_eq!(parse(&records(&surplus, 1 << 14)), Err(InvalidClientHello::Malformed));
}

#[test]
fn two_names_in_any_form_are_refused_so_that_no_back_end_reads_another_one() {
    let twice = [server_name(b"a.example"), server_name(b"b.example")];
    assert_eq!(parse(&records(&message(&twice), 1 << 14)), Err(InvalidClientHello::Twice));
    let twice = [alpn(&[b"h2"]), alpn(&[b"h3"])];
    assert_eq!(parse(&records(&message(&twice), 1 << 14)), Err(InvalidClientHello::Twice));
    let list = [&b"\0\0\x01a"[..], b"\0\0\x01b"].concat();
    let both = extension(0, &[&[0, 8][..], &list].concat());
    assert_eq!(parse(&records(&message(&[both]), 1 << 14)), Err(InvalidClientHello::Malformed));
    let other_kind = extension(0, &[0, 4, 1, 0, 1, b'a']);
    assert_eq!(
        parse(&records(&message(&[other_kind]), 1 << 14)),
        Err(InvalidClientHello::Malformed)
    );
}

#[test]
fn a_name_that_no_host_has_is_refused() {
    let long = "a".repeat(256);
    for name in ["", ".", "a b", "a\0b", "a\nb", "bücher.ch", "a/b", "[::1]", &long] {
        let bytes = records(&message(&[server_name(name.as_bytes())]), 1 << 14);
        assert_eq!(parse(&bytes), Err(InvalidClientHello::Name), "{name:?}");
    }
    for name in ["localhost", "192.0.2.1", "_dns.example", "xn--bcher-kva.ch", "a-b.example"] {
        assert_eq!(complete(&hello_for(name)).server_name.as_deref(), Some(name));
    }
}
