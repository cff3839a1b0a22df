//! [`CertificateNames`]: the issuer, subject, public key and DNS names of a certificate.
//!
//! rustls-webpki reads them, as it does in handshakes. It takes X.509 version 3 only: a certificate
//! of version 1 has no DNS names and is an error here. Invariant: nothing is verified here.

use rustls::pki_types::CertificateDer;
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error};
use webpki::EndEntityCert;

/// The names of one certificate, and the key that they are for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CertificateNames {
    /// In DER.
    pub(super) issuer: Vec<u8>,
    /// In DER.
    pub(super) subject: Vec<u8>,
    /// In DER.
    pub(super) public_key: Vec<u8>,
    /// In lower case.
    pub(super) dns_names: Vec<String>,
}

impl CertificateNames {
    /// Reads a certificate.
    ///
    /// # Errors
    ///
    /// The error of rustls, as in a handshake.
    pub(super) fn of(der: &CertificateDer<'_>) -> Result<Self, Error> {
        // This is webpki's parser, too, with its errors in the words of rustls.
        let public_key = ParsedCertificate::try_from(der)?.subject_public_key_info().to_vec();
        let certificate = EndEntityCert::try_from(der)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        Ok(Self {
            issuer: certificate.issuer().to_vec(),
            subject: certificate.subject().to_vec(),
            public_key,
            dns_names: certificate.valid_dns_names().map(str::to_ascii_lowercase).collect(),
        })
    }

    /// Whether it is its own issuer, as roots are.
    pub(super) fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_issuer_and_subject_are_read() {
        let names = ["A.example".to_owned(), "*.wild.example".to_owned(), "10.0.0.1".to_owned()];
        let own = rcgen::generate_simple_self_signed(names).unwrap();
        let names = CertificateNames::of(own.cert.der()).unwrap();
        assert_eq!(names.dns_names, ["a.example", "*.wild.example"]);
        assert!(names.is_self_issued() && !names.subject.is_empty());
    }

    #[test]
    fn no_part_of_a_certificate_and_no_damage_makes_it_panic() {
        let own = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        let der = own.cert.der().to_vec();
        for end in 0..der.len() {
            assert!(CertificateNames::of(&der[..end].into()).is_err());
        }
        for place in 0..der.len() {
            for byte in [0, 0x30, 0x7f, 0x81, 0x82, 0xff] {
                let mut damaged = der.clone();
                damaged[place] = byte;
                let _ = CertificateNames::of(&damaged.into());
            }
        }
    }
}
