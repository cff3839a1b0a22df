//! Every input that was kept runs without a finding, and those of each target are there.
//!
//! `kept/TARGET` has one input a line, in base64. Invariant: a file belongs to a target, and is small.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::collections::BTreeSet;
use std::path::Path;

use data_encoding::BASE64;
use ropewalk_fuzz::TARGETS;

/// The most inputs of a target.
const INPUTS_MAX: usize = 200;

#[test]
fn every_kept_input_runs() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("kept");
    for (name, run) in TARGETS {
        let text = std::fs::read_to_string(directory.join(name)).unwrap();
        let inputs: Vec<_> = text.lines().collect();
        assert!((1..=INPUTS_MAX).contains(&inputs.len()), "{name} has {}", inputs.len());
        for (line, input) in (1..).zip(inputs) {
            let input = BASE64.decode(input.as_bytes()).unwrap();
            let found = std::panic::catch_unwind(|| run(&input)).is_err();
            assert!(!found, "{name} has found something with line {line}");
        }
    }
    let files = std::fs::read_dir(directory).unwrap();
    let files: BTreeSet<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(files, TARGETS.iter().map(|(name, _)| String::from(*name)).collect());
}
