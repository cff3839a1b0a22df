//! Many datagrams at a time, which the system takes or refuses: what a turn sends, and what a refusal does to
//! the datagrams behind it.

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use interfaces::{Address, OsError};
use protocol::testing::{DatagramRecorder, SeenDatagram};
use ropewalk_reactor::simulated::{Faults, Links, Simulated};
use ropewalk_reactor::{Limits, Reactor};

use crate::datagrams::{reactor, settle_some, udp};

/// How many calls of sendmmsg the system has noted.
fn send_calls(reactor: &Reactor<Simulated>) -> usize {
    reactor.system().log().iter().filter(|line| line.contains("sendmmsg")).count()
}

/// A run is taken in one call, so the calls tell whether there are runs.
#[test]
fn a_run_that_is_refused_for_its_datagrams_sake_leaves_later_runs_as_they_are() {
    let reactor = reactor(Faults::none());
    reactor.system().keep_log(100_000);
    let (protocol, record) = DatagramRecorder::silent();
    let server = udp(&reactor, DatagramRecorder::silent().0);
    let client = udp(&reactor, protocol);
    // Out of the loopback's reach, which is EINVAL, as of a run that the system does not cut.
    let nowhere = Address::from(SocketAddr::from(([192, 0, 2, 1], 9)));
    for _ in 0..5 {
        client.send_to(&[0; 50], &nowhere).unwrap();
    }
    settle_some(&reactor);
    let invalid = OsError::from_raw_os_error(libc::EINVAL);
    assert_eq!(record.count(&SeenDatagram::SendFailed(nowhere, invalid)), 5);
    assert_eq!((client.counts().failed, client.counts().waiting), (5, 0));
    let before = send_calls(&reactor);
    for number in 0..60_u8 {
        client.send_to(&[number; 50], &server.host()).unwrap();
    }
    settle_some(&reactor);
    assert_eq!((client.counts().sent, send_calls(&reactor) - before), (60, 1));
}

#[test]
fn a_flood_that_the_system_refuses_lets_timers_run_and_is_told_in_bounded_numbers() {
    let limits = Limits::default().with_datagrams_per_turn(8);
    let reactor = Reactor::on(Simulated::new(7), limits);
    reactor.system().set_faults(Faults::none());
    let (protocol, record) = DatagramRecorder::silent();
    let port = udp(&reactor, protocol);
    let everybody = Address::from(SocketAddr::from((Ipv4Addr::BROADCAST, 9)));
    for _ in 0..200 {
        port.send_to(b"x", &everybody).unwrap();
    }
    let seen = Rc::new(Cell::new(None));
    let (noted, counted) = (seen.clone(), port.clone());
    let timer = move || noted.set(Some(counted.counts().failed));
    drop(reactor.call_later(Duration::ZERO, Box::new(timer)));
    let mut before = record.seen().len();
    for _ in 0..200 {
        reactor.turn(Some(Duration::ZERO)).unwrap();
        let now = record.seen().len();
        // Once for the list, and once for a report.
        assert!(now - before <= 16, "{before} and then {now}");
        before = now;
    }
    assert_eq!((port.counts().failed, port.counts().waiting), (200, 0));
    assert!(seen.get().is_some_and(|failed| failed < 200), "{seen:?}");
}

#[test]
fn a_flood_that_the_system_takes_lets_timers_run() {
    let limits = Limits::default().with_datagrams_per_turn(8);
    let reactor = Reactor::on(Simulated::new(7), limits);
    reactor.system().set_faults(Faults::none());
    reactor.system().set_links(Links::loopback());
    let server = udp(&reactor, DatagramRecorder::silent().0);
    let port = udp(&reactor, DatagramRecorder::silent().0);
    for size in (1..=200).rev() {
        // Each is longer than the one before it, so that they make no runs.
        port.send_to(&vec![1; 201 - size], &server.host()).unwrap();
    }
    let seen = Rc::new(Cell::new(None));
    let (noted, counted) = (seen.clone(), port.clone());
    let timer = move || noted.set(Some(counted.counts().sent));
    drop(reactor.call_later(Duration::ZERO, Box::new(timer)));
    for _ in 0..200 {
        reactor.turn(Some(Duration::ZERO)).unwrap();
    }
    assert_eq!((port.counts().sent, port.counts().waiting), (200, 0));
    assert!(seen.get().is_some_and(|sent| sent <= 64), "{seen:?}");
}

#[test]
fn a_port_that_stops_gives_up_behind_as_many_refusals_as_it_sends_in_a_turn() {
    let limits = Limits::default().with_datagrams_per_turn(8);
    let reactor = Reactor::on(Simulated::new(7), limits);
    reactor.system().set_faults(Faults::none());
    let port = udp(&reactor, DatagramRecorder::silent().0);
    let everybody = Address::from(SocketAddr::from((Ipv4Addr::BROADCAST, 9)));
    for _ in 0..200 {
        port.send_to(b"x", &everybody).unwrap();
    }
    drop(port.stop_listening());
    let counts = port.counts();
    assert_eq!((counts.failed, counts.dropped, counts.waiting), (8, 192, 0));
}
