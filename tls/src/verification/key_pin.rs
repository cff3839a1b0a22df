//! [`KeyPin`]: the hash of a public key that a peer has to have.
//!
//! Invariant: a pin stands for the key, so it outlives the renewals of a certificate that keep the key.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use rustls::Error;
use rustls::crypto::CryptoProvider;
use rustls::crypto::hash::Hash;
use rustls::pki_types::CertificateDer;

use super::refusal::CertificateRefusal;
use crate::credentials::{CertificateFacts, Peers};

/// The SHA-256 of a `SubjectPublicKeyInfo`, as curl's `--pinnedpubkey` and RFC 7469 have it: `sha256/` and
/// base64, or 64 hexadecimal digits.
///
/// `openssl x509 -in cert.pem -pubkey -noout | openssl pkey -pubin -outform DER | openssl dgst -sha256`
/// prints the one of a certificate.
///
/// # Examples
///
/// ```
/// use ropewalk_tls::KeyPin;
///
/// let pin: KeyPin = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".parse().unwrap();
/// let same = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".parse();
/// assert_eq!(same, Ok(pin));
/// assert_eq!(pin.to_string(), "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPin([u8; 32]);

/// The keys that a server may have; with none of them it may have any.
#[derive(Debug)]
pub(super) struct Pins(pub(super) Vec<KeyPin>);

impl Pins {
    /// Verifies that the key of a certificate is pinned.
    pub(super) fn verify(
        &self,
        own: &CertificateDer<'_>,
        provider: &CryptoProvider,
    ) -> Result<(), Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        let facts = CertificateFacts::of(own)?;
        match KeyPin::of_facts(&facts, provider) {
            Some(pin) if self.0.contains(&pin) => Ok(()),
            Some(pin) => {
                let problem = format!("its key is {pin}, which is not pinned");
                Err(CertificateRefusal::unwanted(Peers::Servers, facts, problem))
            }
            None => Err(Error::General("the provider of cryptography has no SHA-256".into())),
        }
    }
}

/// A text that is no [`KeyPin`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `sha256/` and 44 characters of base64, or 64 hexadecimal digits")]
pub struct KeyPinError;

impl KeyPin {
    /// The pin of a certificate's key; `None` where the certificate is damaged, or the provider has no SHA-256.
    pub fn of(certificate: &CertificateDer<'_>, provider: &CryptoProvider) -> Option<Self> {
        Self::of_facts(&CertificateFacts::of(certificate).ok()?, provider)
    }

    /// The pin of a key whose certificate was read.
    pub(super) fn of_facts(facts: &CertificateFacts, provider: &CryptoProvider) -> Option<Self> {
        let hash = sha256(provider)?.hash(&facts.public_key);
        Some(Self(hash.as_ref().try_into().ok()?))
    }
}

/// The SHA-256 of the provider, which every suite of 128 bits has.
pub(super) fn sha256(provider: &CryptoProvider) -> Option<&'static dyn Hash> {
    use rustls::SupportedCipherSuite::{Tls12, Tls13};
    let hashes = provider.cipher_suites.iter().map(|suite| match suite {
        Tls12(suite) => suite.common.hash_provider,
        Tls13(suite) => suite.common.hash_provider,
    });
    hashes.into_iter().find(|hash| hash.output_len() == 32)
}

impl FromStr for KeyPin {
    type Err = KeyPinError;

    fn from_str(text: &str) -> Result<Self, KeyPinError> {
        let bytes = match text.strip_prefix("sha256/") {
            // curl writes two slashes.
            Some(base64) => {
                let base64 =
                    base64.strip_prefix('/').filter(|rest| rest.len() == 44).unwrap_or(base64);
                BASE64.decode(base64.as_bytes())
            }
            None => HEXLOWER_PERMISSIVE.decode(text.as_bytes()),
        };
        let bytes = bytes.map_err(|_| KeyPinError)?;
        bytes.try_into().map(Self).map_err(|_| KeyPinError)
    }
}

impl fmt::Display for KeyPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256/{}", BASE64.encode(&self.0))
    }
}
