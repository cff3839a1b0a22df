//! [`TlsError`]: the failures of a TLS stream that `rustls::Error` does not have, and of handshakes.
//!
//! Invariant: bytes of the peer are shown escaped.

use deferred::Failure;
use interfaces::OsError;
use rustls::{AlertDescription, Error, PeerIncompatible};

use crate::CertificateRefusal;
use crate::verification::took;

/// Why a TLS session failed. It is the cause within [`Reason::Tls`](interfaces::Reason::Tls).
///
/// A connection whose handshake was not completed ends with one that
/// [`is_in_handshake`](Self::is_in_handshake), or with
/// [`Deadline::Handshake`](interfaces::Deadline::Handshake), unless this side ended it or the
/// configuration is at fault.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The first bytes are not a TLS record: a plain HTTP request, another protocol, garbage.
    #[error("the peer does not speak tls: it began with \"{}\"", .began_with.escape_ascii())]
    NotTls {
        /// The first line of the bytes that arrived together, at most 40 of them.
        began_with: Vec<u8>,
        /// The error of rustls.
        #[source]
        source: rustls::Error,
    },
    /// The handshake failed in rustls.
    #[error("{}", told(source))]
    Handshake {
        /// The error of rustls.
        #[source]
        source: rustls::Error,
    },
    /// This side refused the certificate of the peer.
    #[error("{refusal}")]
    Refused {
        /// The certificate, and why.
        refusal: Box<CertificateRefusal>,
        /// The error of rustls, which decided the alert. `refusal` says the same for people.
        error: Error,
    },
    /// The connection ended in order before the handshake was done, as port scans and health checks
    /// have it.
    #[error("the peer closed the connection before the tls handshake was done")]
    ClosedInHandshake,
    /// The connection broke before the handshake was done.
    #[error("the connection was lost before the tls handshake was done")]
    LostInHandshake {
        /// The error of the system.
        #[source]
        source: OsError,
    },
    /// The peer sent `close_notify` while the handshake was still running.
    #[error("the peer ended the tls session in the middle of the handshake")]
    EndedInHandshake,
    /// The peer's handshake messages need more memory than is allowed.
    #[error("the peer's tls handshake needs more than {limit} bytes at a time")]
    HandshakeTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// This was the oldest of more handshakes than may run at a time.
    #[error("the tls handshake was given up as the oldest of more than {limit} at a time")]
    TooManyHandshakes {
        /// [`TlsOptions::handshakes_max`](crate::TlsOptions::handshakes_max).
        limit: usize,
    },
    /// The connection may not encrypt more under its keys (RFC 8446 section 5.5).
    #[error("the keys of the tls session are used up")]
    KeysUsedUp,
    /// The session neither takes nor makes bytes, which would loop for ever.
    #[error("the tls session makes no progress")]
    NoProgress,
}

impl TlsError {
    /// Whether the handshake was not completed because of this.
    pub fn is_in_handshake(&self) -> bool {
        match self {
            Self::NotTls { .. }
            | Self::Handshake { .. }
            | Self::Refused { .. }
            | Self::ClosedInHandshake
            | Self::LostInHandshake { .. }
            | Self::EndedInHandshake
            | Self::TooManyHandshakes { .. }
            | Self::HandshakeTooLarge { .. } => true,
            Self::KeysUsedUp | Self::NoProgress => false,
        }
    }

    fn of_handshake(source: Error) -> Self {
        match took(&source) {
            Some(refusal) => Self::Refused { refusal: Box::new(refusal), error: source },
            None => Self::Handshake { source },
        }
    }

    /// The failure of a session that is in its handshake.
    pub(crate) fn in_handshake(failure: Failure) -> Failure {
        match failure.downcast_ref::<Error>() {
            Some(source) => Failure::new(Self::of_handshake(source.clone())),
            None => failure,
        }
    }
}

/// Whether it is the one error of rustls where a resolver has no certificate.
pub(crate) fn has_no_certificate(error: &Error) -> bool {
    matches!(error, Error::General(text) if text == "no server certificate chain resolved")
}

/// The attempt that failed, what it failed with, and where one is known the remedy.
fn told(error: &Error) -> &'static str {
    match error {
        Error::AlertReceived(alert) => told_by_alert(*alert),
        Error::PeerIncompatible(why) => told_by_offer(why),
        Error::InvalidCertificate(_) => "the certificate of the peer was refused",
        Error::NoCertificatesPresented => "the peer has to show a certificate, and showed none",
        Error::NoApplicationProtocol => {
            "the peer offers no application protocol (ALPN) that this side has"
        }
        error if has_no_certificate(error) => {
            "the peer asked for a server name that no certificate here is for"
        }
        Error::InvalidMessage(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::PeerMisbehaved(_)
        | Error::PeerSentOversizedRecord
        | Error::DecryptError => "the peer broke the rules of the tls handshake",
        _ => "the tls handshake failed",
    }
}

/// The peer ended the handshake.
fn told_by_alert(alert: AlertDescription) -> &'static str {
    use AlertDescription as Alert;
    match alert {
        Alert::UnknownCA => {
            "the peer does not trust the authority of our certificate: give the peer that \
             authority, or send the whole chain"
        }
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown => {
            "the peer refused our certificate: see that it is valid, for the name that the peer \
             uses, and of an authority that the peer trusts"
        }
        Alert::CertificateRequired | Alert::NoCertificate => {
            "the peer demands a certificate of this side: give one with its key"
        }
        Alert::ProtocolVersion => "the peer takes no version of tls that this side offers",
        Alert::HandshakeFailure | Alert::InsufficientSecurity => {
            "the peer found no common version, cipher suite, key exchange or signature"
        }
        Alert::UnrecognisedName | Alert::AccessDenied => {
            "the peer refused the handshake: it may have no certificate for this server name"
        }
        Alert::NoApplicationProtocol => {
            "the peer has no application protocol (ALPN) that this side offers"
        }
        _ => "the peer ended the tls handshake with an alert",
    }
}

/// This side has nothing in common with what the peer offers.
fn told_by_offer(why: &PeerIncompatible) -> &'static str {
    match why {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled => {
            "the peer offers no version of tls that this side takes: 1.2 and 1.3, unless limited"
        }
        // Versions before 1.2 do not have this extension, so this is what they are seen by.
        PeerIncompatible::SignatureAlgorithmsExtensionRequired => {
            "the peer offers no version of tls that this side takes, 1.2 and 1.3, or no signature \
             algorithms with it"
        }
        PeerIncompatible::NoCipherSuitesInCommon
        | PeerIncompatible::NoKxGroupsInCommon
        | PeerIncompatible::NoSignatureSchemesInCommon
        | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => {
            "the peer offers no cipher suite, key exchange or signature that this side takes"
        }
        _ => "the peer offers nothing that this side takes",
    }
}
