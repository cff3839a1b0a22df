//! The servers that a client trusts: roots from files, or any certificate.
//!
//! Invariant: a store without roots, which trusts no server, is an error.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::{CredentialsError, Named};

/// The certificates in the `.pem` files of a directory. Files that cannot be read or are no
/// certificates are skipped, as in Twisted; doubles count once.
pub(crate) fn roots_of(directory: &Named) -> Result<RootCertStore, CredentialsError> {
    let mut roots = RootCertStore::empty();
    let mut seen: Vec<CertificateDer<'static>> = Vec::new();
    for file in directory.pem_files()? {
        let Ok(content) = file.read() else { continue };
        for certificate in content.certificates {
            if !seen.contains(&certificate) {
                // A certificate that cannot be a root is skipped, too.
                let _ = roots.add(certificate.clone());
                seen.push(certificate);
            }
        }
    }
    if roots.is_empty() {
        let Named { argument, path } = directory.clone();
        return Err(CredentialsError::NoCertificates { argument, path });
    }
    Ok(roots)
}

/// Accepts any certificate, for `verify=danger-none`. The peer still has to have the key of the
/// certificate that it shows.
#[derive(Debug)]
pub(crate) struct AnyCertificate(pub(crate) Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
