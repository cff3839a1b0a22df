//! Certificates that are refused, each for one fault, with the alert and the words that it gets.
//!
//! Invariant: but for its fault each would be taken.

use std::fs;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, NameConstraints, date_time_ymd,
};

/// The name in a certificate without a fault.
pub(crate) const HOST: &str = "right.example";

/// The side that shows the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    Server,
    Client,
}

/// The fault of a certificate.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Expired,
    NotYetValid,
    WrongName,
    SelfSigned,
    WrongUse,
    UnknownAuthority,
    NameConstraints,
}

pub(crate) const FAULTS: [Fault; 7] = [
    Fault::Expired,
    Fault::NotYetValid,
    Fault::WrongName,
    Fault::SelfSigned,
    Fault::WrongUse,
    Fault::UnknownAuthority,
    Fault::NameConstraints,
];

/// A certificate with its key in a file, and its refusal by a side that trusts another file.
pub(crate) struct Refused {
    pub(crate) trusted: String,
    pub(crate) pair: String,
    /// RFC 8446 section 6.2.
    pub(crate) alert: u8,
    pub(crate) words: &'static str,
}

impl Fault {
    /// Makes the files in this directory.
    pub(crate) fn of(self, whose: Whose, directory: &Path) -> Refused {
        let write = |name: &str, text: String| {
            let path = directory.join(name);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (ours, pem) = self.authority("the authority");
        let (other, _) = self.authority("another authority");
        let (params, key) = (self.params(whose), KeyPair::generate().unwrap());
        let certificate = match self {
            Self::SelfSigned => params.self_signed(&key),
            Self::UnknownAuthority => params.signed_by(&key, &other),
            _ => params.signed_by(&key, &ours),
        };
        let pair = key.serialize_pem() + &certificate.unwrap().pem();
        let (alert, words) = self.refusal(whose);
        Refused { trusted: write("trusted.pem", pem), pair: write("pair.pem", pair), alert, words }
    }

    fn authority(self, name: &str) -> (Issuer<'static, KeyPair>, String) {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        if matches!(self, Self::NameConstraints) {
            let permitted_subtrees = vec![GeneralSubtree::DnsName("wrong.example".into())];
            let excluded_subtrees = Vec::new();
            params.name_constraints =
                Some(NameConstraints { permitted_subtrees, excluded_subtrees });
        }
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        (Issuer::new(params, key), pem)
    }

    fn params(self, whose: Whose) -> CertificateParams {
        let name = if matches!(self, Self::WrongName) { "wrong.example" } else { HOST };
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "refused");
        let uses = [ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let [of_servers, of_clients] = uses;
        let is_wrong = matches!(self, Self::WrongUse);
        params.extended_key_usages = match (whose == Whose::Server) != is_wrong {
            true => vec![of_servers],
            false => vec![of_clients],
        };
        match self {
            Self::Expired => {
                params.not_before = date_time_ymd(2001, 1, 1);
                params.not_after = date_time_ymd(2002, 1, 1);
            }
            Self::NotYetValid => {
                params.not_before = date_time_ymd(4000, 2, 3);
                params.not_after = date_time_ymd(4001, 2, 3);
            }
            _ => {}
        }
        params
    }

    fn refusal(self, whose: Whose) -> (u8, &'static str) {
        match (self, whose) {
            (Self::Expired, _) => (45, "it has expired on 2002-01-01 00:00:00 UTC, and it is 20"),
            (Self::NotYetValid, _) => (45, "it is not valid before 4000-02-03 00:00:00 UTC"),
            (Self::WrongName, Whose::Server) => {
                (42, "it is not valid for name \"right.example\", only for `wrong.example`")
            }
            (Self::WrongName, Whose::Client) => {
                (49, "none of its names, nor its key, is one of those that are let in")
            }
            (Self::SelfSigned, _) => {
                (48, "it is signed by itself, and is not among the trusted certificates")
            }
            (Self::WrongUse, Whose::Server) => (43, "have it issued with `serverAuth`"),
            (Self::WrongUse, Whose::Client) => (43, "have it issued with `clientAuth`"),
            (Self::UnknownAuthority, _) => {
                (48, "its authority `CN=another authority` is not trusted here")
            }
            (Self::NameConstraints, _) => {
                (46, "an authority above it may not issue for the names in it (nameConstraints)")
            }
        }
    }
}
