//! `ropewalk relay` with peers of the standard library.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread;

use testkit::pattern;

use crate::bytes::{MIB, assert_same, exchange};
use crate::certificates::Certificate;
use crate::running::{LIMIT, Running, connect};

/// A relay to a listener of the test's own.
struct Scene {
    running: Running,
    far: TcpListener,
    address: String,
}

fn scene() -> Scene {
    let far = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("tcp:{}", far.local_addr().unwrap());
    let mut running = Running::ropewalk(&["relay", "tcp:0:interface=127.0.0.1", &to]);
    let address = running.listening();
    Scene { running, far, address }
}

impl Scene {
    fn joined(&self) -> (TcpStream, TcpStream) {
        let near = connect(&self.address);
        let (far, _) = self.far.accept().unwrap();
        far.set_read_timeout(Some(LIMIT)).unwrap();
        far.set_write_timeout(Some(LIMIT)).unwrap();
        (near, far)
    }
}

#[test]
fn both_directions_at_once_lose_nothing() {
    let scene = scene();
    let (near, far) = scene.joined();
    let (there, back) = (pattern(11, 16 * MIB), pattern(12, 16 * MIB));
    let answer = back.clone();
    let far = thread::spawn(move || exchange(far, answer));
    let got = exchange(near, there.clone());
    assert_same(&got, &back);
    assert_same(&far.join().unwrap(), &there);
    assert_eq!(scene.running.terminate().code, Some(0));
}

#[test]
fn half_close_is_carried_across_in_either_direction() {
    let scene = scene();
    for turn in [false, true] {
        let (near, far) = scene.joined();
        let (mut asks, mut answers) = if turn { (far, near) } else { (near, far) };
        asks.write_all(b"question").unwrap();
        asks.shutdown(Shutdown::Write).unwrap();
        let mut heard = String::new();
        answers.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "question");
        answers.write_all(&pattern(13, MIB)).unwrap();
        drop(answers);
        let mut answer = Vec::new();
        asks.read_to_end(&mut answer).unwrap();
        assert_same(&answer, &pattern(13, MIB));
    }
}

#[test]
fn a_reset_reaches_the_other_side_as_a_reset() {
    let scene = scene();
    let (near, mut far) = scene.joined();
    far.write_all(b"unread").unwrap();
    let mut near_reader = near.try_clone().unwrap();
    near_reader.read_exact(&mut [0; 1]).unwrap();
    drop(near_reader);
    // Unread bytes are in the socket, so this is a reset.
    drop(near);
    let error = far.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_dead_port_breaks_the_connection_and_is_told() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let to = format!("tcp:{port}");
    let mut running = Running::ropewalk(&["relay", "tcp:0:interface=127.0.0.1", &to]);
    let mut near = running.connect();
    let own = near.local_addr().unwrap();
    match near.read(&mut [0; 1]) {
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        Ok(length) => panic!("{length} bytes instead of a reset"),
    }
    let ended = running.terminate();
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.errors.lines().count(), 1, "{}", ended.errors);
    let wanted = format!("error: relaying {own} to {to}: cannot connect to {port}: ");
    assert!(ended.errors.starts_with(&wanted), "{}", ended.errors);
    assert!(ended.errors.contains("refused"), "{}", ended.errors);
}

#[test]
fn tls_is_put_on_and_taken_off() {
    let certificate = Certificate::new();
    let mut echo = Running::ropewalk(&["serve", "echo", "tcp:0:interface=127.0.0.1"]);
    let to = format!("tcp:{}", echo.listening());
    let mut taking_off = Running::ropewalk(&["relay", &certificate.server(), &to]);
    let to = certificate.client(&taking_off.listening());
    let mut putting_on = Running::ropewalk(&["relay", "tcp:0:interface=127.0.0.1", &to]);
    let data = pattern(14, 4 * MIB);
    assert_same(&exchange(putting_on.connect(), data.clone()), &data);
    for running in [putting_on, taking_off, echo] {
        let ended = running.terminate();
        assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
    }
}

#[test]
fn a_certificate_that_is_not_trusted_breaks_the_connection_and_is_told() {
    let (shown, trusted) = (Certificate::new(), Certificate::new());
    let mut echo = Running::ropewalk(&["serve", "echo", &shown.server()]);
    let to = trusted.client(&echo.listening());
    let mut relay = Running::ropewalk(&["relay", "tcp:0:interface=127.0.0.1", &to]);
    let mut near = relay.connect();
    near.write_all(b"secret").unwrap();
    assert!(near.read(&mut [0; 1]).is_err(), "it is no clean end");
    let ended = relay.terminate();
    assert_eq!(ended.errors.lines().count(), 1, "{}", ended.errors);
    assert!(ended.errors.contains("tls"), "{}", ended.errors);
}

#[test]
fn many_connections_at_once_do_not_mix() {
    let mut echo = Running::ropewalk(&["serve", "echo", "tcp:0:interface=127.0.0.1"]);
    let to = format!("tcp:{}", echo.listening());
    let mut relay = Running::ropewalk(&["relay", "tcp:0:interface=127.0.0.1", &to]);
    let address = relay.listening();
    let clients: Vec<_> = (0..50)
        .map(|seed| {
            let stream = connect(&address);
            thread::spawn(move || {
                let data = pattern(seed, 200_000);
                assert_same(&exchange(stream, data.clone()), &data);
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    assert_eq!(relay.terminate().code, Some(0));
}

#[test]
fn a_relay_to_itself_is_ended_and_told() {
    let directory = tempfile::tempdir().unwrap();
    let unix = format!("unix:{}", directory.path().join("socket").display());
    let mut relay = Running::ropewalk(&["relay", &unix, &unix]);
    let path = relay.listening();
    let _near = UnixStream::connect(path.strip_prefix("unix:").unwrap()).unwrap();
    let ended = relay.wait();
    assert_eq!(ended.code, Some(64));
    assert!(ended.errors.contains("leads to itself"), "{}", ended.errors);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_program_is_run_for_each_connection() {
    let listen = "tcp:0:interface=127.0.0.1";
    let mut running = Running::ropewalk(&["relay", listen, "process:/usr/bin/tr:a-z:A-Z"]);
    let address = running.listening();
    let data = pattern(13, MIB);
    let clients = [(); 2].map(|()| connect(&address));
    for client in clients {
        let upper: Vec<u8> = data.iter().map(u8::to_ascii_uppercase).collect();
        // `tr` changes no byte that is no letter.
        assert_same(&exchange(client, data.clone()), &upper);
    }
    assert_eq!(running.terminate().code, Some(0));
}
