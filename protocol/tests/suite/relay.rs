//! A relay between two recording transports: what reaches the other side, and how it ends.

use std::rc::Rc;

use deferred::Cancelled;
use interfaces::{ConnectError, Event, KeepAliveTimes, Producer, Reason, UnixAddress};
use ropewalk_protocol::relay::RelayOptions;
use ropewalk_protocol::testing::ProducerState;

use crate::support::dressed::Dressed;
use crate::support::relay_scene::{accepted, accepted_on, joined, reset};

#[test]
fn what_one_side_sends_the_other_gets() {
    let scene = joined();
    scene.near(Event::DataReceived(&mut b"ping".to_owned()));
    scene.far(Event::DataReceived(&mut b"pong".to_owned()));
    assert_eq!(scene.far_transport.value(), b"ping");
    assert_eq!(scene.near_transport.value(), b"pong");
}

#[test]
fn the_first_bytes_wait_for_the_other_side_and_no_more_are_taken() {
    let scene = accepted();
    assert_eq!(scene.near_transport.producer_state(), ProducerState::Producing);
    scene.near(Event::DataReceived(&mut b"first ".to_owned()));
    assert_eq!(scene.near_transport.producer_state(), ProducerState::Paused);
    scene.connect();
    assert_eq!(scene.near_transport.producer_state(), ProducerState::Producing);
    scene.near(Event::DataReceived(&mut b"second".to_owned()));
    assert_eq!(scene.far_transport.value(), b"first second");
}

#[test]
fn each_side_is_paused_by_the_other() {
    let scene = joined();
    for side in [0, 1] {
        let (full, paused) = (scene.transport(side), scene.transport(1 - side));
        let Some(Producer::Push(producer)) = full.producer() else {
            panic!("there is no push producer");
        };
        producer.pause_producing();
        assert_eq!(paused.producer_state(), ProducerState::Paused);
        producer.resume_producing();
        assert_eq!(paused.producer_state(), ProducerState::Producing);
    }
}

#[test]
fn half_close_is_carried_across_and_the_answer_still_comes_back() {
    for asks in [0, 1] {
        let scene = joined();
        let (asking, answering) = (scene.transport(asks), scene.transport(1 - asks));
        scene.deliver(asks, Event::DataReceived(&mut b"question".to_owned()));
        scene.deliver(asks, Event::ReadConnectionLost);
        assert_eq!(answering.value(), b"question");
        assert!(answering.write_closed() && !answering.disconnecting());
        assert!(answering.producer().is_none());
        scene.deliver(1 - asks, Event::DataReceived(&mut b"answer".to_owned()));
        assert_eq!(asking.value(), b"answer");
        scene.deliver(1 - asks, Event::ReadConnectionLost);
        assert!(asking.write_closed());
        for transport in [asking, answering] {
            assert!(transport.disconnecting() && !transport.aborting());
            assert!(!transport.losing_with_reset());
            assert!(transport.producer().is_none(), "a producer would hold the close back");
        }
        for side in [0, 1] {
            scene.deliver(side, Event::ConnectionLost(&Reason::Done));
        }
        assert!(scene.troubles().is_empty());
    }
}

#[test]
fn a_clean_end_closes_the_other_side_in_order() {
    for ends in [0, 1] {
        let scene = joined();
        scene.deliver(ends, Event::ConnectionLost(&Reason::Done));
        let other = scene.transport(1 - ends);
        assert!(other.disconnecting() && !other.aborting() && !other.losing_with_reset());
        assert!(other.producer().is_none());
        assert!(scene.troubles().is_empty());
    }
}

#[test]
fn what_came_before_a_break_is_delivered_and_then_the_break() {
    for breaks in [0, 1] {
        for reason in [reset(), Reason::Truncated, Reason::Aborted, Reason::Stopped] {
            let scene = joined();
            scene.deliver(breaks, Event::DataReceived(&mut b"the whole answer".to_owned()));
            scene.deliver(breaks, Event::ConnectionLost(&reason));
            let other = scene.transport(1 - breaks);
            assert_eq!(other.value(), b"the whole answer");
            assert!(other.losing_with_reset(), "{breaks} {reason}");
            assert!(other.producer().is_none(), "a producer would hold the reset back");
        }
    }
}

#[test]
fn a_break_is_told_once_with_its_side() {
    for (breaks, told) in [(0, "accepted side"), (1, "connected side")] {
        let scene = joined();
        scene.deliver(breaks, Event::ConnectionLost(&reset()));
        assert_eq!(scene.troubles(), [format!("{told}: connection lost")]);
        scene.deliver(1 - breaks, Event::ConnectionLost(&reset()));
        assert_eq!(scene.troubles().len(), 1, "the second one follows from the first");
    }
}

#[test]
fn a_side_that_is_full_hears_no_break_before_it_is_empty_and_gets_the_rest() {
    // The transport of the broken side holds what came before the break while it is paused.
    let scene = joined();
    let Some(Producer::Push(producer)) = scene.near_transport.producer() else {
        panic!("there is no push producer");
    };
    scene.far(Event::DataReceived(&mut b"one ".to_owned()));
    producer.pause_producing();
    assert_eq!(scene.far_transport.producer_state(), ProducerState::Paused);
    producer.resume_producing();
    assert_eq!(scene.far_transport.producer_state(), ProducerState::Producing);
    scene.far(Event::DataReceived(&mut b"two".to_owned()));
    scene.far(Event::ConnectionLost(&reset()));
    assert_eq!(scene.near_transport.value(), b"one two");
    assert!(scene.near_transport.losing_with_reset());
}

#[test]
fn what_was_complete_before_the_break_is_delivered_in_order() {
    let scene = joined();
    scene.far(Event::DataReceived(&mut b"the whole answer".to_owned()));
    scene.far(Event::ReadConnectionLost);
    assert!(scene.near_transport.write_closed());
    scene.far(Event::ConnectionLost(&reset()));
    assert!(scene.near_transport.disconnecting() && !scene.near_transport.aborting());
    // What the near side still sends is dropped, and so it must not see a clean end.
    assert!(scene.near_transport.losing_with_reset());
}

#[test]
fn an_end_by_both_sides_stays_one_when_a_reset_follows() {
    let scene = joined();
    scene.far(Event::ReadConnectionLost);
    scene.near(Event::ReadConnectionLost);
    scene.far(Event::ConnectionLost(&Reason::Done));
    assert!(scene.near_transport.disconnecting());
    assert!(!scene.near_transport.losing_with_reset() && !scene.near_transport.aborting());
}

#[test]
fn a_peer_that_goes_away_cancels_the_attempt() {
    let scene = accepted();
    scene.near(Event::ConnectionLost(&reset()));
    let (_, promise) = scene.attempts.take();
    assert!(promise.is_cancelled());
    promise.callback(());
    assert!(scene.troubles().is_empty(), "that a peer gave up is no trouble");
}

#[test]
fn what_a_peer_sent_before_it_went_away_is_delivered_when_the_other_side_is_there() {
    for (reason, is_clean) in [(reset(), false), (Reason::Truncated, false), (Reason::Done, true)] {
        let scene = accepted();
        scene.near(Event::DataReceived(&mut b"all there is".to_owned()));
        scene.near(Event::ConnectionLost(&reason));
        assert!(scene.attempts.is_under_way());
        assert_eq!(scene.troubles().len(), usize::from(!is_clean), "{reason}");
        scene.connect();
        assert_eq!(scene.far_transport.value(), b"all there is");
        assert!(scene.far_transport.disconnecting() && !scene.far_transport.aborting());
        assert_eq!(scene.far_transport.losing_with_reset(), !is_clean, "{reason}");
        assert_eq!(scene.pairs.connections(), 1);
    }
}

#[test]
fn the_end_of_the_input_before_the_other_side_is_there_reaches_it() {
    let scene = accepted();
    scene.near(Event::DataReceived(&mut b"all there is".to_owned()));
    scene.near(Event::ReadConnectionLost);
    scene.connect();
    assert_eq!(scene.far_transport.value(), b"all there is");
    assert!(scene.far_transport.write_closed() && !scene.far_transport.disconnecting());
}

#[test]
fn a_complete_input_stays_complete_when_its_peer_breaks_before_the_other_side_is_there() {
    let scene = accepted();
    scene.near(Event::DataReceived(&mut b"all there is".to_owned()));
    scene.near(Event::ReadConnectionLost);
    scene.near(Event::ConnectionLost(&reset()));
    scene.connect();
    assert_eq!(scene.far_transport.value(), b"all there is");
    assert!(scene.far_transport.disconnecting());
    assert!(!scene.far_transport.losing_with_reset() && !scene.far_transport.aborting());
}

#[test]
fn an_attempt_that_fails_breaks_the_accepted_side_and_says_why() {
    let scene = accepted();
    let address = UnixAddress::Unnamed.into();
    scene.attempts.take().1.errback(ConnectError::EndedAtOnce { address });
    assert!(scene.near_transport.aborting());
    let told = "not connected: connected to unix:, but the connection ended at once";
    assert_eq!(scene.troubles(), [told]);
}

#[test]
fn an_attempt_that_fails_after_its_peer_went_away_is_told_once_and_nothing_is_left() {
    let options = RelayOptions::default().with_retry(None);
    let transport = Dressed::tcp();
    let scene = accepted_on(options, transport.below.clone(), &transport.as_transport());
    scene.near(Event::DataReceived(&mut b"lost".to_owned()));
    scene.near(Event::ConnectionLost(&Reason::Done));
    scene.attempts.refuse();
    assert_eq!(scene.troubles(), ["not connected: cannot connect to unix:"]);
    drop(scene.near);
    assert_eq!(scene.pairs.connections(), 0);
}

#[test]
fn an_attempt_that_a_shutdown_cancels_is_no_trouble() {
    let scene = accepted();
    scene.attempts.take().1.errback(Cancelled);
    assert!(scene.near_transport.aborting());
    assert!(scene.troubles().is_empty());
}

#[test]
fn a_connection_that_comes_too_late_is_not_kept() {
    let scene = accepted();
    scene.near(Event::ConnectionLost(&Reason::Done));
    scene.connect();
    assert!(scene.far_transport.aborting());
}

#[test]
fn tls_that_breaks_on_the_way_out_is_told() {
    let scene = joined();
    scene.far(Event::ConnectionLost(&Reason::Truncated));
    let told = "connected side: tls stream ended without close_notify";
    assert_eq!(scene.troubles(), [told]);
    assert!(scene.near_transport.losing_with_reset());
}

#[test]
fn a_pair_counts_until_both_of_its_connections_are_over() {
    let scene = joined();
    assert_eq!(scene.pairs.connections(), 1);
    scene.near(Event::ConnectionLost(&Reason::Done));
    drop(scene.near);
    assert_eq!(scene.pairs.connections(), 1);
    scene.far.take().unwrap().deliver(Event::ConnectionLost(&Reason::Done));
    assert_eq!(scene.pairs.connections(), 0);
    assert_eq!(scene.clock.pending(), 0, "a timer is left");
}

#[test]
fn small_pieces_go_out_at_once_and_vanished_peers_are_noticed_on_both_sides() {
    let own = KeepAliveTimes::default().with_probes(9);
    let default = RelayOptions::default();
    let cases = [
        (default, Some(KeepAliveTimes::default())),
        (default.with_keep_alive(Some(own)), Some(own)),
        (default.with_keep_alive(None), None),
    ];
    for (options, keep_alive) in cases {
        let [near, far] = [Dressed::tcp(), Dressed::tcp()];
        let scene = accepted_on(options, near.below.clone(), &near.as_transport());
        scene.connect_on(&far.as_transport());
        for transport in [near, far] {
            assert_eq!((transport.no_delay.get(), transport.keep_alive.get()), (true, keep_alive));
        }
    }
}

#[test]
fn over_tls_the_other_side_is_called_when_the_handshake_is_done() {
    let transport = Dressed::tls();
    let below = transport.below.clone();
    let scene = accepted_on(RelayOptions::default(), below, &transport.as_transport());
    assert_eq!(scene.attempts.begun(), 0);
    transport.tls.as_ref().unwrap().set(true);
    scene.near(Event::HandshakeCompleted);
    assert_eq!(scene.attempts.begun(), 1);
    scene.connect();
    // A server that speaks first, as a mail server.
    scene.far(Event::DataReceived(&mut b"220 ready".to_owned()));
    assert_eq!(scene.near_transport.value(), b"220 ready");
}

#[test]
fn a_stranger_without_a_handshake_costs_no_attempt_and_its_end_is_the_listeners_to_tell() {
    for reason in [Reason::Done, reset(), Reason::Truncated] {
        let transport = Dressed::tls();
        let below = transport.below.clone();
        let scene = accepted_on(RelayOptions::default(), below, &transport.as_transport());
        scene.near(Event::ConnectionLost(&reason));
        assert_eq!(scene.attempts.begun(), 0);
        assert!(scene.events.borrow().is_empty());
        drop(scene.near);
        assert_eq!((scene.pairs.connections(), scene.clock.pending()), (0, 0));
    }
}

#[test]
fn tls_whose_handshake_is_done_already_waits_for_nothing() {
    let transport = Dressed::tls();
    transport.tls.as_ref().unwrap().set(true);
    let below = transport.below.clone();
    let scene = accepted_on(RelayOptions::default(), below, &transport.as_transport());
    assert_eq!(scene.attempts.begun(), 1);
}

#[test]
fn a_pair_is_freed_with_its_connections() {
    let scene = joined();
    let transports = [Rc::downgrade(&scene.near_transport), Rc::downgrade(&scene.far_transport)];
    drop(scene);
    assert!(transports.iter().all(|transport| transport.upgrade().is_none()), "a cycle");
}

#[test]
fn a_relay_that_stops_ends_a_side_in_order_where_the_other_stream_is_complete_and_else_with_a_reset()
 {
    for ended in [None, Some(0), Some(1)] {
        let scene = joined();
        if let Some(side) = ended {
            scene.deliver(side, Event::ReadConnectionLost);
        }
        scene.stop.stop();
        for side in [0, 1] {
            let transport = scene.transport(side);
            let is_complete = ended == Some(1 - side);
            assert_eq!(transport.losing_with_reset(), !is_complete, "{ended:?} {side}");
            assert!(transport.disconnecting() && !transport.aborting(), "{ended:?} {side}");
        }
        assert_eq!(scene.troubles(), [""; 0]);
    }
}

#[test]
fn a_relay_that_stops_gives_up_its_attempts() {
    let scene = accepted();
    scene.near(Event::DataReceived(&mut b"early".to_owned()));
    scene.stop.stop();
    assert!(!scene.attempts.is_under_way());
    assert!(scene.near_transport.disconnecting());
    assert_eq!(scene.troubles(), [""; 0]);
}
