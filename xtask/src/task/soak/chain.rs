//! The three relays between the client and the server.
//!
//! Invariant: each relay is ended when the chain is dropped.

use std::cell::RefCell;
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use cargo_metadata::MetadataCommand;

use crate::task::note;

/// How many lines of a relay's standard error are told.
const LINES_TOLD: usize = 10;

pub(super) struct Chain {
    relays: Vec<Relay>,
    address: SocketAddr,
}

/// One relay that runs.
pub(super) struct Relay {
    child: RefCell<Child>,
    name: &'static str,
    errors: PathBuf,
}

impl Chain {
    /// Builds the command, and starts a chain that leads to a UNIX path.
    pub(super) fn start(directory: &Path, server: &Path) -> Result<Self, Box<dyn Error>> {
        let ropewalk = build(Profile::Release)?;
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        let (key, roots) = (directory.join("key"), directory.join("roots"));
        fs::create_dir(&roots)?;
        let certificate = roots.join("certificate.pem");
        fs::write(&key, made.signing_key.serialize_pem())?;
        fs::write(&certificate, made.cert.pem())?;
        let (key, certificate) = (key.display(), certificate.display());
        let listen = "tcp:0:interface=127.0.0.1";
        let start = |name, listen: &str, connect: &str| {
            Relay::start(&ropewalk, directory, name, listen, connect)
        };
        let (last, address) = start("tcp-to-unix", listen, &format!("unix:{}", server.display()))?;
        let secure = format!("ssl:0:interface=127.0.0.1:privateKey={key}:certKey={certificate}");
        let (middle, address) = start("tls-to-tcp", &secure, &format!("tcp:{address}"))?;
        let port = address.port();
        let connect = format!("tls:localhost:{port}:trustRoots={}", roots.display());
        let (first, address) = start("tcp-to-tls", listen, &connect)?;
        Ok(Self { relays: vec![first, middle, last], address })
    }

    /// Where the first relay listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn relays(&self) -> &[Relay] {
        &self.relays
    }

    /// Whether all relays run on.
    pub(super) fn verdict(&self) -> Result<(), String> {
        for relay in &self.relays {
            if let Ok(None) = relay.child.borrow_mut().try_wait() {
                continue;
            }
            let errors = fs::read_to_string(&relay.errors).unwrap_or_default();
            let lines: Vec<&str> = errors.lines().rev().take(LINES_TOLD).collect();
            return Err(format!("{} has ended:\n{}", relay.name, lines.join("\n")));
        }
        Ok(())
    }
}

impl Relay {
    fn start(
        ropewalk: &Path,
        directory: &Path,
        name: &'static str,
        listen: &str,
        connect: &str,
    ) -> Result<(Self, SocketAddr), Box<dyn Error>> {
        let errors = directory.join(name);
        let mut child = Command::new(ropewalk)
            .args(["relay", listen, connect])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&errors)?)
            .spawn()?;
        let output = child.stdout.take();
        let relay = Self { child: RefCell::new(child), name, errors };
        let mut line = String::new();
        if let Some(output) = output {
            BufReader::new(output).read_line(&mut line)?;
        }
        let address = line.trim_end().strip_prefix("listening ").map(str::parse);
        match address {
            Some(Ok(address)) => Ok((relay, address)),
            _ => {
                let errors = fs::read_to_string(&relay.errors)?;
                Err(format!("{name} does not listen: {line}{errors}").into())
            }
        }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.borrow().id()
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // It may have ended by itself.
        let child = self.child.get_mut();
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// How the command is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// With debug assertions.
    Dev,
    Release,
}

/// The path of the built command.
pub(crate) fn build(profile: Profile) -> Result<PathBuf, Box<dyn Error>> {
    note("building the command\n");
    let (folder, flags): (&str, &[&str]) = match profile {
        Profile::Dev => ("debug", &[]),
        Profile::Release => ("release", &["--release"]),
    };
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--package", "ropewalk-cli"])
        .args(flags)
        .arg("--manifest-path")
        .arg(&manifest)
        .status()?;
    if !built.success() {
        return Err(format!("cannot build ropewalk-cli: {built}").into());
    }
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec()?;
    Ok(metadata.target_directory.join(folder).join("ropewalk").into_std_path_buf())
}
