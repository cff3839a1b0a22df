//! The example for many machines: HAProxy in front, three relays behind it, each in a network namespace of its own.
//!
//! The files of `endpoints/cli/fleet` are used as they are. Invariant: all namespaces are deleted at the end.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use testkit::{find_peer, skip};

use crate::running::{Ended, ROPEWALK, Running, eventually};

const UNIT: &str = include_str!("../../fleet/relay.service");

/// The machines behind the front.
const MACHINES: [&str; 3] = ["10.77.0.11", "10.77.0.12", "10.77.0.13"];

/// Four clients that come all the time until there is a file, and then tell what they saw.
const CLIENTS: &str = r#"
import os, socket, sys, threading, time
served, failed = [], []
def exchange():
    with socket.create_connection(("10.77.0.1", 8080), 60) as stream:
        stream.settimeout(60)
        for piece in (b"one ", b"two "):
            stream.sendall(piece)
            time.sleep(0.02)
        stream.shutdown(socket.SHUT_WR)
        echoed = b""
        while piece := stream.recv(100):
            echoed += piece
    if echoed != b"one two ":
        raise ValueError(echoed)
def client():
    while not os.path.exists(sys.argv[1]):
        try:
            exchange()
            served.append(1)
        except Exception as error:
            failed.append(repr(error))
clients = [threading.Thread(target=client) for _ in range(4)]
for each in clients: each.start()
for each in clients: each.join()
print("served", len(served), "failed", len(failed), failed[:5], flush=True)
"#;

/// A front and three machines, joined by a bridge in the front.
struct Network {
    prefix: String,
}

impl Network {
    /// `None`, and the test is noted as skipped, where namespaces are not allowed.
    fn new() -> Option<Self> {
        find_peer("ip")?;
        let network = Self { prefix: format!("ropewalk-{}", std::process::id()) };
        if !ip(&["netns", "add", &network.name("front")]) {
            skip("network namespaces are not allowed here");
            return None;
        }
        let front = network.name("front");
        let bridge = ["link", "add", "bridge", "type", "bridge"];
        if !ip(&[&["-n", &front][..], &bridge].concat()) {
            skip("this kernel has no bridges");
            return None;
        }
        let within = |name: &str, words: &[&str]| {
            assert!(ip(&[&["-n", name][..], words].concat()), "ip -n {name} {words:?}");
        };
        within(&front, &["address", "add", "10.77.0.1/24", "dev", "bridge"]);
        within(&front, &["link", "set", "bridge", "up"]);
        within(&front, &["link", "set", "lo", "up"]);
        for (number, address) in MACHINES.iter().enumerate() {
            let (machine, wire) = (network.name(&number.to_string()), format!("wire{number}"));
            assert!(ip(&["netns", "add", &machine]));
            let pair = ["link", "add", &wire, "type", "veth", "peer", "name", "eth0", "netns"];
            within(&front, &[&pair[..], &[&machine]].concat());
            within(&front, &["link", "set", &wire, "master", "bridge", "up"]);
            within(&machine, &["address", "add", &format!("{address}/24"), "dev", "eth0"]);
            within(&machine, &["link", "set", "eth0", "up"]);
            within(&machine, &["link", "set", "lo", "up"]);
        }
        Some(network)
    }

    fn name(&self, machine: &str) -> String {
        format!("{}-{machine}", self.prefix)
    }

    /// A command on one of the machines.
    fn on(&self, machine: &str, words: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name(machine)]).args(words);
        command
    }

    /// The relay of a machine, as its unit starts it.
    fn relay(&self, number: usize) -> Running {
        let start = UNIT.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
        let (program, arguments) = start.split_once(' ').unwrap();
        assert_eq!(program, "/usr/bin/ropewalk");
        let words: Vec<_> = [ROPEWALK].into_iter().chain(arguments.split(' ')).collect();
        let mut running = Running::command(self.on(&number.to_string(), &words));
        running.listening();
        running
    }

    /// The answer of a relay's status, from the front.
    fn status(&self, number: usize, path: &str) -> String {
        let url = format!("http://{}:9100{path}", MACHINES[number]);
        let output = self.on("front", &["curl", "-s", "-m", "5", &url]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// The connections that a relay has accepted.
    fn accepted(&self, number: usize) -> u64 {
        let metrics = self.status(number, "/metrics");
        let name = "ropewalk_connections_opened_total ";
        let line = metrics.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|number| number.parse().ok()).unwrap_or(0)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for machine in ["front", "0", "1", "2"] {
            ip(&["netns", "delete", &self.name(machine)]);
        }
    }
}

fn ip(words: &[&str]) -> bool {
    let mut command = Command::new("ip");
    command.args(words).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fleet").join(name)
}

#[test]
fn three_machines_are_restarted_in_turn_and_no_client_is_refused_or_cut() {
    if ["haproxy", "python3", "curl"].iter().any(|peer| find_peer(peer).is_none()) {
        return;
    }
    let Some(network) = Network::new() else { return };
    let directory = tempfile::tempdir().unwrap();
    let stop = directory.path().join("stop");
    let back_end = ["serve", "echo", "tcp:9000:interface=10.77.0.1"];
    let mut back_end =
        Running::command(network.on("front", &[&[ROPEWALK][..], &back_end].concat()));
    back_end.listening();
    let mut relays: Vec<_> = (0..MACHINES.len()).map(|number| network.relay(number)).collect();
    for number in 0..MACHINES.len() {
        eventually("it is ready", || network.status(number, "/ready").starts_with("ready"));
    }
    let configuration = example("haproxy.cfg");
    let haproxy = ["haproxy", "-db", "-f", configuration.to_str().unwrap()];
    let _haproxy = Running::command(network.on("front", &haproxy));
    eventually("HAProxy serves", || {
        let check = [ROPEWALK, "probe", "tcp:10.77.0.1:8080"];
        network.on("front", &check).output().unwrap().status.success()
    });
    let clients = ["python3", "-c", CLIENTS, stop.to_str().unwrap()];
    let clients = Running::command(network.on("front", &clients));
    for number in 0..MACHINES.len() {
        eventually("it is used", || network.accepted(number) > 10);
        let old = relays.remove(0).terminate();
        let Ended { code, errors, .. } = &old;
        assert_eq!((*code, errors.as_str()), (Some(0), ""), "machine {number}");
        relays.push(network.relay(number));
    }
    for number in 0..MACHINES.len() {
        eventually("it is used again", || network.accepted(number) > 10);
    }
    std::thread::sleep(Duration::from_millis(100));
    std::fs::write(&stop, "").unwrap();
    let output = String::from_utf8(clients.wait().output).unwrap();
    assert!(output.contains(" failed 0 "), "{output}");
    let served: usize = output.split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap();
    assert!(served > 60, "{output}");
}
