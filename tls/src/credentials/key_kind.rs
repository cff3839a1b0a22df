//! The kinds of private keys that are none of ours, by name, for the error about one.
//!
//! Invariant: no part of a key but the name of its algorithm is looked for.

use rustls::pki_types::PrivateKeyDer;

/// Object identifiers in DER, and what they are called (RFC 8410, SEC 2, RFC 5639, RFC 3279).
const KINDS: [(&[u8], &str); 7] = [
    (&[0x06, 3, 0x2b, 0x65, 0x71], "Ed448"),
    (&[0x06, 3, 0x2b, 0x65, 0x6e], "X25519, which cannot sign"),
    (&[0x06, 3, 0x2b, 0x65, 0x6f], "X448, which cannot sign"),
    (&[0x06, 5, 0x2b, 0x81, 4, 0, 0x0a], "the curve secp256k1"),
    (&[0x06, 9, 0x2b, 0x24, 3, 3, 2, 8, 1, 1], "a Brainpool curve"),
    (&[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1], "DSA"),
    (&[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0a], "RSA for PSS alone"),
];

/// The name of the key's kind, if it is one of those that are not supported. The algorithm is before the
/// key in PKCS#8 (RFC 5958), and the curve may be behind it in SEC 1 (RFC 5915).
pub(super) fn unsupported_kind(key: &PrivateKeyDer<'_>) -> Option<&'static str> {
    let der = key.secret_der();
    let has = |identifier: &[u8]| der.windows(identifier.len()).any(|window| window == identifier);
    KINDS.iter().find(|(identifier, _)| has(identifier)).map(|(_, name)| *name)
}
