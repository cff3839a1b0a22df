//! A kind of endpoint by a third party: the package in `third_party`, built outside the workspace.
//!
//! Invariant: it is built from the files that are there; the test puts in only the path to this tree.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::fs;
use std::io::BufRead as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use self::support::{Example, assert_echoes, build_outside};

fn build() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(here.join("third_party").join(path)).unwrap();
    let (manifest, library, program) =
        (read("Cargo.toml"), read("src/lib.rs"), read("src/main.rs"));
    let path = "path = \"..\"";
    assert!(manifest.contains(path), "{manifest}");
    let manifest = manifest.replace(path, &format!("path = {:?}", env!("CARGO_MANIFEST_DIR")));
    let sources = [("lib.rs", &*library), ("main.rs", &*program)];
    build_outside("ropewalk-spew", &manifest, &sources)
}

#[test]
fn its_kind_wraps_any_other_and_is_known_to_the_errors() {
    let program = build();
    let listen = "spew:data=1:tcp:0:interface=127.0.0.1";
    let mut running = Example::run(Command::new(&program).arg(listen));
    assert_echoes(TcpStream::connect(running.address()).unwrap());
    let mut lines = running.log.lines().map(Result::unwrap);
    for expected in ["Received: \"hello\"", "Sending: \"hello\""] {
        assert!(lines.any(|line| line == expected), "{expected}");
    }
    let wrong = Command::new(&program).arg("speww:tcp:0").output().unwrap();
    let error = String::from_utf8(wrong.stderr).unwrap();
    assert_eq!(wrong.status.code(), Some(64), "{error}");
    assert!(error.contains("`spew`"), "{error}");
}
