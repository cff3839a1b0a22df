//! The reasons of refused certificates in words, with what mends each.
//!
//! Invariant: no name of a library's error is in a text, and text of the peer is escaped.

use interfaces::printable;
use rustls::CertificateError;
use rustls::pki_types::UnixTime;
use webpki::Error as Webpki;

use crate::credentials::{CertificateFacts, Peers, date};

/// The certificate at fault: where the error has a date, the one with this date, and else the peer's own.
pub(super) fn culprit<'a>(
    cause: &CertificateError,
    chain: &'a [Option<CertificateFacts>],
) -> Option<&'a CertificateFacts> {
    let has_date = |facts: &&CertificateFacts| match cause {
        CertificateError::ExpiredContext { not_after, .. } => {
            facts.not_after == seconds(*not_after)
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            facts.not_before == seconds(*not_before)
        }
        _ => true,
    };
    let own = || chain.first().and_then(Option::as_ref);
    chain.iter().flatten().find(has_date).or_else(own)
}

fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// The reason, and the remedy. `shown` is the number of certificates that the peer has shown.
pub(super) fn problem(
    cause: &CertificateError,
    whose: Peers,
    facts: Option<&CertificateFacts>,
    shown: usize,
) -> String {
    use CertificateError as Cause;
    match cause {
        Cause::ExpiredContext { time, not_after } => format!(
            "it has expired on {}, and it is {} here: have it renewed, or set the clock",
            date(seconds(*not_after)),
            date(seconds(*time))
        ),
        Cause::Expired => "its dates are the wrong way round: have it issued again".into(),
        Cause::NotValidYetContext { time, not_before } => format!(
            "it is not valid before {}, and it is {} here: set the clock, or wait",
            date(seconds(*not_before)),
            date(seconds(*time))
        ),
        Cause::NotValidForNameContext { expected, presented } => not_for_name(
            &expected.to_str(),
            presented,
            facts,
        ),
        Cause::UnknownIssuer => unknown_issuer(facts, shown),
        Cause::BadEncoding => "it is damaged, or is no certificate".into(),
        Cause::BadSignature => bad_signature(facts),
        Cause::UnsupportedSignatureAlgorithmContext { .. }
        | Cause::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "it is signed in a way that is not taken, as SHA-1, Ed448, secp256k1 and RSA below 2048 bits \
             are: have it issued again by a key of RSA, P-256 or P-384, with SHA-256"
                .into()
        }
        Cause::UnhandledCriticalExtension => {
            "it has a critical extension that this side does not know".into()
        }
        Cause::InvalidPurposeContext { .. } | Cause::InvalidPurpose => wrong_use(whose),
        Cause::Revoked => "its authority has revoked it".into(),
        Cause::Other(other) => match other.0.downcast_ref::<Webpki>() {
            Some(error) => other_problem(error, whose),
            None => "it does not pass".into(),
        },
        _ => "it does not pass".into(),
    }
}

fn not_for_name(expected: &str, presented: &[String], facts: Option<&CertificateFacts>) -> String {
    let expected = printable(expected.as_bytes()).to_string();
    if presented.is_empty() {
        let has_common_name = facts.is_some_and(|facts| facts.common_name.is_some());
        let lead = if has_common_name { "its common name does not count, and it" } else { "it" };
        return format!(
            "it is not valid for name \"{expected}\": {lead} has no name of a server in it: have it \
             issued with one, as `openssl req -addext subjectAltName=DNS:{expected}` asks for"
        );
    }
    let names: Vec<_> =
        presented.iter().take(NAMES_TOLD_MAX).map(|name| plain_name(name)).collect();
    let more = if presented.len() > names.len() { " and more" } else { "" };
    format!(
        "it is not valid for name \"{expected}\", only for {}{more}: connect by one of its names, or have \
         it issued for this one, too",
        names.join(", ")
    )
}

/// The most names that an error tells.
const NAMES_TOLD_MAX: usize = 8;

/// A name as people write it; the parser gives `DnsName("a.example")`.
fn plain_name(name: &str) -> String {
    let inner = name.split_once("(\"").and_then(|(_, rest)| rest.strip_suffix("\")"));
    let inner = inner.or_else(|| name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')));
    format!("`{}`", printable(inner.unwrap_or(name).as_bytes()))
}

fn unknown_issuer(facts: Option<&CertificateFacts>, shown: usize) -> String {
    let Some(facts) = facts else { return "its authority is not trusted here".into() };
    let issuer = printable(facts.issuer.as_bytes());
    if facts.is_self_issued() {
        return "it is signed by itself, and is not among the trusted certificates: give it as one of them, \
                if it is the right one"
            .into();
    }
    let sent = match shown {
        0 | 1 => {
            "the peer sent no further certificate: have it send the whole chain, or trust its authority"
        }
        _ => "the peer's chain leads to no trusted authority: trust the one at its end",
    };
    format!("its authority `{issuer}` is not trusted here, and {sent}")
}

/// Mostly an authority that was made anew under its old name.
fn bad_signature(facts: Option<&CertificateFacts>) -> String {
    let issuer = facts.map_or("", |facts| facts.issuer.as_str());
    let issuer = printable(issuer.as_bytes());
    format!(
        "an authority `{issuer}` is known here, and the signature is not of its key: trust the certificate \
         whose key has signed, which may be a newer one of the same name"
    )
}

fn wrong_use(whose: Peers) -> String {
    let purpose = match whose {
        Peers::Servers => "serverAuth",
        Peers::Clients => "clientAuth",
    };
    format!(
        "it, or an authority above it, is for other uses (extendedKeyUsage): have it issued with `{purpose}`"
    )
}

/// The errors of webpki that rustls passes on as they are.
fn other_problem(error: &Webpki, whose: Peers) -> String {
    match error {
        Webpki::CaUsedAsEndEntity => {
            "it is an authority's own (CA:TRUE), and not itself among the trusted certificates: give it as \
             one of them, or make one with `-addext basicConstraints=critical,CA:FALSE`"
                .into()
        }
        Webpki::EndEntityUsedAsCa => {
            "a certificate that signed another one of the chain is no authority's (CA:FALSE)".into()
        }
        Webpki::UnsupportedCertVersion => {
            "it is of X.509 version 1, which has no names: have it issued as version 3, with a \
             subjectAltName, as `openssl x509 -req -extfile` does"
                .into()
        }
        Webpki::NameConstraintViolation => {
            "an authority above it may not issue for the names in it (nameConstraints)".into()
        }
        Webpki::PathLenConstraintViolated | Webpki::MaximumPathDepthExceeded => {
            "its chain is longer than an authority of it allows".into()
        }
        Webpki::MaximumSignatureChecksExceeded
        | Webpki::MaximumPathBuildCallsExceeded
        | Webpki::MaximumNameConstraintComparisonsExceeded => {
            "its chain takes too long to verify".into()
        }
        Webpki::RequiredEkuNotFoundContext(_) | Webpki::EmptyEkuExtension => wrong_use(whose),
        _ => "it does not follow the rules of X.509 (RFC 5280): have it issued again".into(),
    }
}
