//! Claims about client services: connecting, failing, retrying, and telling those who wait.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use deferred::{Cancelled, Deferred, Promise};
use interfaces::{ConnectError, Reason};
use ropewalk_protocol::ProtocolRef;
use ropewalk_protocol::client::{BackoffPolicy, ClientService, ClientServiceBuilder};
use ropewalk_protocol::service::Service as _;
use ropewalk_protocol::task::TimedOut;
use ropewalk_protocol::testing::{Clock, Record, Recorder};

use crate::support::by_hand::{Attempt, ByHand};
use crate::support::result;
use crate::support::service_scene::{DELAY, ServiceScene, Waiter};

#[test]
fn a_connection_gives_the_programs_own_protocol_and_leaves_no_timer() {
    let scene = ServiceScene::started();
    let waiter = scene.service.when_connected();
    assert!(!waiter.is_fired());
    scene.endpoint.last().connect();
    let protocol = result(waiter).unwrap();
    assert!(protocol.ptr_eq(&scene.built(0)));
    assert!(scene.service.running());
    assert_eq!(scene.clock.pending(), 0);
    assert!(result(scene.service.when_connected()).unwrap().ptr_eq(&protocol), "and at once");
}

#[test]
fn a_failed_attempt_is_made_again_after_the_delay_while_waiters_wait() {
    let scene = ServiceScene::started();
    let waiter = scene.service.when_connected();
    scene.endpoint.last().refuse();
    assert!(!waiter.is_fired());
    scene.clock.advance(DELAY - Duration::from_millis(1));
    assert_eq!(scene.endpoint.attempts(), 1);
    scene.clock.advance(Duration::from_millis(1));
    assert_eq!((scene.endpoint.attempts(), scene.clock.pending()), (2, 0));
    assert!(!waiter.is_fired());
    scene.endpoint.last().connect();
    assert!(result(waiter).is_ok());
}

#[test]
fn a_lost_connection_is_made_again_once_after_the_delay() {
    let scene = ServiceScene::connected();
    scene.endpoint.last().lose(&Reason::Done);
    let waiter = scene.service.when_connected();
    assert_eq!((scene.endpoint.attempts(), scene.clock.pending()), (1, 1));
    scene.clock.advance(DELAY);
    assert_eq!((scene.endpoint.attempts(), scene.clock.pending()), (2, 0));
    scene.endpoint.last().connect();
    assert!(result(waiter).unwrap().ptr_eq(&scene.built(1)), "the new protocol");
}

#[test]
fn a_refused_peer_is_a_failure_and_retried_after_the_delay() {
    let scene = ServiceScene::started();
    let waiter = scene.service.when_connected();
    scene.refuses.set(true);
    assert!(!scene.endpoint.last().build());
    scene.endpoint.last().refuse();
    assert_eq!((scene.endpoint.attempts(), scene.clock.pending()), (1, 1));
    assert!(!waiter.is_fired());
    scene.clock.advance(DELAY);
    assert_eq!(scene.endpoint.attempts(), 2);
    assert!(!waiter.is_fired());
}

#[test]
fn a_second_start_makes_no_further_attempt_and_is_told_to_the_observer() {
    let scene = ServiceScene::started();
    scene.service.start_service().unwrap();
    assert_eq!(scene.endpoint.attempts(), 1);
    assert_eq!(scene.observed(), ["starting a client service: it runs already, and goes on"]);
}

#[test]
fn a_failed_attempt_is_told_to_the_observer() {
    let scene = ServiceScene::started();
    scene.endpoint.last().refuse();
    assert_eq!(scene.observed(), [format!("connecting: {}", Attempt::refusal())]);
}

#[test]
fn all_waiters_get_one_protocol_whether_they_bear_failures_or_not() {
    let scene = ServiceScene::started();
    let waiters = [
        scene.service.when_connected(),
        scene.service.when_connected(),
        scene.service.when_connected_within_failures(1),
    ];
    scene.endpoint.last().connect();
    for waiter in waiters {
        assert!(result(waiter).unwrap().ptr_eq(&scene.built(0)));
    }
}

#[test]
fn a_waiter_gives_up_after_as_many_failures_as_it_bears_counted_from_its_own_asking() {
    let scene = ServiceScene::started();
    let patient = scene.service.when_connected();
    let (one, three) = (
        scene.service.when_connected_within_failures(1),
        scene.service.when_connected_within_failures(3),
    );
    scene.endpoint.last().refuse();
    let failure = result(one).map(drop).unwrap_err();
    assert!(matches!(failure.downcast_ref(), Some(ConnectError::Refused { .. })));
    let (two, none) = (
        scene.service.when_connected_within_failures(2),
        scene.service.when_connected_within_failures(0),
    );
    scene.clock.advance(DELAY);
    scene.endpoint.last().refuse();
    assert!(none.is_fired(), "0 is as 1");
    assert!(result(none).is_err());
    assert!(!two.is_fired() && !three.is_fired());
    scene.clock.advance(2 * DELAY);
    scene.endpoint.last().refuse();
    assert!(result(two).is_err() && result(three).is_err());
    assert!(!patient.is_fired());
}

#[test]
fn a_waiter_that_was_cancelled_is_not_kept() {
    let scene = ServiceScene::started();
    for _ in 0..10 {
        let waiter = scene.service.when_connected();
        waiter.cancel_handle().cancel();
        assert!(result(waiter).map(drop).unwrap_err().check::<Cancelled>());
    }
    scene.endpoint.last().connect();
    assert_eq!(scene.endpoint.attempts(), 1);
}

#[test]
fn a_connection_resets_the_count_so_that_the_next_delay_is_the_first() {
    let scene = ServiceScene::started();
    for failures in 1..4 {
        scene.endpoint.last().refuse();
        assert_eq!(scene.service.failures(), failures);
        scene.clock.advance(DELAY * failures);
    }
    scene.endpoint.last().connect();
    assert_eq!(scene.service.failures(), 0);
    scene.endpoint.last().lose(&Reason::Done);
    assert_eq!(scene.policy_calls(), [1, 2, 3, 1]);
}

/// A service whose preparation the test decides.
fn preparing() -> (ServiceScene, Rc<RefCell<Vec<Promise<()>>>>, Rc<Cell<usize>>) {
    let (promises, calls) = (Rc::<RefCell<Vec<Promise<()>>>>::default(), Rc::new(Cell::new(0)));
    let (kept, counted) = (promises.clone(), calls.clone());
    let scene = ServiceScene::built_by(|builder| {
        builder.with_prepare_connection(move |_: &ProtocolRef<Recorder>| {
            counted.set(counted.get() + 1);
            let (prepared, promise) = Deferred::<()>::new();
            kept.borrow_mut().push(promise);
            prepared
        })
    });
    scene.service.start_service().expect("it can be started");
    (scene, promises, calls)
}

#[test]
fn preparing_is_called_once_for_each_connection_and_never_for_a_failed_attempt() {
    let calls = Rc::new(RefCell::new(Vec::new()));
    let seen = calls.clone();
    let scene = ServiceScene::built_by(|builder| {
        builder.with_prepare_connection(move |protocol: &ProtocolRef<Recorder>| {
            seen.borrow_mut().push(protocol.clone());
            assert!(protocol.transport().is_some(), "its connection_made has run");
            Ok("a value that is ignored")
        })
    });
    scene.service.start_service().unwrap();
    scene.endpoint.last().refuse();
    scene.clock.advance(DELAY);
    assert!(calls.borrow().is_empty());
    scene.endpoint.last().connect();
    assert!(calls.borrow()[0].ptr_eq(&scene.built(0)));
    assert!(result(scene.service.when_connected()).unwrap().ptr_eq(&scene.built(0)));
    scene.endpoint.last().lose(&Reason::Done);
    scene.clock.advance(DELAY);
    scene.endpoint.last().connect();
    assert_eq!(calls.borrow().len(), 2);
    assert!(calls.borrow()[1].ptr_eq(&scene.built(1)));
}

#[test]
fn waiters_wait_until_the_connection_is_prepared() {
    let (scene, promises, _) = preparing();
    let waiter = scene.service.when_connected();
    scene.endpoint.last().connect();
    assert!(!waiter.is_fired() && !scene.service.when_connected().is_fired());
    promises.borrow_mut().remove(0).callback(());
    assert!(result(waiter).unwrap().ptr_eq(&scene.built(0)));
}

/// Twisted leaves the rejected connection open.
#[test]
fn a_connection_that_the_preparation_rejects_is_aborted_and_retried_when_it_is_gone() {
    let (scene, promises, calls) = preparing();
    let waiter = scene.service.when_connected_within_failures(2);
    for round in 1..=2 {
        let attempt = scene.endpoint.last();
        attempt.connect();
        promises.borrow_mut().remove(0).errback(Attempt::refusal());
        assert!(attempt.transport.aborting());
        assert_eq!(scene.clock.pending(), 0, "the connection is not gone yet");
        attempt.lose(&Reason::Aborted);
        assert_eq!((scene.endpoint.attempts(), scene.clock.pending()), (round, 1));
        scene.clock.advance(DELAY * 2);
        assert_eq!(calls.get(), round);
    }
    let failure = result(waiter).map(drop).unwrap_err();
    assert!(matches!(failure.downcast_ref(), Some(ConnectError::Refused { .. })));
    assert_eq!(scene.policy_calls(), [1, 2]);
}

/// Twisted's machine has no transition for it.
#[test]
fn a_connection_that_is_lost_while_it_is_prepared_is_a_failure_with_its_reason() {
    let (scene, promises, _) = preparing();
    let waiter = scene.service.when_connected_within_failures(1);
    scene.endpoint.last().connect();
    scene.endpoint.last().lose(&Reason::Truncated);
    assert!(promises.borrow()[0].is_cancelled());
    let failure = result(waiter).map(drop).unwrap_err();
    assert!(matches!(failure.downcast_ref(), Some(Reason::Truncated)));
    assert_eq!(scene.clock.pending(), 1);
    scene.clock.advance(DELAY);
    assert_eq!(scene.endpoint.attempts(), 2);
    promises.borrow_mut().clear(); // too late: of the first connection
    scene.endpoint.last().connect();
    promises.borrow_mut().remove(0).callback(());
    assert!(result(scene.service.when_connected()).is_ok());
}

#[test]
fn a_time_limit_covers_the_preparation_and_aborts_what_it_gave_up_on() {
    let limit = Duration::from_secs(5);
    let scene = ServiceScene::built_by(|builder| {
        builder.with_time_limit(limit).with_prepare_connection(|_: &ProtocolRef<Recorder>| {
            let (never, promise) = Deferred::<()>::new();
            std::mem::forget(promise);
            never
        })
    });
    scene.service.start_service().unwrap();
    let waiter = scene.service.when_connected_within_failures(2);
    scene.clock.advance(limit);
    assert_eq!(scene.endpoint.cancelled(), 1, "an attempt without an answer");
    scene.clock.advance(DELAY);
    let attempt = scene.endpoint.last();
    attempt.connect();
    scene.clock.advance(limit);
    assert!(attempt.transport.aborting());
    let failure = result(waiter).map(drop).unwrap_err();
    assert_eq!(failure.downcast_ref(), Some(&TimedOut::new(limit)));
    attempt.lose(&Reason::Aborted);
    scene.clock.advance(2 * DELAY);
    assert_eq!(scene.endpoint.attempts(), 3);
}

#[test]
fn a_late_connection_of_an_attempt_that_was_given_up_is_aborted_and_no_second_one_stands() {
    let scene = ServiceScene::over(ByHand::stubborn(), |builder| {
        builder.with_time_limit(Duration::from_secs(5))
    });
    scene.service.start_service().unwrap();
    let late = scene.endpoint.last();
    assert!(late.build());
    scene.clock.advance(Duration::from_secs(5));
    assert_eq!(scene.endpoint.attempts(), 1, "the first attempt is not over");
    late.make();
    scene.service.stop_service();
    late.succeed();
    assert!(late.transport.aborting());
    let gone = scene.service.when_connected();
    late.lose(&Reason::Aborted);
    assert!(result(gone).map(drop).unwrap_err().check::<Cancelled>());
}

#[test]
fn the_watch_of_a_connection_passes_on_what_its_protocol_can() {
    let record = Record::new();
    let endpoint = ByHand::default();
    let service = ClientServiceBuilder::new(endpoint.clone(), Clock::new(), move |_| {
        Some(ProtocolRef::new(Recorder::new(&record).half_closeable()))
    })
    .build();
    service.start_service().unwrap();
    endpoint.last().connect();
    assert!(endpoint.last().protocol().is_half_closeable());
    let plain = ServiceScene::connected();
    assert!(!plain.endpoint.last().protocol().is_half_closeable());
}

#[test]
fn the_default_delays_lie_between_one_and_a_half_seconds_and_a_minute_with_a_second_of_jitter() {
    let (clock, endpoint) = (Clock::new(), ByHand::default());
    let record = Record::new();
    let service =
        ClientService::new(endpoint.clone(), clock.clone(), move |_| Recorder::new(&record));
    service.start_service().unwrap();
    for failures in 1..=20 {
        endpoint.last().refuse();
        let due = 1.5_f64.powi(failures).min(60.0);
        clock.advance(Duration::from_secs_f64(due) - Duration::from_millis(1));
        assert_eq!(endpoint.attempts(), failures as usize, "too early");
        clock.advance(Duration::from_millis(1001));
        assert_eq!(endpoint.attempts(), failures as usize + 1, "too late");
    }
}

#[test]
fn a_backoff_grows_to_its_maximum_then_adds_the_jitter_and_never_overflows() {
    let policy = || BackoffPolicy::default().with_jitter(|| Duration::from_secs(1));
    let delay = |failures| policy().delay(failures).as_secs_f64();
    assert_eq!((delay(0), delay(1)), (2.0, 2.5));
    assert!((delay(10) - 58.665).abs() < 0.001, "{}", delay(10));
    for failures in [20, 100, 1751, 1_000_000, u32::MAX] {
        assert_eq!(delay(failures), 61.0, "after {failures}");
    }
    let steep = policy().with_factor(1e10);
    assert_eq!(steep.delay(3).as_secs_f64(), 61.0);
    assert_eq!(steep.delay(u32::MAX).as_secs_f64(), 61.0);
    let odd = policy().with_factor(f64::NAN);
    assert!(odd.delay(5) <= Duration::from_secs(61));
}

#[test]
fn a_waiter_may_ask_again_and_stop_the_service_from_inside_its_callback() {
    let scene = ServiceScene::started();
    let again = scene.service.clone();
    let stopped = Rc::new(Cell::new(false));
    let noted = stopped.clone();
    scene.service.when_connected().add_callback(move |protocol| {
        let second = result(again.when_connected()).expect("it is connected");
        assert!(second.ptr_eq(&protocol));
        again.stop_service().add_callback(move |()| {
            noted.set(true);
            Ok(())
        })
    });
    scene.endpoint.last().connect();
    let attempt = scene.endpoint.last();
    assert!(attempt.transport.disconnecting());
    attempt.lose(&Reason::Done);
    assert!(stopped.get());
    let waiter: Waiter = scene.service.when_connected();
    assert!(result(waiter).map(drop).unwrap_err().check::<Cancelled>());
}

#[test]
fn a_retry_policy_that_panics_delays_the_next_attempt_by_a_minute() {
    let scene = ServiceScene::built_by(|builder| {
        builder.with_retry_policy(|failures| {
            assert_ne!(failures, 1, "planned");
            DELAY
        })
    });
    scene.service.start_service().unwrap();
    let attempt = scene.endpoint.last();
    let caught = catch_unwind(AssertUnwindSafe(|| attempt.refuse()));
    assert!(caught.is_err());
    scene.clock.advance(Duration::from_secs(59));
    assert_eq!(scene.endpoint.attempts(), 1);
    scene.clock.advance(Duration::from_secs(1));
    assert_eq!(scene.endpoint.attempts(), 2);
    scene.endpoint.last().refuse();
    scene.clock.advance(DELAY);
    assert_eq!(scene.endpoint.attempts(), 3);
}
