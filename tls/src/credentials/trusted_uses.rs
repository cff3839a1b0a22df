//! [`TrustedUses`]: what OpenSSL's `TRUSTED CERTIFICATE` says about its certificate as an authority.
//!
//! The bytes behind the certificate are `CertAux` (x509_vfy of OpenSSL, `openssl x509 -addtrust`). Invariant:
//! what cannot be read limits the certificate to no use.

use x509_parser::asn1_rs::{Any, FromDer as _, Oid, oid};

/// The uses of an authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TrustedUses {
    /// It may vouch for servers.
    pub(super) servers: bool,
    /// It may vouch for clients.
    pub(super) clients: bool,
}

impl Default for TrustedUses {
    /// Without a limit.
    fn default() -> Self {
        Self { servers: true, clients: true }
    }
}

/// `trust SEQUENCE OF OBJECT IDENTIFIER`, the first field, which may be absent.
const TRUST_TAG: u32 = 16;

impl TrustedUses {
    /// Reads the bytes behind the certificate.
    pub(super) fn of(auxiliary: &[u8]) -> Self {
        if auxiliary.is_empty() {
            return Self::default();
        }
        Self::read(auxiliary).unwrap_or(Self { servers: false, clients: false })
    }

    fn read(auxiliary: &[u8]) -> Option<Self> {
        let (_, whole) = Any::from_der(auxiliary).ok()?;
        let (mut rest, mut uses) = (whole.data, Self::default());
        while !rest.is_empty() {
            let (after, field) = Any::from_der(rest).ok()?;
            let is_universal = field.class() == x509_parser::asn1_rs::Class::Universal;
            match (is_universal, field.tag().0) {
                (true, TRUST_TAG) => {
                    let trusted = named(field.data)?;
                    uses.servers &= trusted.servers;
                    uses.clients &= trusted.clients;
                }
                // `reject [0] IMPLICIT SEQUENCE OF OBJECT IDENTIFIER`
                (false, 0) => {
                    let rejected = named(field.data)?;
                    uses.servers &= !rejected.servers;
                    uses.clients &= !rejected.clients;
                }
                // An alias, the key's identifier, and fields without a meaning yet.
                _ => {}
            }
            rest = after;
        }
        Some(uses)
    }
}

/// The uses that a list of object identifiers names.
fn named(mut list: &[u8]) -> Option<TrustedUses> {
    let mut uses = TrustedUses { servers: false, clients: false };
    while !list.is_empty() {
        let (rest, use_) = Oid::from_der(list).ok()?;
        let any = use_ == oid!(2.5.29.37.0);
        uses.servers |= any || use_ == oid!(1.3.6.1.5.5.7.3.1);
        uses.clients |= any || use_ == oid!(1.3.6.1.5.5.7.3.2);
        list = rest;
    }
    Some(uses)
}
