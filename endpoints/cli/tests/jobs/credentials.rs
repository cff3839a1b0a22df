//! Keys and certificates as files of a directory.
//!
//! Invariant: `ca.pem` vouches for `cert.pem` (localhost, www.example, mail.example) and `client.pem` (client.example).

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// Writes them: `ca.pem`, `cert.pem`, `key.pem`, `server.pem` with both, `client.pem` and `client.key`.
pub(crate) fn write(directory: &Path) {
    let write = |name: &str, text: String| {
        std::fs::write(directory.join(name), text).expect("a file");
    };
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "an authority");
    let key = KeyPair::generate().expect("a key");
    write("ca.pem", params.self_signed(&key).expect("a certificate").pem());
    let issuer = Issuer::new(params, key);
    let signed = |names: &[&str], common_name: &str| {
        let names: Vec<String> = names.iter().map(|name| (*name).into()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name.push(DnType::CommonName, common_name);
        let key = KeyPair::generate().expect("a key");
        (params.signed_by(&key, &issuer).expect("a certificate").pem(), key.serialize_pem())
    };
    let names = ["localhost", "127.0.0.1", "www.example", "mail.example"];
    let (certificate, key) = signed(&names, "localhost");
    write("server.pem", format!("{key}{certificate}"));
    write("cert.pem", certificate);
    write("key.pem", key);
    let (certificate, key) = signed(&["client.example"], "client");
    write("client.pem", certificate);
    write("client.key", key);
}
