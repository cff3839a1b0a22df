//! The measured programs: their paths, or the reasons why they are missing.
//!
//! Invariant: a peer that cannot be built has a reason, and the others run.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use super::building;
use super::trial::{Peer, Trial};

/// The peers that need only Rust; the others may be missing.
const RUST: [&str; 3] = ["ours", "tokio", "mio"];

/// The built programs.
pub(super) struct Programs {
    /// The directory of the builds.
    pub(super) target: PathBuf,
    /// The directory of the certificate of the TLS servers.
    pub(super) certificate: PathBuf,
    shim: Result<PathBuf, String>,
    servers: BTreeMap<Peer, Result<Vec<PathBuf>, String>>,
    release: PathBuf,
}

impl Programs {
    /// Builds the programs that the trials need.
    pub(super) fn build(trials: &[Trial]) -> Result<Self, Box<dyn Error>> {
        let target = target();
        let release = building::rust(&target.join("bench"))?;
        let mut programs = Self {
            certificate: target.join("bench/certificate"),
            shim: building::shim(&release.join("bench-shim.so")),
            servers: BTreeMap::new(),
            release,
            target,
        };
        let serving = trials.iter().filter(|trial| trial.how.needs_servers());
        for peer in serving.flat_map(|trial| trial.peers) {
            if !programs.servers.contains_key(peer) {
                let server = programs.server_of(peer);
                programs.servers.insert(peer, server);
            }
        }
        building::certificate(&programs.load(), &programs.certificate)?;
        Ok(programs)
    }

    fn server_of(&self, peer: &str) -> Result<Vec<PathBuf>, String> {
        let program = self.release.join(format!("bench-{peer}"));
        match peer {
            "epoll" => building::c("epoll.c", &program, &[])?,
            "libuv" => building::c("libuv.c", &program, &building::libuv()?)?,
            "twisted" => return building::twisted(&self.target.join("bench/twisted")),
            // The same program, with our order of cipher suites.
            "tokio-aes128" => {
                return Ok(vec![self.release.join("bench-tokio"), "--aes-128-first".into()]);
            }
            // The same program, with 2 KiB of state in each protocol.
            "ours-2kib" => {
                return Ok(vec![self.release.join("bench-ours"), "--large-state".into()]);
            }
            peer if RUST.contains(&peer) => {}
            other => return Err(format!("cannot build {other}: it is not a known peer")),
        }
        Ok(vec![program])
    }

    /// The program that loads servers, and pins programs to cores.
    pub(super) fn load(&self) -> PathBuf {
        self.release.join("bench-load")
    }

    /// The program that draws charts.
    pub(super) fn draw(&self) -> PathBuf {
        self.release.join("bench-draw")
    }

    /// The program that measures within one process.
    pub(super) fn micro(&self) -> PathBuf {
        self.release.join("bench-micro")
    }

    /// The library that answers system calls.
    pub(super) fn shim(&self) -> Result<&Path, String> {
        self.shim.as_deref().map_err(Clone::clone)
    }

    /// The command of the peer's server, or the reason why it is missing.
    pub(super) fn server(&self, peer: Peer) -> Result<&[PathBuf], String> {
        match self.servers.get(peer) {
            Some(Ok(words)) => Ok(words),
            Some(Err(reason)) => Err(reason.clone()),
            None => Err("it was not built".into()),
        }
    }
}

/// The directory of the measured programs' sources.
pub(super) fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bench")
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from)
}
