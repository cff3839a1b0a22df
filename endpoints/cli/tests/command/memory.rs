//! A peer that never reads costs a bounded amount of memory, however much is sent to it.

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use testkit::pattern;

use crate::bytes::MIB;
use crate::certificates::Certificate;
use crate::running::{Running, connect, eventually};

/// The resident memory of a process, in bytes.
fn resident(running: &Running) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", running.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// Writes until nothing has been taken for half a second; answers how much was.
fn fill(stream: &mut TcpStream) -> usize {
    stream.set_nonblocking(true).unwrap();
    let data = pattern(51, MIB);
    let (mut sent, mut stuck) = (0, 0);
    while stuck < 50 {
        match stream.write(&data) {
            Ok(length) => (sent, stuck) = (sent + length, 0),
            Err(_) => {
                stuck += 1;
                thread::sleep(Duration::from_millis(10));
            }
        }
        assert!(sent < 512 * MIB, "back-pressure holds it back");
    }
    sent
}

/// Grows by less than this, as the issue of every such program asks: 4 MiB.
const GROWTH_MAX: usize = 4 * MIB;

#[track_caller]
fn bounded(running: &Running, before: usize, sent: usize) {
    let growth = resident(running).saturating_sub(before);
    eprintln!("{sent} bytes were taken, and the memory grew by {growth}");
    assert!(growth < GROWTH_MAX, "grew by {growth}");
}

#[test]
fn a_relay_to_a_peer_that_never_reads() {
    let far = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("tcp:{}", far.local_addr().unwrap());
    let mut relay = Running::ropewalk(&["relay", "tcp:0:interface=127.0.0.1", &to]);
    let address = relay.listening();
    let before = resident(&relay);
    let mut near = connect(&address);
    let _never_read = far.accept().unwrap();
    let sent = fill(&mut near);
    bounded(&relay, before, sent);
}

#[test]
fn a_relay_that_puts_tls_on_to_a_peer_that_never_reads() {
    let certificate = Certificate::new();
    let far = TcpListener::bind("127.0.0.1:0").unwrap();
    let plain = format!("tcp:{}", far.local_addr().unwrap());
    let mut taking_off = Running::ropewalk(&["relay", &certificate.server(), &plain]);
    let to = certificate.client(&taking_off.listening());
    let mut putting_on = Running::ropewalk(&["relay", "tcp:0:interface=127.0.0.1", &to]);
    let address = putting_on.listening();
    // Once through, so that what TLS needs anyway is there before.
    drop((connect(&address), far.accept().unwrap()));
    let (before_off, before_on) = (resident(&taking_off), resident(&putting_on));
    let mut near = connect(&address);
    let _never_read = far.accept().unwrap();
    let sent = fill(&mut near);
    bounded(&putting_on, before_on, sent);
    bounded(&taking_off, before_off, sent);
}

#[test]
fn an_echo_to_a_peer_that_never_reads() {
    let mut echo = Running::ropewalk(&["serve", "echo", "tcp:0:interface=127.0.0.1"]);
    let address = echo.listening();
    let before = resident(&echo);
    let mut near = connect(&address);
    let sent = fill(&mut near);
    bounded(&echo, before, sent);
}

#[test]
fn chargen_to_a_peer_that_never_reads() {
    let mut chargen = Running::ropewalk(&["serve", "chargen", "tcp:0:interface=127.0.0.1"]);
    let address = chargen.listening();
    let before = resident(&chargen);
    let never_read = connect(&address);
    // Until two looks in a row find the same amount waiting in the kernel.
    let (mut waiting, mut same) = (0, 0);
    let mut peeked = vec![0; 16 * MIB];
    eventually("the peer's buffer is full", || {
        let length = never_read.peek(&mut peeked).unwrap();
        same = if length == waiting { same + 1 } else { 0 };
        waiting = length;
        same > 50
    });
    bounded(&chargen, before, waiting);
}
