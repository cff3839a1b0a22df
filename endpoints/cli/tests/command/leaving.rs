//! `--drain-delay`, `--exit-idle`, `--backup`, and the exit codes of a server that ends.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::thread;
use std::time::{Duration, Instant};

use crate::running::{Running, connect, eventually, ropewalk, ropewalk_command, run};

const ENDPOINT: &str = "tcp:0:interface=127.0.0.1";

fn serving(options: &[&str]) -> (Running, String) {
    let mut running = Running::ropewalk(&[&["serve", "echo", ENDPOINT][..], options].concat());
    let address = running.listening();
    (running, address)
}

fn served(address: &str) -> TcpStream {
    let mut stream = connect(address);
    stream.write_all(b"x").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    stream
}

#[test]
fn until_the_drain_delay_is_over_clients_are_accepted() {
    for options in [&["--drain-delay", "3s"][..], &["--drain-delay", "3s", "--workers", "2"]] {
        let (running, address) = serving(options);
        let begun = Instant::now();
        running.signal("TERM");
        let mut clients = 0;
        while begun.elapsed() < Duration::from_secs(1) {
            drop(served(&address));
            clients += 1;
            thread::sleep(Duration::from_millis(5));
        }
        eventually("the port is closed", || TcpStream::connect(&address).is_err());
        assert!(begun.elapsed() >= Duration::from_secs(3), "{clients} clients");
        let ended = running.wait();
        assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
    }
}

#[test]
fn a_second_signal_ends_the_delay_and_all_else() {
    let (running, address) = serving(&["--drain-delay", "10m", "--grace", "10m"]);
    let mut stream = served(&address);
    running.signal("TERM");
    drop(served(&address));
    running.signal("TERM");
    assert!(stream.read(&mut [0]).is_err(), "a reset, not a clean end");
    assert_eq!(running.wait().code, Some(0));
}

#[test]
fn without_a_connection_for_so_long_it_ends() {
    for options in [&["--exit-idle", "2s"][..], &["--exit-idle", "2s", "--workers", "2"]] {
        let (mut running, address) = serving(options);
        let stream = served(&address);
        thread::sleep(Duration::from_secs(3));
        assert!(running.is_running(), "a connection is open");
        drop(stream);
        let begun = Instant::now();
        let ended = running.wait();
        assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
        let told = "ended: no connection for 2s, see --exit-idle\n";
        assert_eq!((ended.code, ended.errors.as_str()), (Some(0), told));
    }
}

/// Echoes one connection after the other, each until its end.
fn answering(letter: u8) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.and_then(|mut stream| stream.write_all(&[letter]));
        }
    });
    format!("tcp:{address}")
}

/// A port that nothing listens on any more.
fn down() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("tcp:{}", listener.local_addr().unwrap())
}

fn answer(relay: &mut Running) -> Vec<u8> {
    let mut answer = Vec::new();
    // A reset is no answer.
    let _ = relay.connect().read_to_end(&mut answer);
    answer
}

#[test]
fn several_ports_lead_to_the_first_back_end_that_is_up() {
    let (a, b) = (answering(b'a'), answering(b'b'));
    let (down, down_too) = (down(), down());
    for (to, backups, expected) in [
        (&a, &[&b][..], &b"a"[..]),
        (&down, &[&b, &a], b"b"),
        (&down, &[&down_too, &a], b"a"),
        (&down, &[&down_too], b""),
    ] {
        let mut arguments = vec!["relay", ENDPOINT, ENDPOINT, to, "--retry", "0"];
        backups.iter().for_each(|backup| arguments.extend(["--backup", backup]));
        let mut relay = Running::ropewalk(&arguments);
        for _port in 0..2 {
            assert_eq!(answer(&mut relay), expected, "{arguments:?}");
        }
        let ended = relay.terminate();
        assert_eq!(ended.code, Some(0));
        let lists_all = backups.iter().all(|backup| ended.errors.contains(&backup[4..]));
        assert!(expected.is_empty() == (lists_all && !ended.errors.is_empty()), "{}", ended.errors);
    }
}

#[test]
fn every_mistake_of_a_relay_is_told_at_once() {
    let ended = ropewalk(&["relay", "tcp:x", "tcp:y", "tcp:h:z", "--backup", "tcp:i:w"]);
    assert_eq!(ended.code, Some(64));
    for wrong in ["`x`", "`y`", "`z`", "`w`"] {
        assert!(ended.errors.contains(wrong), "{wrong}: {}", ended.errors);
    }
}

#[test]
fn a_missing_permission_has_an_exit_code_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let mut command = ropewalk_command();
    command.args(["serve", "echo", &format!("unix:{}", path.display())]);
    if !is_root() {
        let mut permissions = std::fs::metadata(directory.path()).unwrap().permissions();
        permissions.set_readonly(true);
        std::fs::set_permissions(directory.path(), permissions).unwrap();
    } else {
        // A user without rights, by its usual number.
        command.uid(65534);
    }
    let ended = run(command, "");
    assert_eq!(ended.code, Some(77), "{}", ended.errors);
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0)
}
