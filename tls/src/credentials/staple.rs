//! OCSP responses that a server staples to its certificate (RFC 6066 section 8), from files.
//!
//! Invariant: a response that is stapled says that it was successful, and names the certificate's serial number.

use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::{CredentialsError, Named};

/// An OCSPResponse with the status `successful` (RFC 6960 section 4.2.1), behind its tag and length.
const SUCCESSFUL: [u8; 3] = [0x0a, 1, 0];
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;

/// Reads the response for a certificate.
///
/// # Errors
///
/// A file that cannot be read, and [`CredentialsError::BadStaple`].
pub(super) fn read_staple(
    file: &Named,
    certificate: &CertificateDer<'_>,
) -> Result<Vec<u8>, CredentialsError> {
    let response = file.bytes()?;
    let problem = if !is_successful(&response) {
        "it is no response, or one that only says why there is none"
    } else if !names_serial(&response, certificate) {
        "it is for another certificate"
    } else {
        return Ok(response);
    };
    let Named { argument, path } = file.clone();
    Err(CredentialsError::BadStaple { argument, path, problem })
}

fn is_successful(response: &[u8]) -> bool {
    let Some((length, content)) = response
        .strip_prefix(&[SEQUENCE])
        .and_then(|rest| rest.split_first())
        .and_then(|(first, rest)| match usize::from(*first) {
            short @ 0..=0x7f => Some((short, rest)),
            long @ 0x81..=0x84 => {
                let (digits, rest) = rest.split_at_checked(long - 0x80)?;
                let length = digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit));
                Some((length, rest))
            }
            _ => None,
        })
    else {
        return false;
    };
    content.len() == length && content.starts_with(&SUCCESSFUL)
}

fn names_serial(response: &[u8], certificate: &CertificateDer<'_>) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return false };
    let serial = certificate.tbs_certificate.raw_serial();
    let Ok(length) = u8::try_from(serial.len()) else { return false };
    let integer = [&[INTEGER, length], serial].concat();
    response.windows(integer.len()).any(|window| window == integer)
}
