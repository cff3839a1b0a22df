//! The four crates that are to do without std do without it, and the proof of that is one.
//!
//! Invariant: what is proven is what is shipped: the crates are built outside the workspace, with
//! the features that a dependent asks for and the versions that the workspace has locked.

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

/// Builds the proof; one at a time, as cargo writes its lock file.
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

/// Gives the proof the workspace's versions. Cargo drops from the copy what it does not need, so it
/// is made anew only where there is none or it is older.
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
