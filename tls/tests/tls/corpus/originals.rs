//! The keys and certificates that the rows are made of, by OpenSSL.
//!
//! Invariant: all of them are made in the directory of one test.

use super::openssl::Openssl;
use crate::machine::Files;

/// Keys and certificates in PEM.
pub(super) struct Originals {
    pub(super) openssl: Openssl,
    pub(super) files: Files,
    /// Two authorities, and one below the first.
    pub(super) ca: String,
    pub(super) other: String,
    pub(super) mid: String,
    /// A server of `mid`, with its key (P-256, PKCS#8).
    pub(super) leaf: String,
    pub(super) key: String,
    /// For each authority's name a server of it: its certificate and key.
    pub(super) servers: Vec<(&'static str, String)>,
}

const EC: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";

impl Originals {
    pub(super) fn new() -> Option<Self> {
        let files = Files::new();
        let openssl = Openssl::new(files.place(""))?;
        let read = |name: &str| std::fs::read_to_string(files.place(name)).unwrap();
        for (name, subject) in [("ca", "ca"), ("other", "other")] {
            openssl.run(&format!(
                "req -x509 {EC} -days 30 -subj /CN={subject} -keyout {name}.key -out {name}.pem \
                 -addext basicConstraints=critical,CA:TRUE"
            ));
        }
        openssl.write("mid.ext", "basicConstraints=critical,CA:TRUE\n");
        openssl.write("leaf.ext", "subjectAltName=DNS:a.example\nbasicConstraints=CA:FALSE\n");
        issue(&openssl, "mid", "ca", "mid.ext");
        for (name, authority) in [("leaf", "mid"), ("of-ca", "ca"), ("of-other", "other")] {
            issue(&openssl, name, authority, "leaf.ext");
        }
        let servers = ["ca", "other"]
            .map(|name| (name, read(&format!("of-{name}.pem")) + &read(&format!("of-{name}.key"))));
        let [ca, other, mid, leaf, key] =
            ["ca.pem", "other.pem", "mid.pem", "leaf.pem", "leaf.key"].map(read);
        Some(Self { openssl, ca, other, mid, leaf, key, servers: servers.into(), files })
    }

    /// A self-signed certificate for a new key of this kind, behind the key.
    pub(super) fn own(&self, newkey: &str) -> String {
        self.openssl.run(&format!(
            "req -x509 -newkey {newkey} -nodes -days 30 -subj /CN=a.example -keyout own.key -out own.crt \
             -addext subjectAltName=DNS:a.example -addext basicConstraints=critical,CA:FALSE"
        ));
        self.read("own.key") + &self.read("own.crt")
    }

    pub(super) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.files.place(name)).unwrap()
    }
}

fn issue(openssl: &Openssl, name: &str, authority: &str, extensions: &str) {
    openssl.run(&format!("req {EC} -subj /CN={name} -keyout {name}.key -out {name}.csr"));
    openssl.run(&format!(
        "x509 -req -in {name}.csr -CA {authority}.pem -CAkey {authority}.key -CAcreateserial -days 30 \
         -extfile {extensions} -out {name}.pem"
    ));
}
