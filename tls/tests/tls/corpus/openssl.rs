//! OpenSSL's command line.
//!
//! Invariant: every process ends: it has no terminal to ask for a passphrase at, and at most 20 seconds.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use testkit::find_peer;

/// `openssl`, with a directory to work in.
pub(super) struct Openssl {
    directory: PathBuf,
}

impl Openssl {
    /// Works in the directory; `None`, with a printed reason, where there is no OpenSSL.
    pub(super) fn new(directory: PathBuf) -> Option<Self> {
        find_peer("openssl").map(|_| Self { directory })
    }

    fn command(&self) -> Command {
        // Without a terminal it cannot ask for a passphrase.
        let mut command = Command::new("setsid");
        command
            .args(["-w", "timeout", "20", "openssl"])
            .current_dir(&self.directory)
            .stdin(Stdio::null());
        command
    }

    /// Its standard output for these arguments, which have to be right.
    pub(super) fn run(&self, arguments: &str) -> Vec<u8> {
        let output = self.command().args(arguments.split_whitespace()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}: {told}");
        output.stdout
    }

    /// As [`run`](Self::run), for text.
    pub(super) fn text(&self, arguments: &str) -> String {
        String::from_utf8(self.run(arguments)).unwrap()
    }

    /// Writes a file into the directory.
    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.directory.join(name), content).unwrap();
    }

    /// Whether a server takes the file as its certificate and key (`SSL_CTX_use_certificate_chain_file`, as
    /// nginx has it), and how many certificates it sends.
    pub(super) fn served(&self, file: &Path) -> String {
        let file = file.display();
        self.write(
            "own.cnf",
            format!(
                "openssl_conf=init\n[init]\nssl_conf=ssl\n[ssl]\nown=own\n[own]\nCertificate={file}\n\
                 PrivateKey={file}\n"
            ),
        );
        let mut server = self
            .command()
            .env("OPENSSL_CONF", self.directory.join("own.cnf"))
            .args(["s_server", "-accept", "127.0.0.1:0", "-nocert", "-ssl_config", "own"])
            .args(["-naccept", "1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Where it asks for a passphrase, once for each form that a key may have, these are some; as data they go
        // to the client.
        server.stdin.as_mut().unwrap().write_all(&b"wrong passphrase\n".repeat(20)).unwrap();
        let lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok);
        let address = lines.find_map(|line| line.strip_prefix("ACCEPT ").map(str::to_owned));
        let verdict = match address {
            Some(address) => {
                let mut client = self.command();
                client.args(["s_client", "-showcerts", "-connect", &address]);
                let output = client.output().unwrap();
                let shown = String::from_utf8_lossy(&output.stdout);
                format!("sends {}", shown.matches("-----BEGIN CERTIFICATE-----").count())
            }
            None => "refused".to_owned(),
        };
        // A server ends at the end of its input, which is closed here.
        server.wait().unwrap();
        verdict
    }

    /// Which of the servers a client trusts that has this file or directory, as curl has it.
    pub(super) fn trusted(&self, place: &Path, servers: &[(&'static str, String)]) -> String {
        let mut trusted = Vec::new();
        for (name, own) in servers {
            self.write("own.pem", own);
            let option = if place.is_dir() { "-CApath" } else { "-CAfile" };
            let mut command = self.command();
            command.args(["verify", "-partial_chain", "-purpose", "sslserver", option]).arg(place);
            // Without the system's store.
            command.args(["-no-CAstore", if place.is_dir() { "-no-CAfile" } else { "-no-CApath" }]);
            if command.arg("own.pem").output().unwrap().status.success() {
                trusted.push(*name);
            }
        }
        if trusted.is_empty() {
            "refused".into()
        } else {
            format!("trusts {}", trusted.join(" and "))
        }
    }

    /// What the command makes of standard input.
    pub(super) fn filter(&self, arguments: &str, input: &str) -> Vec<u8> {
        let mut command = self.command();
        command.args(arguments.split_whitespace()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap().stdout
    }
}
