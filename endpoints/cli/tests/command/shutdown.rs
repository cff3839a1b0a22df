//! Signals: no more connections, time for those there are, the end.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use testkit::pattern;

use crate::bytes::{MIB, assert_same, exchange};
use crate::running::{Running, connect, eventually};

/// A server with one connection that has been served.
fn serving(grace: &str) -> (Running, TcpStream) {
    let endpoint = "tcp:0:interface=127.0.0.1";
    let mut running = Running::ropewalk(&["serve", "echo", endpoint, "--grace", grace]);
    let mut stream = running.connect();
    stream.write_all(b"x").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    (running, stream)
}

fn refused(stream: &TcpStream) {
    let address = stream.peer_addr().unwrap();
    eventually("the port is closed", || TcpStream::connect(address).is_err());
}

#[test]
fn either_signal_ends_an_idle_server_at_once() {
    for (signal, grace) in [("TERM", "10m"), ("INT", "10h")] {
        let mut running = Running::ropewalk(&["serve", "echo", "tcp:0", "--grace", grace]);
        running.listening();
        running.signal(signal);
        let ended = running.wait();
        assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""), "{signal}");
    }
}

#[test]
fn a_connection_may_finish_while_the_port_is_closed_already() {
    let (mut running, stream) = serving("10m");
    running.signal("TERM");
    refused(&stream);
    assert!(running.is_running());
    let data = pattern(31, 4 * MIB);
    assert_same(&exchange(stream, data.clone()), &data);
    assert_eq!(running.wait().code, Some(0));
}

#[test]
fn a_connection_that_does_not_finish_ends_in_order_when_the_grace_is_over() {
    let (running, mut stream) = serving("300ms");
    let begun = Instant::now();
    running.signal("TERM");
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "nothing was unsent");
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert_eq!(running.wait().code, Some(75));
}

#[test]
fn what_a_relay_has_read_is_delivered_when_the_grace_is_over_and_then_the_cut_shows() {
    let far = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("tcp:{}", far.local_addr().unwrap());
    let arguments = ["relay", "tcp:0:interface=127.0.0.1", &to, "--grace", "0"];
    for is_complete in [true, false] {
        let mut relay = Running::ropewalk(&arguments);
        let mut near = relay.connect();
        let (mut far, _) = far.accept().unwrap();
        near.write_all(b"?").unwrap();
        far.read_exact(&mut [0]).unwrap();
        let data = pattern(33, 300_000);
        far.write_all(&data).unwrap();
        let port = far.peer_addr().unwrap().port();
        if is_complete {
            drop(far);
        } else {
            // Its stream goes on.
            std::mem::forget(far);
        }
        eventually("the relay has it", || !has_unread(port));
        relay.signal("TERM");
        let mut received = Vec::new();
        let ended = near.read_to_end(&mut received);
        assert_same(&received, &data);
        assert_eq!(ended.is_ok(), is_complete, "{ended:?}");
        assert_eq!(relay.wait().code, Some(75));
    }
}

/// Whether bytes wait on their way from or to this local TCP port, by proc(5).
fn has_unread(port: u16) -> bool {
    let port = format!(":{port:04X}");
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    table.lines().skip(1).any(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let is_ours = columns[1].ends_with(&port) || columns[2].ends_with(&port);
        is_ours && columns[4] != "00000000:00000000"
    })
}

#[test]
fn a_second_signal_aborts_now() {
    let (running, mut stream) = serving("10m");
    running.signal("TERM");
    refused(&stream);
    running.signal("INT");
    assert!(stream.read(&mut [0]).is_err(), "a reset, not a clean end");
    assert_eq!(running.wait().code, Some(0));
}

#[test]
fn what_a_relay_has_still_to_deliver_is_delivered() {
    let far = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("tcp:{}", far.local_addr().unwrap());
    let arguments = ["relay", "tcp:0:interface=127.0.0.1", &to, "--grace", "10m"];
    let mut relay = Running::ropewalk(&arguments);
    let mut near = relay.connect();
    let (far, _) = far.accept().unwrap();
    let data = pattern(32, 8 * MIB);
    let sent = data.clone();
    let sending = std::thread::spawn(move || {
        near.write_all(&sent).unwrap();
        drop(near);
    });
    relay.signal("TERM");
    // The far side begins to read when the relay is in the middle of its shutdown.
    let mut received = Vec::new();
    let mut far = connect_limits(far);
    far.read_to_end(&mut received).unwrap();
    drop(far);
    sending.join().unwrap();
    assert_same(&received, &data);
    assert_eq!(relay.wait().code, Some(0));
}

fn connect_limits(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(crate::running::LIMIT)).unwrap();
    stream
}

#[test]
fn a_signal_during_an_outgoing_attempt_ends_it_with_the_grace() {
    // A listener whose backlog is full does not answer.
    let full = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = full.local_addr().unwrap();
    let mut held = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&to, Duration::from_millis(200)) {
        held.push(stream);
        assert!(held.len() < 10_000);
    }
    let to = format!("tcp:{to}");
    let arguments = ["relay", "tcp:0:interface=127.0.0.1", &to, "--grace", "300ms"];
    let mut relay = Running::ropewalk(&arguments);
    let address = relay.listening();
    let descriptors = || fs::read_dir(format!("/proc/{}/fd", relay.id())).unwrap().count();
    let before = descriptors();
    let mut near = connect(&address);
    eventually("both sides have their sockets", || descriptors() >= before + 2);
    relay.signal("TERM");
    assert!(near.read(&mut [0]).is_err());
    let ended = relay.wait();
    let told = "warning: ended 1 connection that did not finish in 300ms, see --grace\n";
    assert_eq!((ended.code, ended.errors.as_str()), (Some(75), told));
}

#[test]
fn a_silent_connection_of_a_server_ends_in_order_before_the_grace_is_over() {
    let (running, mut stream) = serving("10m");
    running.signal("TERM");
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "a clean end");
    assert_eq!(running.wait().code, Some(0));
}

#[test]
fn a_client_that_takes_nothing_does_not_use_up_the_grace() {
    let arguments = ["serve", "chargen", "tcp:0:interface=127.0.0.1", "--grace", "10m"];
    let mut running = Running::ropewalk(&arguments);
    let mut stream = running.connect();
    stream.read_exact(&mut [0; 1]).unwrap();
    running.signal("TERM");
    let ended = running.wait();
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
}
