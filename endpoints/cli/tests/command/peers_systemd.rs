//! Two sockets from systemd-socket-activate, one taken by its place and one by its name.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::Path;

use testkit::{find_peer, pattern};

use crate::bytes::{MIB, assert_same, exchange};
use crate::peer::is_listening;
use crate::running::{LIMIT, ROPEWALK, Running, connect, eventually};
use crate::workers::watched;

/// systemd-socket-activate does not take port 0, so it gets one that was free just before, and
/// another one when that is taken meanwhile.
fn activate(path: &Path, options: &[&str]) -> Option<Running> {
    activate_with(path, ["systemd:domain=INET:index=0", "systemd:name=local"], options)
}

fn activate_with(path: &Path, endpoints: [&str; 2], options: &[&str]) -> Option<Running> {
    for _ in 0..20 {
        let mut command = find_peer("systemd-socket-activate")?;
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        command.args(["-l", &free.to_string(), "-l"]).arg(path).arg("--fdname=web:local");
        command.args([ROPEWALK, "serve", "echo"]);
        command.args(endpoints).args(options);
        let mut running = Running::command(command);
        let mut ended = false;
        eventually("systemd-socket-activate listens or ends", || {
            ended = !running.is_running();
            ended || is_listening(path)
        });
        if !ended {
            return Some(running);
        }
    }
    panic!("no port stays free long enough");
}

#[test]
fn systemd_hands_over_two_sockets_one_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("local.sock");
    let Some(mut running) = activate(&path, &[]) else { return };
    // The first connection starts the program.
    let local = UnixStream::connect(&path).unwrap();
    local.set_read_timeout(Some(LIMIT)).unwrap();
    assert_same(&exchange(local, pattern(41, 1_000_000)), &pattern(41, 1_000_000));

    let web = running.listening();
    assert!(web.starts_with("127.0.0.1:"), "{web}");
    assert_eq!(running.listening(), format!("unix:{}", path.display()));
    assert_same(&exchange(connect(&web), pattern(42, 1_000_000)), &pattern(42, 1_000_000));

    let ended = running.terminate();
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
    assert!(path.exists(), "what was inherited is not ours to remove");
}

#[test]
fn a_name_and_a_place_lead_to_the_descriptors_themselves() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("local.sock");
    let endpoints = ["systemd:INET:name=web", "systemd:UNIX:1"];
    let Some(mut running) = activate_with(&path, endpoints, &[]) else { return };
    let mut local = served(UnixStream::connect(&path).unwrap());
    let web = running.listening();
    served(connect(&web));
    // Descriptor 3 is the port's own, where Twisted listens on a copy and closes it.
    let third = std::fs::read_link(format!("/proc/{}/fd/3", running.id())).unwrap();
    assert!(third.to_str().is_some_and(|it| it.starts_with("socket:[")), "{third:?}");
    local.write_all(b"x").unwrap();
    assert_eq!(running.terminate().code, Some(0));
}

#[test]
fn the_sockets_of_systemd_are_shared_by_all_workers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("local.sock");
    let Some(mut running) = activate(&path, &["--workers", "3"]) else { return };
    let local = UnixStream::connect(&path).unwrap();
    local.set_read_timeout(Some(LIMIT)).unwrap();
    assert_same(&exchange(local, pattern(43, MIB)), &pattern(43, MIB));
    let web = running.listening();
    assert_eq!(running.listening(), format!("unix:{}", path.display()));
    let before = watched(running.id());
    assert_eq!(before.len(), 3);
    let mut held: Vec<_> = (0..6).map(|_| served(connect(&web))).collect();
    let mut local: Vec<_> = (0..6).map(|_| served(UnixStream::connect(&path).unwrap())).collect();
    let grown: Vec<_> =
        watched(running.id()).iter().zip(&before).map(|(after, before)| after - before).collect();
    assert_eq!(grown, [4, 4, 4]);
    let data = pattern(44, MIB);
    assert_same(&exchange(held.remove(0), data.clone()), &data);
    assert_same(&exchange(local.remove(0), data.clone()), &data);
    drop((held, local));
    let ended = running.terminate();
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
    assert!(!ended.errors.contains("warning: "), "{}", ended.errors);
    assert!(path.exists(), "what was inherited is not ours to remove");
}

#[test]
fn the_status_is_asked_for_on_an_inherited_socket() {
    for options in [&[][..], &["--workers", "2"]] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("local.sock");
        let endpoints = ["systemd:name=web", "--status=systemd:name=local"];
        let Some(mut running) = activate_with(&path, endpoints, options) else { return };
        let mut local = UnixStream::connect(&path).unwrap();
        local.set_read_timeout(Some(LIMIT)).unwrap();
        local.write_all(b"GET /live HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        local.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        served(connect(&running.listening()));
        let ended = running.terminate();
        assert_eq!(ended.code, Some(0), "{}", ended.errors);
        assert!(!ended.errors.contains("warning: "), "{}", ended.errors);
    }
}

#[test]
fn a_signal_after_activation_ends_all_workers_and_leaves_the_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("local.sock");
    let Some(mut running) = activate(&path, &["--workers", "2", "--max-connections", "1"]) else {
        return;
    };
    let only = served(UnixStream::connect(&path).unwrap());
    running.listening();
    let waiting = UnixStream::connect(&path).unwrap();
    drop((only, waiting));
    let ended = running.terminate();
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
    assert!(path.exists());
}

#[test]
fn one_connection_whose_first_bytes_decide_is_served_when_they_come_late() {
    for (endpoint, header) in
        [("haproxy:systemd:index=0", "PROXY UNKNOWN\r\n"), ("sni:systemd:index=0", "")]
    {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("one.sock");
        let Some(mut command) = find_peer("systemd-socket-activate") else { return };
        command.arg("-a").arg("-l").arg(&path).args([ROPEWALK, "serve", "echo", endpoint]);
        let mut running = Running::command(command);
        eventually("systemd-socket-activate listens", || is_listening(&path));
        let mut client = UnixStream::connect(&path).unwrap();
        client.set_read_timeout(Some(LIMIT)).unwrap();
        running.listening();
        // There is nothing to wait for: it has to stay.
        std::thread::sleep(std::time::Duration::from_millis(300));
        client.write_all(header.as_bytes()).unwrap();
        served(client);
        running.terminate();
    }
}

/// A connection that was served.
fn served<S: Read + Write>(mut stream: S) -> S {
    stream.write_all(b"x").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    stream
}
