//! The end of pairs that are silent.

use std::time::Duration;

use interfaces::{Event, Producer, Reason};
use ropewalk_protocol::relay::RelayOptions;

use crate::support::dressed::Dressed;
use crate::support::relay_scene::{Scene, accepted_on, joined, joined_with};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn assert_ended(scene: &Scene, told: &str) {
    for side in [0, 1] {
        assert!(scene.transport(side).losing_with_reset(), "{side}");
        assert!(scene.transport(side).producer().is_none(), "it would hold the end back");
    }
    assert_eq!(scene.troubles(), [format!("{told} timed out")]);
}

fn assert_alive(scene: &Scene) {
    for side in [0, 1] {
        assert!(!scene.transport(side).disconnecting());
    }
}

#[test]
fn a_pair_that_is_silent_both_ways_ends_after_an_hour_and_not_before() {
    let scene = joined();
    scene.clock.advance(HOUR - Duration::from_millis(1));
    assert_alive(&scene);
    scene.clock.advance(Duration::from_millis(1));
    assert_ended(&scene, "idle connection");
}

#[test]
fn bytes_in_one_way_keep_a_pair_alive_and_its_end_is_at_most_a_quarter_late() {
    for side in [0, 1] {
        let scene = joined();
        for _ in 0..100 {
            scene.clock.advance(HOUR - Duration::from_secs(1));
            scene.deliver(side, Event::DataReceived(&mut b"x".to_owned()));
        }
        scene.clock.advance(HOUR - Duration::from_secs(1));
        assert_alive(&scene);
        scene.clock.advance(HOUR / 4 + Duration::from_secs(1));
        assert_ended(&scene, "idle connection");
    }
}

#[test]
fn a_pair_of_which_one_side_has_ended_ends_a_minute_after_the_last_byte() {
    for ended in [0, 1] {
        let scene = joined();
        scene.clock.advance(HOUR / 2);
        scene.deliver(ended, Event::ReadConnectionLost);
        for _ in 0..100 {
            scene.clock.advance(MINUTE - Duration::from_secs(1));
            scene.deliver(1 - ended, Event::DataReceived(&mut b"x".to_owned()));
        }
        assert_alive(&scene);
        scene.clock.advance(MINUTE - Duration::from_secs(1));
        assert_alive(&scene);
        scene.clock.advance(MINUTE / 4 + Duration::from_secs(1));
        assert_ended(&scene, "half-closed connection");
    }
}

#[test]
fn a_slow_reader_that_takes_bytes_is_not_silent() {
    for ended in [0, 1] {
        let scene = joined();
        scene.deliver(ended, Event::ReadConnectionLost);
        let Some(Producer::Push(producer)) = scene.transport(ended).producer() else {
            panic!("there is no push producer");
        };
        for _ in 0..10 {
            producer.pause_producing();
            scene.clock.advance(MINUTE - Duration::from_secs(1));
            producer.resume_producing();
        }
        assert_alive(&scene);
    }
}

#[test]
fn a_slow_reader_of_what_the_system_has_is_not_silent_either() {
    let transport = Dressed::tcp();
    let below = transport.below.clone();
    let scene = accepted_on(RelayOptions::default(), below, &transport.as_transport());
    scene.connect();
    transport.undelivered.set(10);
    scene.near(Event::ReadConnectionLost);
    scene.far(Event::ConnectionLost(&Reason::Done));
    for left in (0..10).rev() {
        scene.clock.advance(MINUTE - Duration::from_secs(1));
        transport.undelivered.set(left);
    }
    assert!(!transport.below.aborting() && !transport.below.losing_with_reset());
    scene.clock.advance(MINUTE * 3);
    assert!(transport.below.aborting());
}

#[test]
fn a_side_that_does_not_take_its_end_is_aborted_a_minute_later() {
    let scene = joined();
    scene.near(Event::ReadConnectionLost);
    scene.clock.advance(MINUTE);
    assert_ended(&scene, "half-closed connection");
    scene.far(Event::ConnectionLost(&Reason::Aborted));
    scene.clock.advance(MINUTE - Duration::from_secs(1));
    assert!(!scene.near_transport.aborting());
    scene.clock.advance(Duration::from_secs(1));
    assert!(scene.near_transport.aborting());
    scene.near(Event::ConnectionLost(&Reason::Aborted));
    assert_eq!((scene.clock.pending(), scene.troubles().len()), (0, 1));
}

#[test]
fn what_is_left_for_a_peer_that_does_not_read_is_given_up() {
    for lost in [0, 1] {
        let scene = joined();
        scene.deliver(lost, Event::ConnectionLost(&Reason::Done));
        let other = scene.transport(1 - lost);
        assert!(other.disconnecting());
        scene.clock.advance(MINUTE * 2);
        assert!(other.aborting());
        scene.deliver(1 - lost, Event::ConnectionLost(&Reason::Aborted));
        assert_eq!(scene.clock.pending(), 0);
        assert_eq!(scene.troubles(), ["half-closed connection timed out"]);
    }
}

#[test]
fn each_limit_can_be_another_or_none() {
    let options = RelayOptions::default().with_idle(Some(MINUTE)).with_half_closed(None);
    let scene = joined_with(options);
    scene.near(Event::ReadConnectionLost);
    scene.clock.advance(HOUR * 1000);
    assert_alive(&scene);
    let scene = joined_with(options);
    scene.clock.advance(MINUTE);
    assert_ended(&scene, "idle connection");
    let without_idle = RelayOptions::default().with_idle(None);
    for (options, timers) in [(without_idle, 1), (without_idle.with_half_closed(None), 0)] {
        let scene = joined_with(options);
        scene.clock.advance(HOUR * 10);
        assert_alive(&scene);
        assert_eq!(scene.clock.pending(), timers);
    }
}

#[test]
fn a_message_moves_no_timer() {
    let scene = joined();
    let due = scene.clock.delayed_calls()[0].time();
    for _ in 0..1000 {
        scene.near(Event::DataReceived(&mut b"x".to_owned()));
        scene.far(Event::DataReceived(&mut b"x".to_owned()));
        scene.clock.advance(Duration::from_millis(1));
    }
    let pending = scene.clock.delayed_calls();
    assert_eq!((pending.len(), pending[0].time()), (1, due));
}

#[test]
fn a_side_that_takes_nothing_is_aborted_by_the_limit_that_passed_also_where_the_other_one_is_off() {
    let idle = Duration::from_secs(10);
    let options = RelayOptions::default().with_idle(Some(idle)).with_half_closed(None);
    let scene = joined_with(options);
    scene.clock.advance(idle);
    assert!(scene.near_transport.losing_with_reset() && scene.far_transport.losing_with_reset());
    scene.far(Event::ConnectionLost(&Reason::Aborted));
    for _ in 0..2 {
        scene.clock.advance(idle);
    }
    assert!(scene.near_transport.aborting());
}

#[test]
fn a_side_that_broke_while_the_other_one_takes_nothing_counts_as_ended() {
    for idle in [Some(HOUR), None] {
        let transport = Dressed::tcp();
        let below = transport.below.clone();
        let options = RelayOptions::default().with_idle(idle);
        let scene = accepted_on(options, below, &transport.as_transport());
        scene.connect();
        scene.clock.advance(MINUTE * 10);
        assert_alive(&scene);
        transport.broken.set(true);
        scene.clock.advance(MINUTE - Duration::from_millis(1));
        assert_alive(&scene);
        scene.clock.advance(MINUTE + Duration::from_millis(1));
        assert_ended(&scene, "half-closed connection");
    }
}

#[test]
fn an_idle_pair_is_asked_once_what_its_peers_have_not_taken_and_again_after_bytes() {
    let transport = Dressed::tcp();
    let below = transport.below.clone();
    let scene = accepted_on(RelayOptions::default(), below, &transport.as_transport());
    scene.connect();
    scene.clock.advance(MINUTE * 30);
    assert_eq!(transport.asked.get(), 1);
    for answer in 1..4 {
        // With bytes under way it is asked at every look, until all are taken.
        transport.undelivered.set(10);
        scene.far(Event::DataReceived(&mut b"answer".to_vec()));
        scene.clock.advance(MINUTE * 5);
        assert!(transport.asked.replace(0) > 3, "{answer}");
        transport.undelivered.set(0);
        scene.clock.advance(MINUTE * 30);
        assert_eq!(transport.asked.replace(1), 1, "{answer}");
    }
    scene.clock.advance(HOUR);
    assert_ended(&scene, "idle connection");
}
