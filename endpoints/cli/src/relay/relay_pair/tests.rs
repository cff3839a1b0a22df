//! A relay between two recording transports.

use std::cell::RefCell;
use std::rc::Rc;

use deferred::{Cancelled, Deferred, Failure, Promise};
use interfaces::{ConnectError, Deliver, Event, OsError, Producer, Reason, UnixAddress};
use protocol::ProtocolRef;
use protocol::testing::{ProducerState, StringTransport};

use super::{RelayPair, Side};
use crate::relay::RelayProtocol;

/// A relay whose outgoing attempt the test fires.
struct Scene {
    near: Rc<dyn Deliver>,
    far: Rc<dyn Deliver>,
    near_transport: Rc<StringTransport>,
    far_transport: Rc<StringTransport>,
    attempt: Rc<RefCell<Option<Promise<()>>>>,
    troubles: Rc<RefCell<Vec<String>>>,
}

/// The connection is accepted, and the outgoing one not there yet.
fn accepted() -> Scene {
    let attempt = Rc::new(RefCell::new(None));
    let troubles = Rc::new(RefCell::new(Vec::new()));
    let (slot, seen) = (attempt.clone(), troubles.clone());
    let pair = RelayPair::new(
        move |_| {
            let (deferred, promise) = Deferred::new();
            slot.replace(Some(promise));
            deferred
        },
        move |error| seen.borrow_mut().push(error.to_string()),
    );
    let half = |side| ProtocolRef::new(RelayProtocol::new(pair.clone(), side)).as_deliver();
    let scene = Scene {
        near: half(Side::Accepted),
        far: half(Side::Connected),
        near_transport: StringTransport::new(),
        far_transport: StringTransport::new(),
        attempt,
        troubles,
    };
    scene.near.deliver(Event::ConnectionMade(&scene.near_transport.as_transport()));
    scene
}

/// Both connections stand.
fn joined() -> Scene {
    let scene = accepted();
    scene.far.deliver(Event::ConnectionMade(&scene.far_transport.as_transport()));
    scene.promise().callback(());
    scene
}

impl Scene {
    fn promise(&self) -> Promise<()> {
        self.attempt.take().expect("the attempt was begun")
    }
}

fn reset() -> Reason {
    Reason::Lost(Failure::new(OsError::from_raw_os_error(104)))
}

#[test]
fn what_one_side_sends_the_other_gets() {
    let scene = joined();
    scene.near.deliver(Event::DataReceived(&mut b"ping".to_owned()));
    scene.far.deliver(Event::DataReceived(&mut b"pong".to_owned()));
    assert_eq!(scene.far_transport.value(), b"ping");
    assert_eq!(scene.near_transport.value(), b"pong");
}

#[test]
fn the_first_bytes_wait_for_the_other_side_and_no_more_are_taken() {
    let scene = accepted();
    assert_eq!(scene.near_transport.producer_state(), ProducerState::Producing);
    scene.near.deliver(Event::DataReceived(&mut b"first ".to_owned()));
    assert_eq!(scene.near_transport.producer_state(), ProducerState::Paused);
    scene.far.deliver(Event::ConnectionMade(&scene.far_transport.as_transport()));
    assert_eq!(scene.near_transport.producer_state(), ProducerState::Producing);
    scene.near.deliver(Event::DataReceived(&mut b"second".to_owned()));
    assert_eq!(scene.far_transport.value(), b"first second");
}

#[test]
fn each_side_is_paused_by_the_other() {
    let scene = joined();
    let sides = [
        (&scene.far_transport, &scene.near_transport),
        (&scene.near_transport, &scene.far_transport),
    ];
    for (full, paused) in sides {
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
    let scene = joined();
    scene.near.deliver(Event::DataReceived(&mut b"question".to_owned()));
    scene.near.deliver(Event::ReadConnectionLost);
    assert!(scene.far_transport.write_closed() && !scene.far_transport.disconnecting());
    assert!(scene.far_transport.producer().is_none());
    scene.far.deliver(Event::DataReceived(&mut b"answer".to_owned()));
    assert_eq!(scene.near_transport.value(), b"answer");
    scene.far.deliver(Event::ReadConnectionLost);
    assert!(scene.near_transport.write_closed());
    for transport in [&scene.near_transport, &scene.far_transport] {
        assert!(transport.disconnecting() && !transport.aborting());
        assert!(transport.producer().is_none(), "a producer would hold the close back");
    }
}

#[test]
fn a_clean_end_closes_the_other_side_in_order() {
    let scene = joined();
    scene.near.deliver(Event::ConnectionLost(&Reason::Done));
    assert!(scene.far_transport.disconnecting() && !scene.far_transport.aborting());
    assert!(scene.far_transport.producer().is_none());
    assert!(scene.troubles.borrow().is_empty());
}

#[test]
fn a_broken_side_breaks_the_other_so_that_its_peer_can_tell() {
    for reason in [reset(), Reason::Truncated, Reason::Aborted] {
        let scene = joined();
        scene.near.deliver(Event::ConnectionLost(&reason));
        assert!(scene.far_transport.aborting(), "{reason}");
    }
}

#[test]
fn what_was_complete_before_the_break_is_delivered_in_order() {
    let scene = joined();
    scene.far.deliver(Event::DataReceived(&mut b"the whole answer".to_owned()));
    scene.far.deliver(Event::ReadConnectionLost);
    scene.far.deliver(Event::ConnectionLost(&reset()));
    assert!(scene.near_transport.disconnecting() && !scene.near_transport.aborting());
}

#[test]
fn a_peer_that_goes_away_cancels_the_attempt() {
    let scene = accepted();
    scene.near.deliver(Event::ConnectionLost(&reset()));
    let promise = scene.promise();
    assert!(promise.is_cancelled());
    promise.callback(());
    assert!(scene.troubles.borrow().is_empty(), "that a peer gave up is no trouble");
}

#[test]
fn an_attempt_that_fails_breaks_the_accepted_side_and_says_why() {
    let scene = accepted();
    let address = UnixAddress::Unnamed.into();
    scene.promise().errback(ConnectError::EndedAtOnce { address });
    assert!(scene.near_transport.aborting());
    let troubles = scene.troubles.borrow();
    assert_eq!(*troubles, ["connected to unix:, but the connection ended at once"]);
}

#[test]
fn an_attempt_that_a_shutdown_cancels_is_no_trouble() {
    let scene = accepted();
    scene.promise().errback(Cancelled);
    assert!(scene.near_transport.aborting());
    assert!(scene.troubles.borrow().is_empty());
}

#[test]
fn a_connection_that_comes_too_late_is_not_kept() {
    let scene = accepted();
    scene.near.deliver(Event::ConnectionLost(&Reason::Done));
    scene.far.deliver(Event::ConnectionMade(&scene.far_transport.as_transport()));
    assert!(scene.far_transport.aborting());
}

#[test]
fn the_end_of_the_input_before_the_other_side_is_there_reaches_it() {
    let scene = accepted();
    scene.near.deliver(Event::DataReceived(&mut b"all there is".to_owned()));
    scene.near.deliver(Event::ReadConnectionLost);
    scene.far.deliver(Event::ConnectionMade(&scene.far_transport.as_transport()));
    assert_eq!(scene.far_transport.value(), b"all there is");
    assert!(scene.far_transport.write_closed() && !scene.far_transport.disconnecting());
}

#[test]
fn tls_that_breaks_on_the_way_out_is_told() {
    let scene = joined();
    scene.far.deliver(Event::ConnectionLost(&Reason::Truncated));
    assert_eq!(scene.troubles.borrow().len(), 1);
    assert!(scene.near_transport.aborting());
}
