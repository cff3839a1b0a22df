//! Keys whose limit of encrypted records (RFC 8446 section 5.5) is low.

use std::sync::Arc;

use rustls::crypto::{CipherSuiteCommon, CryptoProvider};
use rustls::{
    ServerConfig, SupportedCipherSuite, SupportedProtocolVersion, Tls12CipherSuite,
    Tls13CipherSuite,
};

use crate::certificates::{Authority, chosen, provider};
use crate::talk::{NAME, Talk, tls_error};
use crate::tls::TlsError;

/// How many records a key may encrypt.
const RECORDS_MAX: u64 = 8;

fn limited(common: &CipherSuiteCommon) -> CipherSuiteCommon {
    let CipherSuiteCommon { suite, hash_provider, .. } = *common;
    CipherSuiteCommon { suite, hash_provider, confidentiality_limit: RECORDS_MAX }
}

/// A provider with one suite for each version, whose keys are used up soon.
fn provider_of_limited_suites() -> Arc<CryptoProvider> {
    let suites = [
        chosen::cipher_suite::TLS13_AES_128_GCM_SHA256,
        chosen::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ];
    let cipher_suites = suites.map(|suite| match suite {
        SupportedCipherSuite::Tls13(suite) => {
            let common = limited(&suite.common);
            let Tls13CipherSuite { hkdf_provider, aead_alg, quic, .. } = *suite;
            let suite = Tls13CipherSuite { common, hkdf_provider, aead_alg, quic };
            SupportedCipherSuite::Tls13(Box::leak(Box::new(suite)))
        }
        SupportedCipherSuite::Tls12(suite) => {
            let common = limited(&suite.common);
            let Tls12CipherSuite { prf_provider, kx, sign, aead_alg, .. } = *suite;
            let suite = Tls12CipherSuite { common, prf_provider, kx, sign, aead_alg };
            SupportedCipherSuite::Tls12(Box::leak(Box::new(suite)))
        }
    });
    Arc::new(CryptoProvider { cipher_suites: cipher_suites.to_vec(), ..(*provider()).clone() })
}

fn talk(version: &'static SupportedProtocolVersion) -> Talk {
    let authority = Authority::new();
    let identity = authority.identity(NAME);
    let server = ServerConfig::builder_with_provider(provider_of_limited_suites())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate.clone()], identity.key_der())
        .unwrap();
    Talk::between(authority.client(version), server)
}

#[test]
fn keys_are_renewed_as_often_as_needed_and_the_peer_follows() {
    let talking = talk(&rustls::version::TLS13).run();
    let mut expected = Vec::new();
    for number in 0..100u8 {
        talking.server_handle().write(&[number; 100]);
        talking.client_handle().write(&[number; 50]);
        talking.flush();
        expected.extend([number; 100]);
        assert_eq!(talking.client.received(), expected, "{:?}", talking.client.lost());
    }
    assert_eq!(talking.server.received().len(), 5000);
    talking.server_handle().lose_connection();
    talking.flush();
    assert!(talking.client.lost().unwrap().is_clean());
    assert!(talking.server.lost().unwrap().is_clean());
}

#[test]
fn a_write_that_cannot_be_encrypted_costs_its_connection_and_the_writer_is_told_by_its_reason() {
    let talking = talk(&rustls::version::TLS12).run();
    for _ in 0..2 * RECORDS_MAX {
        talking.server_handle().write(b"a record");
    }
    assert!(talking.server.lost().is_none(), "not inside a write");
    talking.flush();
    let error = tls_error(&talking.server.lost().expect("it ended"));
    assert_eq!(error, TlsError::KeysUsedUp);
    assert!(!talking.client.lost().expect("it ended").is_clean(), "not all bytes came");
    let received = talking.client.received().len() / 8;
    assert!((1..RECORDS_MAX as usize).contains(&received), "{received}");
    assert_eq!(talking.clock.pending(), 0);
}
