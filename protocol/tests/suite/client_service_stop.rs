//! Claims about the end of client services: stopping in every stage, and starting again.

use deferred::{Cancelled, Deferred};
use interfaces::Reason;
use ropewalk_protocol::ProtocolRef;
use ropewalk_protocol::service::Service as _;
use ropewalk_protocol::testing::Recorder;

use crate::support::by_hand::ByHand;
use crate::support::result;
use crate::support::service_scene::{DELAY, ServiceScene, Waiter};

fn assert_cancelled(waiter: Waiter) {
    let failure = result(waiter).map(drop).expect_err("it was cancelled");
    assert!(failure.check::<Cancelled>());
}

#[test]
fn a_start_while_disconnecting_waits_for_the_loss_and_then_connects_at_once() {
    let scene = ServiceScene::connected();
    let stopped = scene.service.stop_service();
    assert!(scene.endpoint.last().transport.disconnecting());
    assert!(!scene.service.running());
    scene.service.start_service().unwrap();
    assert!(scene.service.running());
    assert_eq!(scene.endpoint.attempts(), 1);
    scene.endpoint.last().lose(&Reason::Done);
    assert!(result(stopped).is_ok());
    assert_eq!((scene.endpoint.attempts(), scene.clock.pending()), (2, 0), "without a delay");
}

#[test]
fn a_waiter_of_a_service_that_stops_gets_the_connection_after_the_restart() {
    let scene = ServiceScene::connected();
    let stopped = scene.service.stop_service();
    let waiter = scene.service.when_connected();
    assert!(!waiter.is_fired());
    scene.service.start_service().unwrap();
    assert!(!waiter.is_fired());
    scene.endpoint.last().lose(&Reason::Done);
    assert!(result(stopped).is_ok());
    assert!(!waiter.is_fired());
    scene.endpoint.last().connect();
    assert!(result(waiter).unwrap().ptr_eq(&scene.built(1)));
    assert!(!scene.service.stop_service().is_fired());
}

#[test]
fn a_stopped_service_fails_waiters_at_once_until_it_is_started_again() {
    let scene = ServiceScene::connected();
    let stopped = scene.service.stop_service();
    scene.endpoint.last().lose(&Reason::Done);
    assert!(result(stopped).is_ok());
    assert_cancelled(scene.service.when_connected());
    scene.service.start_service().unwrap();
    let waiter = scene.service.when_connected();
    scene.endpoint.last().connect();
    assert!(result(waiter).unwrap().ptr_eq(&scene.built(1)));
}

#[test]
fn a_stop_while_a_retry_is_under_way_fires_when_that_has_failed_and_makes_no_other() {
    let scene = ServiceScene::over(ByHand::stubborn(), |builder| builder);
    scene.service.start_service().unwrap();
    scene.endpoint.last().refuse();
    scene.clock.advance(DELAY);
    assert_eq!(scene.endpoint.attempts(), 2);
    let stopped = scene.service.stop_service();
    assert!(!stopped.is_fired());
    scene.endpoint.last().refuse();
    assert!(result(stopped).is_ok());
    assert_eq!((scene.endpoint.attempts(), scene.clock.pending()), (2, 0));
}

#[test]
fn a_stop_while_connecting_cancels_the_attempt_and_fires_at_once() {
    let scene = ServiceScene::started();
    let stopped = scene.service.stop_service();
    assert_eq!(scene.endpoint.cancelled(), 1);
    assert!(result(stopped).is_ok());
    assert_eq!(scene.clock.pending(), 0);
}

#[test]
fn a_loss_while_stopping_fires_the_stop_and_fails_those_who_wait() {
    let scene = ServiceScene::connected();
    let stopped = scene.service.stop_service();
    let waiter = scene.service.when_connected();
    scene.endpoint.last().lose(&Reason::Done);
    assert!(result(stopped).is_ok());
    assert_cancelled(waiter);
    assert_cancelled(scene.service.when_connected());
    assert_eq!((scene.endpoint.attempts(), scene.clock.pending()), (1, 0));
}

#[test]
fn a_stop_fails_all_waiters_while_connecting_and_between_attempts() {
    for between in [false, true] {
        let scene = ServiceScene::started();
        if between {
            scene.endpoint.last().refuse();
        }
        let waiters =
            [scene.service.when_connected(), scene.service.when_connected_within_failures(5)];
        assert!(result(scene.service.stop_service()).is_ok());
        waiters.into_iter().for_each(assert_cancelled);
        assert_cancelled(scene.service.when_connected());
        assert_cancelled(scene.service.when_connected_within_failures(5));
    }
}

#[test]
fn a_stop_between_attempts_takes_the_retry_off_the_clock_and_fires_at_once() {
    let scene = ServiceScene::started();
    scene.endpoint.last().refuse();
    assert_eq!(scene.clock.pending(), 1);
    assert!(result(scene.service.stop_service()).is_ok());
    assert_eq!(scene.clock.pending(), 0);
}

#[test]
fn a_stop_of_a_service_that_does_not_run_fires_at_once() {
    let scene = ServiceScene::built_by(|builder| builder);
    let early = scene.service.when_connected();
    assert!(!early.is_fired(), "it may be started yet");
    assert!(result(scene.service.stop_service()).is_ok());
    assert!(result(scene.service.stop_service()).is_ok());
    assert_cancelled(early);
    assert_eq!(scene.endpoint.attempts(), 0);
}

#[test]
fn a_waiter_that_asks_before_the_start_gets_the_first_connection() {
    let scene = ServiceScene::built_by(|builder| builder);
    let early = scene.service.when_connected();
    scene.service.start_service().unwrap();
    scene.endpoint.last().connect();
    assert!(result(early).unwrap().ptr_eq(&scene.built(0)));
}

#[test]
fn several_stops_while_disconnecting_all_fire_with_the_loss_a_start_in_between_or_not() {
    for restarted in [false, true] {
        let scene = ServiceScene::connected();
        let first = scene.service.stop_service();
        if restarted {
            scene.service.start_service().unwrap();
        }
        let second = scene.service.stop_service();
        assert!(!first.is_fired() && !second.is_fired());
        scene.endpoint.last().lose(&Reason::Done);
        assert!(result(first).is_ok() && result(second).is_ok());
        assert_eq!((scene.endpoint.attempts(), scene.clock.pending()), (1, 0));
        assert!(!scene.service.running());
    }
}

#[test]
fn a_stop_while_the_connection_is_prepared_aborts_it_and_fires_when_it_is_gone() {
    let scene = ServiceScene::built_by(|builder| {
        builder.with_prepare_connection(|_: &ProtocolRef<Recorder>| {
            let (never, promise) = Deferred::<()>::new();
            std::mem::forget(promise);
            never
        })
    });
    scene.service.start_service().unwrap();
    let attempt = scene.endpoint.last();
    attempt.connect();
    let stopped = scene.service.stop_service();
    assert!(attempt.transport.aborting());
    assert!(!stopped.is_fired());
    attempt.lose(&Reason::Aborted);
    assert!(result(stopped).is_ok());
    assert_eq!((scene.endpoint.attempts(), scene.clock.pending()), (1, 0));
}

#[test]
fn a_stop_while_a_rejected_connection_ends_fires_when_it_has() {
    let scene = ServiceScene::built_by(|builder| {
        builder.with_prepare_connection(|_: &ProtocolRef<Recorder>| Deferred::<()>::fail(Cancelled))
    });
    scene.service.start_service().unwrap();
    scene.endpoint.last().connect();
    let stopped = scene.service.stop_service();
    assert!(!stopped.is_fired());
    scene.endpoint.last().lose(&Reason::Aborted);
    assert!(result(stopped).is_ok());
    assert_eq!(scene.clock.pending(), 0);
}
