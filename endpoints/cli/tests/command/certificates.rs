//! A key and a certificate for this machine, in files.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

/// A self-signed certificate for `localhost`, `127.0.0.1` and `::1`, and its key.
pub(crate) struct Certificate {
    directory: TempDir,
}

impl Certificate {
    pub(crate) fn new() -> Self {
        Self::until(4000)
    }

    /// It ends with the beginning of this year.
    pub(crate) fn until(year: i32) -> Self {
        let names = ["localhost", "127.0.0.1", "::1"].map(String::from);
        let mut parameters = rcgen::CertificateParams::new(names).unwrap();
        parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("key"), key.serialize_pem()).unwrap();
        // The only file here whose name ends so: the directory is one of trust roots too.
        fs::write(directory.path().join("cert.pem"), certificate.pem()).unwrap();
        Self { directory }
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.directory.path().join("key")
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.directory.path().join("cert.pem")
    }

    /// A directory of trust roots that has this one.
    pub(crate) fn roots(&self) -> String {
        self.directory.path().to_str().unwrap().to_owned()
    }

    /// The server's string on a free port.
    pub(crate) fn server(&self) -> String {
        let (key, certificate) = (self.key(), self.certificate());
        format!(
            "ssl:0:privateKey={}:certKey={}:interface=127.0.0.1",
            key.display(),
            certificate.display()
        )
    }

    /// The client's string for a server that shows this certificate.
    pub(crate) fn client(&self, address: &str) -> String {
        format!("tls:{address}:trustRoots={}", self.roots())
    }
}
