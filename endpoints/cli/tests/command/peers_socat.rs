//! 64 MiB of random data byte-exact both ways with socat, over TCP4, TCP6 and UNIX.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

use testkit::find_peer;

use crate::bytes::{BACK, THERE, assert_same};
use crate::peer::{has_ipv6, is_listening};
use crate::running::{Ended, Running, eventually, run};

/// Runs socat, which sends `sent` to the address, and returns its output.
fn socat(address: &str, sent: &'static [u8]) -> Ended {
    let mut command = find_peer("socat").unwrap();
    // It gives the other direction that long after one has ended.
    command.args(["-t", "60", "-", address]);
    run(command, sent)
}

fn socat_address(listening: &str) -> String {
    match listening.strip_prefix("unix:") {
        Some(path) => format!("UNIX-CONNECT:{path}"),
        None if listening.starts_with('[') => format!("TCP6:{listening}"),
        None => format!("TCP4:{listening}"),
    }
}

fn echoed(endpoint: &str) {
    let mut running = Running::ropewalk(&["serve", "echo", endpoint]);
    let ended = socat(&socat_address(&running.listening()), &THERE);
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
    assert_same(&ended.output, &THERE);
    assert_eq!(running.terminate().code, Some(0));
}

/// socat on both sides of a relay: the far one listens on a UNIX socket.
fn relayed(endpoint: &str, directory: &Path) {
    let path = directory.join("far");
    let far_address = format!("UNIX-LISTEN:{}", path.display());
    let far = thread::spawn(move || socat(&far_address, &BACK));
    eventually("the far socat listens", || is_listening(&path));
    let to = format!("unix:{}", path.display());
    let mut running = Running::ropewalk(&["relay", endpoint, &to]);
    let near = socat(&socat_address(&running.listening()), &THERE);
    let far = far.join().unwrap();
    assert_eq!((near.code, near.errors.as_str()), (Some(0), ""));
    assert_eq!((far.code, far.errors.as_str()), (Some(0), ""));
    assert_same(&near.output, &BACK);
    assert_same(&far.output, &THERE);
    assert_eq!(running.terminate().code, Some(0));
}

fn both(endpoint: &str) {
    if find_peer("socat").is_none() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    echoed(endpoint);
    relayed(endpoint, directory.path());
}

#[test]
fn socat_over_tcp4() {
    both("tcp:0:interface=127.0.0.1");
}

#[test]
fn socat_over_tcp6() {
    if has_ipv6() {
        both("tcp6:0:interface=\\:\\:1");
    }
}

#[test]
fn socat_over_unix() {
    let directory = tempfile::tempdir().unwrap();
    both(&format!("unix:{}", directory.path().join("near").display()));
}

/// With `linger=0` its close is a reset, which no program of the standard library can send.
#[test]
fn a_peer_that_resets_ends_the_attempt_that_was_made_for_it() {
    if find_peer("socat").is_none() {
        return;
    }
    // A listener whose backlog is full does not answer.
    let full = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = full.local_addr().unwrap();
    let mut held = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&to, Duration::from_millis(200)) {
        held.push(stream);
    }
    let to = format!("tcp:{to}");
    let arguments = ["relay", "tcp:0:interface=127.0.0.1", &to, "--grace", "10m"];
    let mut relay = Running::ropewalk(&arguments);
    let address = format!("TCP4:{},linger=0", relay.listening());
    let mut command = find_peer("socat").unwrap();
    // It waits for an end that does not come, until this limit.
    command.args(["-u", "-T", "0.3", &address, "-"]);
    run(command, Vec::new());
    // Nothing is left that the long grace could be for.
    let ended = relay.terminate();
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
}
