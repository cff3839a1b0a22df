//! Claims about services that call a function again and again.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use deferred::{Deferred, Promise};
use interfaces::NotPending;
use ropewalk_protocol::service::{Service, StillStopping, TimerService};
use ropewalk_protocol::testing::Clock;
use testkit::result_of;

use crate::support::reports;

const SECOND: Duration = Duration::from_secs(1);

/// A timer that notes the argument of each call.
struct Scene {
    clock: Clock,
    calls: Rc<RefCell<Vec<&'static str>>>,
    service: TimerService,
}

impl Scene {
    fn every(interval: Duration) -> Self {
        let (clock, calls) = (Clock::new(), Rc::<RefCell<Vec<_>>>::default());
        let (noted, argument) = (calls.clone(), "argument");
        let service = TimerService::new(clock.clone(), interval, move || {
            noted.borrow_mut().push(argument);
            Ok(())
        });
        Self { clock, calls, service }
    }

    fn count(&self) -> usize {
        self.calls.borrow().len()
    }
}

/// A timer whose next call waits for the promise.
fn waiting() -> (TimerService, Promise<()>) {
    let (outstanding, promise) = Deferred::new();
    let next = Cell::new(Some(outstanding));
    let service = TimerService::new(Clock::new(), SECOND, move || {
        next.take().unwrap_or_else(|| Deferred::succeed(()))
    });
    (service, promise)
}

/// service-034
#[test]
fn a_start_calls_at_once_and_then_on_the_clock_that_it_was_given() {
    let scene = Scene::every(SECOND);
    assert!(!scene.service.running() && scene.count() == 0);
    scene.service.start_service().unwrap();
    assert!(scene.service.running());
    assert_eq!((scene.count(), scene.clock.pending()), (1, 1));
    scene.clock.advance(SECOND);
    assert_eq!(scene.count(), 2);
}

/// service-036
#[test]
fn a_stop_waits_for_the_call_that_is_outstanding() {
    let (service, promise) = waiting();
    service.start_service().unwrap();
    let stops = [(); 2].map(|()| service.stop_service());
    assert!(stops.iter().all(|stop| !stop.is_fired()) && service.running());
    assert!(service.start_service().unwrap_err().check::<StillStopping>());
    promise.callback(());
    assert!(stops.into_iter().all(|stop| result_of(stop).is_ok()));
    assert!(!service.running());
}

/// service-039
#[test]
fn it_calls_with_its_argument_and_can_be_stopped_and_started_anew() {
    let scene = Scene::every(SECOND);
    for calls in [1, 2] {
        scene.service.start_service().unwrap();
        assert_eq!(*scene.calls.borrow(), vec!["argument"; calls]);
        result_of(scene.service.stop_service()).unwrap();
        assert!(!scene.service.running());
        assert_eq!(scene.clock.pending(), 0);
        scene.clock.advance(SECOND * 10);
        assert_eq!(scene.count(), calls);
    }
}

/// service-039
#[test]
fn an_interval_of_ten_milliseconds_makes_ten_calls_in_ninety() {
    let scene = Scene::every(Duration::from_millis(10));
    scene.service.start_service().unwrap();
    scene.clock.pump([Duration::from_millis(10); 9]);
    assert_eq!(scene.count(), 10);
}

/// service-022
#[test]
fn it_uses_its_clock_for_every_start() {
    let scene = Scene::every(SECOND);
    for _ in 0..2 {
        scene.service.start_service().unwrap();
        assert_eq!(scene.clock.pending(), 1);
        result_of(scene.service.stop_service()).unwrap();
        assert_eq!(scene.clock.pending(), 0);
    }
}

#[test]
fn an_error_of_the_function_is_logged_once_and_ends_it() {
    let fails = Rc::new(Cell::new(true));
    let does_fail = fails.clone();
    let service = TimerService::new(Clock::new(), SECOND, move || match does_fail.get() {
        true => Err(NotPending.into()),
        false => Ok(()),
    });
    let told = reports(|| service.start_service().unwrap());
    assert!(told.len() == 1 && told[0].contains("not pending"), "{told:?}");
    assert!(!service.running());
    result_of(service.stop_service()).unwrap();
    fails.set(false);
    service.start_service().unwrap();
    assert!(service.running());
}

#[test]
fn a_panic_of_the_function_at_the_start_leaves_a_service_that_can_stop_and_start() {
    let panics = Rc::new(Cell::new(true));
    let does_panic = panics.clone();
    let service = TimerService::new(Clock::new(), SECOND, move || {
        assert!(!does_panic.get(), "on purpose");
        Ok(())
    });
    assert!(catch_unwind(AssertUnwindSafe(|| service.start_service())).is_err());
    assert!(!service.running());
    result_of(service.stop_service()).unwrap();
    panics.set(false);
    service.start_service().unwrap();
    assert!(service.running());
}

#[test]
fn the_function_may_stop_the_service_that_calls_it() {
    let own = Rc::new(RefCell::new(None::<TimerService>));
    let reached = own.clone();
    let clock = Clock::new();
    let service = TimerService::new(clock.clone(), SECOND, move || {
        let service = reached.borrow().clone().expect("it was set");
        let _stopping = service.stop_service();
        Ok(())
    });
    own.replace(Some(service.clone()));
    service.start_service().unwrap();
    assert!(!service.running());
    assert_eq!(clock.pending(), 0);
    own.take();
}
