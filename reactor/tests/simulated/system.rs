//! The simulated system beside its sockets: clock, other threads, signals, the log.
//!
//! Invariant: only the test about other threads waits for one.

use std::io;
use std::time::Duration;

use interfaces::{ConnectTcp, ListenTcp};
use ropewalk_reactor::simulated::{Faults, Simulated};
use ropewalk_reactor::sys::{StreamSys as _, Sys as _, Token};

const SECOND: Option<Duration> = Some(Duration::from_secs(1));

fn quiet() -> Simulated {
    let network = Simulated::new(42);
    network.set_faults(Faults::none());
    network
}

#[test]
fn the_clock_jumps_to_the_timeout_and_an_endless_wait_is_a_deadlock() {
    let network = quiet();
    let before = network.now();
    let hour = Duration::from_secs(3600);
    network.poll(Some(hour), &mut Vec::new()).expect("polls");
    assert_eq!(network.now(), before + hour);
    network.poll(Some(Duration::ZERO), &mut Vec::new()).expect("polls");
    let passed = network.now() - before - hour;
    assert!(
        !passed.is_zero() && passed < Duration::from_millis(1),
        "a busy program lets time pass"
    );
    let error = network.poll(None, &mut Vec::new()).expect_err("nothing can happen");
    assert_eq!(error.kind(), io::ErrorKind::Deadlock);
    network.poll(Some(Duration::MAX), &mut Vec::new()).expect("polls");
    network.poll(Some(Duration::MAX), &mut Vec::new()).expect("the end of time");
}

#[test]
fn another_thread_can_wake_and_the_clock_can_wait_for_it() {
    let network = quiet();
    let waker = network.waker();
    waker();
    let mut ready = Vec::new();
    network.poll(None, &mut ready).expect("polls");
    assert_eq!(ready.iter().map(|ready| ready.token).collect::<Vec<_>>(), [Token::WAKER]);

    let hold = network.hold_clock();
    let before = network.now();
    let thread = std::thread::spawn(move || {
        waker();
        drop(hold);
    });
    ready.clear();
    network.poll(SECOND, &mut ready).expect("polls");
    assert_eq!(ready.len(), 1);
    assert!(network.now() - before < Duration::from_millis(1));
    thread.join().expect("ends");
    network.poll(SECOND, &mut ready).expect("polls");
    assert!(network.now() - before >= Duration::from_secs(1));
}

#[test]
fn a_watched_signal_is_reported_once_and_taken_once() {
    let network = quiet();
    assert!(!network.raise(libc::SIGTERM));
    network.watch_signal(libc::SIGTERM).expect("watches");
    assert_eq!(
        network.watch_signal(libc::SIGKILL).map_err(|error| error.raw_os_error()),
        Err(Some(libc::EINVAL))
    );
    assert!(network.raise(libc::SIGTERM));
    let mut ready = Vec::new();
    network.poll(None, &mut ready).expect("polls");
    assert_eq!(ready.iter().map(|ready| ready.token).collect::<Vec<_>>(), [Token::SIGNALS]);
    assert_eq!(network.take_signals(), [libc::SIGTERM]);
    assert!(network.take_signals().is_empty());
    network.poll(SECOND, &mut ready).expect("polls");
    assert!(network.poll(None, &mut ready).is_err());
}

#[test]
fn the_log_keeps_the_newest_calls_as_text() {
    let network = quiet();
    network.keep_log(2);
    let address: std::net::SocketAddr = "127.0.0.1:80".parse().expect("an address");
    let listener = network.listen_tcp(&ListenTcp::new(address)).expect("listens");
    let client = network.connect_tcp(&ConnectTcp::new(address)).expect("begins");
    drop((listener, client));
    let log = network.log();
    assert_eq!(log.len(), 2);
    assert!(log.iter().all(|line| line.contains(" close ")), "{log:?}");
}
