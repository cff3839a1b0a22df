//! What becomes of a test that is skipped, seen from outside: each runs in a process of its own.
//!
//! Invariant: the environment of this process stays as it is.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ropewalk_testkit::{find_peer, skip};

/// Runs the test of this name with `ROPEWALK_PEERS` and the file for skips.
fn run(test: &str, peers: &str, skips: &Path) -> Output {
    let mut command = Command::new(env::current_exe().expect("the test runs"));
    command.args(["--exact", test, "--ignored", "--nocapture"]);
    command.env("ROPEWALK_PEERS", peers).env("ROPEWALK_SKIPS", skips);
    command.output().expect("the test runs again")
}

fn file(name: &str) -> PathBuf {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_file(&file);
    file
}

#[test]
#[ignore = "another test runs it in a process of its own"]
fn only_says_why_it_is_skipped() {
    skip("the moon is not full");
}

#[test]
#[ignore = "another test runs it in a process of its own"]
fn misses_its_peer() {
    assert!(find_peer("there-is-no-such-program").is_none());
}

#[test]
fn each_skip_is_a_line_with_its_test_and_its_reason() {
    let skips = file("skips-noted");
    for test in ["only_says_why_it_is_skipped", "misses_its_peer"] {
        let output = run(test, "", &skips);
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("skipped: "), "{output:?}");
    }
    let noted = fs::read_to_string(&skips).expect("it was written");
    let expected = "skips::only_says_why_it_is_skipped\tthe moon is not full\n\
                    skips::misses_its_peer\tthere-is-no-such-program is not installed\n";
    assert_eq!(noted, expected);
}

#[test]
fn where_peers_are_required_a_missing_one_fails_and_other_reasons_do_not() {
    let skips = file("skips-required");
    assert!(run("only_says_why_it_is_skipped", "required", &skips).status.success());
    let output = run("misses_its_peer", "required", &skips);
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("there-is-no-such-program is not installed"), "{told}");
    assert_eq!(fs::read_to_string(&skips).expect("one was noted").lines().count(), 1);
}
