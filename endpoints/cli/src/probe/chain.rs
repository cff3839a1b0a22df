//! The certificates of a server, as far as a probe shows them (RFC 5280).
//!
//! Invariant: a certificate that cannot be read has a line, too.

use std::net::IpAddr;

use interfaces::printable;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::findings::ChainLink;

/// A line for each certificate in DER.
pub(super) fn chain(certificates: &[Vec<u8>]) -> Vec<ChainLink> {
    certificates.iter().map(|certificate| link(certificate)).collect()
}

fn link(der: &[u8]) -> ChainLink {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return ChainLink { subject: "(cannot be read)".into(), ..ChainLink::default() };
    };
    let validity = certificate.validity();
    ChainLink {
        subject: printable(&certificate.subject().to_string()).to_string(),
        issuer: printable(&certificate.issuer().to_string()).to_string(),
        names: names(&certificate),
        not_before: validity.not_before.timestamp(),
        not_after: validity.not_after.timestamp(),
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(printable(name).to_string()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    };
    names.value.general_names.iter().filter_map(name).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}
