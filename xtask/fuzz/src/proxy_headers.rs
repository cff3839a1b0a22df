//! Fuzzes `ProxyHeaderParser`: judged alike in one piece and in two, and what is read is encoded and read
//! back as the same.
//!
//! Invariant: the first byte says where the rest is cut; all others are the peer's.

use endpoints::haproxy::{
    Checksum, InvalidProxyHeader, Progress, ProxyHeader, ProxyHeaderParser, ProxyVersion,
};

/// The header and its length, or none yet.
fn parsed(pieces: &[&[u8]]) -> Result<Option<(ProxyHeader, usize)>, InvalidProxyHeader> {
    let (mut parser, mut before) = (ProxyHeaderParser::new(), 0);
    for piece in pieces {
        if let Progress::Complete { header, used } = parser.push(piece)? {
            return Ok(Some((header, before + used)));
        }
        before += piece.len();
    }
    Ok(None)
}

/// Runs one input.
pub(crate) fn run(data: &[u8]) {
    let Some((cut, bytes)) = data.split_first() else { return };
    let at_once = parsed(&[bytes]);
    let (first, second) = bytes.split_at(usize::from(*cut).min(bytes.len()));
    assert_eq!(parsed(&[first, second]).is_ok(), at_once.is_ok());
    if let Ok(whole) = &at_once {
        assert_eq!(parsed(&[first, second]).as_ref(), Ok(whole));
    }
    let bytewise: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(parsed(&bytewise).ok(), at_once.clone().ok());
    let Ok(Some((header, used))) = at_once else { return };
    assert!(used <= bytes.len());
    for (_, value) in header.tlvs.iter() {
        assert!(value.len() < used);
    }
    let _ = header.tlvs.ssl().map(|ssl| (ssl.version(), ssl.common_name(), ssl.cipher()));
    let again = match header.version {
        ProxyVersion::V1 => header.encode_v1(),
        ProxyVersion::V2 => header.encode_v2(Checksum::Absent).expect("what was read fits"),
    };
    let (again, _) = parsed(&[&again]).expect("what is sent is read").expect("whole");
    if header.tlvs.get(3).is_none() {
        // Addresses of mapped IPv6 are told as IPv4.
        assert_eq!(again.tlvs, header.tlvs);
        assert_eq!(again.addresses.is_some(), header.addresses.is_some());
    }
}
