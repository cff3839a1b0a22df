//! The outgoing connection of a relay while its server is not up.

use std::time::Duration;

use interfaces::{ConnectError, Event, Reason, Transport as _, UnixAddress};
use ropewalk_protocol::relay::RelayOptions;

use crate::support::relay_scene::{Scene, accepted_with, refused};

fn patient(seconds: u64) -> Scene {
    let time = Duration::from_secs(seconds);
    accepted_with(RelayOptions::default().with_retry(Some(time)))
}

#[test]
fn a_server_that_comes_up_in_time_gets_its_connection() {
    let scene = patient(60);
    scene.near(Event::DataReceived(&mut b"hello".to_owned()));
    for tries in 1..=5 {
        assert_eq!(scene.attempts.begun(), tries);
        scene.attempts.refuse();
        scene.clock.advance(Duration::from_secs(1));
    }
    scene.connect();
    assert_eq!(scene.far_transport.value(), b"hello");
    assert!(scene.troubles().is_empty());
}

#[test]
fn the_pauses_grow_and_the_last_try_is_at_the_limit() {
    let scene = patient(10);
    let mut times = Vec::new();
    while !scene.near_transport.aborting() {
        if scene.attempts.is_under_way() {
            times.push(scene.clock_millis());
            scene.attempts.refuse();
        }
        scene.clock.advance(Duration::from_millis(50));
    }
    assert_eq!(times[..6], [0, 50, 150, 350, 750, 1550]);
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] <= 1000), "{times:?}");
    assert_eq!(times.last(), Some(&10_000));
    assert_eq!(scene.troubles(), ["not connected: cannot connect to unix:"]);
}

impl Scene {
    fn clock_millis(&self) -> u128 {
        interfaces::ReactorTime::now(&self.clock).as_millis()
    }
}

#[test]
fn without_a_time_for_it_one_try_is_all() {
    let scene = accepted_with(RelayOptions::default().with_retry(None));
    scene.attempts.refuse();
    assert!(scene.near_transport.aborting());
    assert_eq!((scene.attempts.begun(), scene.clock.pending()), (1, 0));
}

#[test]
fn a_peer_that_goes_away_ends_the_tries() {
    let scene = patient(60);
    scene.attempts.refuse();
    scene.near(Event::ConnectionLost(&Reason::Done));
    scene.clock.advance(Duration::from_secs(60));
    assert_eq!((scene.attempts.begun(), scene.clock.pending()), (1, 0));
    drop(scene.near);
    assert_eq!(scene.pairs.connections(), 0);
}

#[test]
fn a_peer_that_went_away_behind_its_bytes_does_not() {
    let scene = patient(60);
    scene.near(Event::DataReceived(&mut b"a log line".to_owned()));
    scene.attempts.refuse();
    scene.near(Event::ConnectionLost(&Reason::Done));
    scene.clock.advance(Duration::from_secs(1));
    scene.connect();
    assert_eq!(scene.far_transport.value(), b"a log line");
}

#[test]
fn every_try_is_made_for_the_accepted_connection_also_when_that_has_gone() {
    let scene = patient(60);
    let peer = scene.near_transport.peer();
    scene.near(Event::DataReceived(&mut b"a log line".to_owned()));
    scene.attempts.refuse();
    scene.near(Event::ConnectionLost(&Reason::Done));
    scene.clock.advance(Duration::from_secs(1));
    assert_eq!(scene.attempts.served(), [peer.clone(), peer]);
}

#[test]
fn a_failure_that_another_try_cannot_mend_is_final() {
    let scene = patient(60);
    let address = UnixAddress::Unnamed.into();
    scene.attempts.take().1.errback(ConnectError::NoProtocol { address });
    assert!(scene.near_transport.aborting());
    assert_eq!((scene.attempts.begun(), scene.troubles().len()), (1, 1));
}

#[test]
fn every_failure_that_passes_is_tried_again() {
    let address = || UnixAddress::Unnamed.into();
    let after = Duration::from_secs(1);
    let passing = [
        refused(),
        ConnectError::TimedOut { address: address(), after },
        ConnectError::NotLocked { address: address() },
        ConnectError::AllFailed { host: "server".into(), attempts: Vec::new() },
    ];
    for failure in passing {
        let scene = patient(60);
        scene.attempts.take().1.errback(failure);
        scene.clock.advance(after);
        assert_eq!(scene.attempts.begun(), 2);
    }
}
