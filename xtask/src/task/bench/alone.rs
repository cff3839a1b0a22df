//! Measurements without a load: within one process, of a file's size, and by another task.
//!
//! Invariant: each measurement returns reports in the form that figures are computed from.

use std::error::Error;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::arguments::Effort;
use super::building;
use super::machine::server_core;
use super::programs::Programs;
use super::serving::report;
use super::trial::Peer;

/// One run of `bench-micro`, on the servers' core.
pub(super) fn micro(programs: &Programs, words: &str, peer: Peer) -> Result<Value, Box<dyn Error>> {
    let mut command = Command::new(programs.load());
    command.args(["pinned", &server_core()]).arg(programs.micro());
    report(command.args(words.split_whitespace()).arg(peer))
}

/// The size of the peer's TCP echo program, stripped.
pub(super) fn weigh(programs: &Programs, peer: Peer) -> Result<Value, Box<dyn Error>> {
    let package = format!("bench-size-{peer}");
    let directory = programs.target.join("bench");
    building::cargo(&directory, &["--profile", "size", "--package", &package])?;
    let program = directory.join("size").join(package);
    Ok(json!({"size": fs::metadata(program)?.len()}))
}

/// The cost of a link of a chain of ten callbacks, or of one hand-over with tokio. The run for our
/// peer measures all, and the others read its results.
///
/// The outer error is the reason why a peer was left out.
pub(super) fn deferred(
    programs: &Programs,
    peer: Peer,
    effort: Effort,
) -> Result<Result<Vec<Value>, Box<dyn Error>>, String> {
    let document = match deferred_document(programs, peer, effort) {
        Ok(document) => document,
        Err(error) => return Ok(Err(error)),
    };
    let name = match peer {
        "ours" => "deferred-10-pending",
        "tokio" => "oneshot-hand-over",
        _ => "twisted-10",
    };
    if let ("twisted", Some(reason)) = (peer, document["twisted_left_out"].as_str()) {
        return Err(reason.to_owned());
    }
    let spread = &document["nanoseconds"][name];
    let reports = ["least", "median", "most"].map(|key| json!({"link": spread[key]}));
    Ok(Ok(reports.to_vec()))
}

fn deferred_document(
    programs: &Programs,
    peer: Peer,
    effort: Effort,
) -> Result<Value, Box<dyn Error>> {
    if peer == "ours" {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("bench-deferred");
        if effort == Effort::Quick {
            command.arg("--quick");
        }
        let output = command.output()?;
        if !output.status.success() {
            let messages = String::from_utf8_lossy(&output.stderr);
            return Err(messages.lines().last().unwrap_or("it failed in silence").into());
        }
    }
    let text = fs::read_to_string(programs.target.join("bench-deferred.json"))?;
    Ok(serde_json::from_str(&text)?)
}
