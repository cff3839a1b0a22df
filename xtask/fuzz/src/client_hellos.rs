//! Fuzzes `ClientHelloParser`: judged alike in one piece, in two and byte by byte, and no byte is lost.
//!
//! Invariant: the first byte says where the rest is cut; all others are the peer's.

use endpoints::sni::{ClientHelloParser, Hello, InvalidClientHello};

/// The answer, and the bytes that were taken until it.
fn parsed(pieces: &[&[u8]]) -> Result<(Hello, Vec<u8>), InvalidClientHello> {
    let mut parser = ClientHelloParser::new();
    for piece in pieces {
        match parser.push(piece)? {
            Hello::Incomplete => {}
            hello => return Ok((hello, parser.into_taken())),
        }
    }
    Ok((Hello::Incomplete, parser.into_taken()))
}

/// Runs one input.
pub(crate) fn run(data: &[u8]) {
    let Some((cut, bytes)) = data.split_first() else { return };
    let at_once = parsed(&[bytes]);
    let (first, second) = bytes.split_at(usize::from(*cut).min(bytes.len()));
    let bytewise: Vec<&[u8]> = bytes.chunks(1).collect();
    for pieces in [&[first, second][..], &bytewise] {
        let in_pieces = parsed(pieces);
        match (&at_once, &in_pieces) {
            (Ok((whole, _)), Ok((hello, taken))) => {
                assert_eq!(whole, hello);
                assert!(bytes.starts_with(taken));
            }
            (whole, pieces) => assert_eq!(whole.as_ref().err(), pieces.as_ref().err()),
        }
    }
    if let Ok((Hello::Complete(hello), taken)) = at_once {
        assert_eq!(taken, bytes);
        if let Some(name) = hello.server_name {
            assert!(name.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()));
        }
    }
}
