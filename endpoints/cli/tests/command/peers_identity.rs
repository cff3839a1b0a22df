//! Clients that show certificates: what the log and the server behind are told of them.

use std::path::{Path, PathBuf};

use endpoints::haproxy::SslTlv;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use testkit::find_peer;

use crate::certificates::Certificate;
use crate::proxied::{Back, Daemon, curl};
use crate::running::{Running, run};

/// The files of an authority, and of a client of it.
struct Client {
    directory: TempDir,
}

impl Client {
    fn new(common_name: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "clients");
        let key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let mut params = CertificateParams::new(["client.example".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        let key = KeyPair::generate().unwrap();
        let own = params.signed_by(&key, &issuer).unwrap();
        let write = |name: &str, text: String| {
            std::fs::write(directory.path().join(name), text).unwrap();
        };
        write("authority", authority.pem());
        write("own", own.pem());
        write("key", key.serialize_pem());
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A relay with these options that takes clients of the authority alone.
    fn relay(&self, certificate: &Certificate, options: &str, to: &str) -> Running {
        let authority = self.path("authority");
        let listen = format!("{}:clientCA={}{options}", certificate.server(), authority.display());
        Running::ropewalk(&["relay", &listen, to])
    }

    /// The answer to a request for `localhost` at this address.
    fn request(&self, certificate: &Certificate, address: &str) -> (Option<i32>, String) {
        let (_, port) = address.rsplit_once(':').unwrap();
        let resolve = format!("localhost:{port}:127.0.0.1");
        let url = format!("https://localhost:{port}/");
        let files = [certificate.certificate(), self.path("own"), self.path("key")];
        let [roots, own, key] = files.each_ref().map(|path| path.to_str().unwrap());
        curl(&["--cacert", roots, "--cert", own, "--key", key, "--resolve", &resolve, &url])
    }
}

/// The SHA-256 of a certificate as OpenSSL has it, in lower case and without its colons.
fn fingerprint(certificate: &Path) -> String {
    let mut command = find_peer("openssl").unwrap();
    command.args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]).arg(certificate);
    let output = String::from_utf8(run(command, "").output).unwrap();
    let (_, digits) = output.trim().split_once('=').unwrap();
    digits.replace(':', "").to_ascii_lowercase()
}

#[test]
fn the_log_and_the_header_for_the_server_behind_tell_who_the_client_is() {
    if find_peer("curl").is_none() || find_peer("openssl").is_none() {
        return;
    }
    let (back, certificate, client) = (Back::new(), Certificate::new(), Client::new("bob"));
    let to = format!("haproxy:crc32c=1:tcp:{}", back.address);
    let mut relay = client.relay(&certificate, ":alpn=http/1.1", &to);
    let address = relay.listening();
    assert_eq!(client.request(&certificate, &address), (Some(0), "ok".into()));
    let header = back.header();
    let source = header.addresses.unwrap().source;
    assert_eq!(header.tlvs.authority(), Some("localhost"));
    assert_eq!(header.tlvs.alpn(), Some(&b"http/1.1"[..]));
    let ssl = header.tlvs.ssl().unwrap();
    let showed = SslTlv::CLIENT_SSL | SslTlv::CLIENT_CERT_CONN | SslTlv::CLIENT_CERT_SESS;
    assert_eq!((ssl.client, ssl.is_verified()), (showed, true));
    assert_eq!((ssl.version(), ssl.common_name()), (Some("TLSv1.3"), Some("bob")));
    let ended = relay.terminate();
    let line = format!(
        "client {source} is CN `bob`, DNS `client.example`, sha256:{}\n",
        fingerprint(&client.path("own"))
    );
    assert_eq!(ended.errors, line);
}

#[test]
fn haproxy_reads_the_server_name_that_a_relay_tells() {
    if find_peer("curl").is_none() || find_peer("haproxy").is_none() {
        return;
    }
    let (certificate, client) = (Certificate::new(), Client::new("bob"));
    let haproxy = Daemon::haproxy(|_| {
        let told = r#"http-request return status 200 content-type text/plain lf-string "%[fc_pp_authority] %[src]""#;
        format!("frontend front\n mode http\n bind fd@3 accept-proxy\n {told}\n")
    });
    let to = format!("haproxy:crc32c=1:tcp:{}", haproxy.address);
    let mut relay = client.relay(&certificate, "", &to);
    let address = relay.listening();
    let answer = client.request(&certificate, &address);
    assert_eq!(answer, (Some(0), "localhost 127.0.0.1".into()));
    assert_eq!(relay.terminate().code, Some(0));
}
