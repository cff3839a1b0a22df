//! [`CertificateFacts`]: the subject, dates, names and key of a certificate of any version.
//!
//! Invariant: nothing is verified here, and text of the certificate is escaped where it is shown.

use std::fmt;
use std::net::IpAddr;

use interfaces::printable;
use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, Error};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Name;

/// A certificate as people speak of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateFacts {
    /// The subject, such as `CN=a.example, O=Example`.
    pub subject: String,
    /// The issuer, likewise.
    pub issuer: String,
    /// The first common name of the subject.
    pub common_name: Option<String>,
    /// The first second of its life, in UNIX time.
    pub not_before: i64,
    /// The last one.
    pub not_after: i64,
    /// The version of X.509: 1, 2 or 3.
    pub version: u32,
    /// It is an authority's (`basicConstraints` with `CA:TRUE`).
    pub is_authority: bool,
    /// The DNS names that it is for, in lower case.
    pub dns_names: Vec<String>,
    /// The addresses that it is for.
    pub ip_addresses: Vec<IpAddr>,
    /// The URIs that it is for.
    pub uris: Vec<String>,
    /// The public key, as its `SubjectPublicKeyInfo` in DER.
    pub public_key: Vec<u8>,
    /// The subject in DER.
    pub subject_der: Vec<u8>,
    /// The issuer in DER.
    pub issuer_der: Vec<u8>,
    /// The uses that it is limited to, if it is limited.
    pub(crate) uses: Option<Uses>,
}

/// The extended uses of a key that decide whether TLS takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Uses {
    pub(crate) server: bool,
    pub(crate) client: bool,
}

impl CertificateFacts {
    /// Reads a certificate; what follows it is ignored.
    ///
    /// # Errors
    ///
    /// `BadEncoding`, where it is no certificate.
    pub fn of(der: &CertificateDer<'_>) -> Result<Self, Error> {
        let bad = || Error::InvalidCertificate(CertificateError::BadEncoding);
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| bad())?;
        let (dns_names, ip_addresses, uris) = names(&certificate);
        let constraints = certificate.basic_constraints().ok().flatten();
        let uses = certificate.extended_key_usage().ok().flatten().map(|uses| Uses {
            server: uses.value.any || uses.value.server_auth,
            client: uses.value.any || uses.value.client_auth,
        });
        let common_name = certificate.subject().iter_common_name().next();
        Ok(Self {
            subject: shown(certificate.subject()),
            issuer: shown(certificate.issuer()),
            common_name: common_name.and_then(|name| name.as_str().ok()).map(str::to_owned),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
            version: certificate.version().0.saturating_add(1),
            is_authority: constraints.is_some_and(|constraints| constraints.value.ca),
            dns_names,
            ip_addresses,
            uris,
            public_key: certificate.public_key().raw.to_vec(),
            subject_der: certificate.subject().as_raw().to_vec(),
            issuer_der: certificate.issuer().as_raw().to_vec(),
            uses,
        })
    }

    /// Whether it is valid at this second of UNIX time.
    pub fn is_valid_at(&self, second: i64) -> bool {
        (self.not_before..=self.not_after).contains(&second)
    }

    /// Whether it is its own issuer, as roots are.
    pub fn is_self_issued(&self) -> bool {
        self.issuer_der == self.subject_der
    }
}

/// One certificate of several, for a person: `CN=a.example, valid from 2026-01-01 to 2026-03-31`.
impl fmt::Display for CertificateFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (date(self.not_before), date(self.not_after));
        let subject = printable(self.subject.as_bytes());
        match self.subject.is_empty() {
            true => write!(f, "without a subject, valid from {from} to {to}"),
            false => write!(f, "`{subject}`, valid from {from} to {to}"),
        }
    }
}

/// A second of UNIX time as a date and time.
pub(crate) fn date(seconds: i64) -> String {
    match ASN1Time::from_timestamp(seconds) {
        Ok(time) => {
            let time = time.to_datetime();
            let (hour, minute, second) = time.to_hms();
            let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
            format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
        }
        Err(_) => format!("second {seconds}"),
    }
}

/// The first certificate in `der`, and the bytes that follow it.
pub(super) fn split_certificate(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (rest, _) = X509Certificate::from_der(der).ok()?;
    Some(der.split_at(der.len() - rest.len()))
}

/// A name as `openssl x509 -subject` prints it.
fn shown(name: &X509Name<'_>) -> String {
    name.to_string()
}

type Names = (Vec<String>, Vec<IpAddr>, Vec<String>);

fn names(certificate: &X509Certificate<'_>) -> Names {
    let mut names = Names::default();
    let Ok(Some(alternatives)) = certificate.subject_alternative_name() else { return names };
    for name in &alternatives.value.general_names {
        match name {
            GeneralName::DNSName(name) => names.0.push(name.to_ascii_lowercase()),
            GeneralName::IPAddress(address) => names.1.extend(ip_address(address)),
            GeneralName::URI(uri) => names.2.push((*uri).to_owned()),
            _ => {}
        }
    }
    names
}

fn ip_address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_issuer_and_subject_are_read() {
        let names = ["A.example".to_owned(), "*.wild.example".to_owned(), "10.0.0.1".to_owned()];
        let own = rcgen::generate_simple_self_signed(names).unwrap();
        let facts = CertificateFacts::of(own.cert.der()).unwrap();
        assert_eq!(facts.dns_names, ["a.example", "*.wild.example"]);
        assert_eq!(facts.ip_addresses, [IpAddr::from([10, 0, 0, 1])]);
        assert_eq!((facts.version, facts.is_authority), (3, false));
        assert!(facts.is_self_issued() && !facts.subject_der.is_empty());
        assert_eq!(
            facts.to_string(),
            "`CN=rcgen self signed cert`, valid from 1975-01-01 00:00:00 UTC to 4096-01-01 00:00:00 UTC"
        );
    }

    #[test]
    fn no_part_of_a_certificate_and_no_damage_makes_it_panic() {
        let own = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        let der = own.cert.der().to_vec();
        for end in 0..der.len() {
            assert!(CertificateFacts::of(&der[..end].into()).is_err());
        }
        for place in 0..der.len() {
            for byte in [0, 0x30, 0x7f, 0x81, 0x82, 0xff] {
                let mut damaged = der.clone();
                damaged[place] = byte;
                let _ = CertificateFacts::of(&damaged.into()).map(|facts| facts.to_string());
            }
        }
    }
}
