//! The four no_std crates build without std, and the proof fails with std.
//!
//! Invariant: the proof builds the crates as a dependent does: outside the workspace, with the
//! dependent's features and the locked versions of the workspace.

mod workspace;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use workspace::root;

#[test]
fn the_first_four_crates_build_where_there_is_no_std() {
    assert_built(&prove(&[]));
}

#[test]
fn the_test_doubles_build_where_there_is_no_std() {
    assert_built(&prove(&["--features", "testing"]));
}

#[test]
fn the_proof_breaks_when_something_below_reaches_std() {
    let output = prove(&["--features", "reach-std"]);
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "it was built with std below it: {messages}");
    assert!(messages.contains("error[E0152]"), "it broke for another reason: {messages}");
}

/// Builds the proof; one build at a time, as cargo writes its lock file.
fn prove(features: &[&str]) -> Output {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let proof = root().join("xtask/no_std");
    lock(&proof);
    Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--manifest-path"])
        .arg(proof.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("no_std"))
        .args(features)
        .output()
        .expect("cargo runs")
}

/// Copies the workspace's lock file to the proof. Cargo removes unused packages from the copy, so it is
/// copied only if it is missing or older.
fn lock(proof: &Path) {
    let (ours, copy) = (root().join("Cargo.lock"), proof.join("Cargo.lock"));
    let made = |file: &Path| fs::metadata(file).and_then(|it| it.modified()).ok();
    if made(&copy).is_none_or(|copied| Some(copied) < made(&ours)) {
        fs::copy(&ours, &copy).expect("the lock file can be copied");
    }
}

#[track_caller]
fn assert_built(output: &Output) {
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{messages}");
}
