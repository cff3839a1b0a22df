//! Claims about functions that are called again and again: when they run, and how it ends.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use crate::support::work::advance_late;
use deferred::{Cancelled, Deferred, Failure};
use interfaces::{NotPending, ReactorTime};
use ropewalk_protocol::task::{AlreadyLooping, LoopingCall, NotLooping};
use ropewalk_protocol::testing::Clock;

const SECOND: Duration = Duration::from_secs(1);
const HALF: Duration = Duration::from_millis(500);

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A looping call that notes when it runs, in milliseconds.
struct Noted {
    clock: Clock,
    looping: LoopingCall,
    runs: Rc<RefCell<Vec<u128>>>,
}

impl Noted {
    fn new() -> Self {
        Self::doing(|_, _| Ok(()))
    }

    /// Does this, too, and tells it the number of the run.
    fn doing(mut work: impl FnMut(&LoopingCall, usize) -> Result<(), Failure> + 'static) -> Self {
        let (clock, runs) = (Clock::new(), Rc::<RefCell<Vec<u128>>>::default());
        let (watch, note) = (clock.clone(), runs.clone());
        let looping = LoopingCall::new(Rc::new(clock.clone()), move |looping| {
            note.borrow_mut().push(watch.now().as_millis());
            let number = note.borrow().len();
            work(looping, number)
        });
        Self { clock, looping, runs }
    }

    fn pump(&self, steps: &[u64]) {
        advance_late(&self.clock, steps.iter().copied().map(ms));
    }

    fn runs(&self) -> Vec<u128> {
        self.runs.borrow().clone()
    }
}

fn is_done(deferred: Deferred<()>) -> bool {
    matches!(deferred.try_into_result(), Ok(Ok(())))
}

fn failure_of(deferred: Deferred<()>) -> Failure {
    deferred.try_into_result().expect("it has fired").expect_err("it has failed")
}

/// task-001: the clock is what it is given, and the only one that it asks.
#[test]
fn it_runs_on_the_clock_that_it_was_given_and_on_no_other() {
    let (noted, other) = (Noted::new(), Clock::new());
    let _done = noted.looping.start_later(SECOND).unwrap();
    assert_eq!((noted.clock.pending(), other.pending()), (1, 0));
    other.advance(SECOND * 5);
    assert!(noted.runs().is_empty());
}

/// task-003
#[test]
fn ticks_that_were_missed_are_not_replayed() {
    let noted = Noted::new();
    let _done = noted.looping.start(HALF).unwrap();
    noted.pump(&[2000]);
    assert_eq!(noted.runs(), [0, 2000]);
    noted.pump(&[1000, 0]);
    assert_eq!(noted.runs(), [0, 2000, 3000]);
}

/// task-010
#[test]
fn it_runs_at_once_and_at_each_tick_until_it_is_stopped() {
    let noted = Noted::new();
    let done = noted.looping.start(ms(100)).unwrap();
    assert_eq!(noted.runs(), [0]);
    noted.pump(&[50, 100, 100]);
    assert_eq!(noted.runs(), [0, 150, 250]);
    assert!(noted.looping.running() && !done.is_fired());
    noted.looping.stop().unwrap();
    assert!(!noted.looping.running() && is_done(done));
    assert_eq!(noted.clock.pending(), 0);
}

/// task-011
#[test]
fn started_for_later_it_runs_after_the_first_interval() {
    let noted = Noted::new();
    let done = noted.looping.start_later(ms(100)).unwrap();
    noted.pump(&[50, 100, 100]);
    assert_eq!(noted.runs(), [150, 250]);
    noted.looping.stop().unwrap();
    assert!(is_done(done) && noted.clock.pending() == 0);
}

/// task-012: a `Duration` cannot be negative; the longest and the shortest are well.
#[test]
fn every_interval_that_can_be_said_is_one() {
    for interval in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        let noted = Noted::new();
        let done = noted.looping.start_later(interval).unwrap();
        assert_eq!(noted.looping.interval(), Some(interval));
        noted.looping.stop().unwrap();
        assert!(is_done(done));
    }
}

/// task-013
#[test]
fn stopped_before_its_first_run_it_never_runs() {
    for interval in [Duration::ZERO, SECOND * 10] {
        let noted = Noted::new();
        let done = noted.looping.start_later(interval).unwrap();
        noted.looping.stop().unwrap();
        assert!(is_done(done) && noted.clock.pending() == 0);
        noted.pump(&[0, 10_000]);
        assert!(noted.runs().is_empty());
    }
}

/// task-014
#[test]
fn reset_begins_a_new_interval() {
    let noted = Noted::new();
    let _done = noted.looping.start_later(SECOND * 2).unwrap();
    noted.pump(&[1000]);
    noted.looping.reset().unwrap();
    noted.pump(&[1000]);
    assert!(noted.runs().is_empty());
    noted.pump(&[1000, 2000]);
    assert_eq!(noted.runs(), [3000, 5000]);
}

/// task-016
#[test]
fn an_error_ends_it_also_when_the_function_has_stopped_it() {
    for stops in [false, true] {
        let noted = Noted::doing(move |looping, _| {
            if stops {
                looping.stop()?;
            }
            Err(NotPending.into())
        });
        let done = noted.looping.start(SECOND).unwrap();
        assert!(failure_of(done).check::<NotPending>());
        assert!(!noted.looping.running() && noted.clock.pending() == 0);
        noted.pump(&[5000]);
        assert_eq!(noted.runs(), [0]);
    }
}

/// task-023
#[test]
fn to_start_what_runs_or_to_stop_or_change_what_does_not_is_an_error() {
    let noted = Noted::new();
    let looping = &noted.looping;
    let refused = [looping.stop(), looping.reset(), looping.set_interval(SECOND)];
    assert_eq!((refused, looping.interval()), ([Err(NotLooping); 3], None));
    let done = looping.start(SECOND).unwrap();
    assert_eq!(looping.start(SECOND).unwrap_err(), AlreadyLooping);
    assert_eq!(looping.start_later(SECOND).unwrap_err(), AlreadyLooping);
    assert_eq!((noted.runs(), noted.clock.pending()), (vec![0], 1));
    looping.stop().unwrap();
    assert_eq!([looping.stop(), looping.reset()], [Err(NotLooping); 2]);
    assert!(is_done(done));
}

#[test]
fn the_interval_can_be_changed_between_runs_and_counts_from_the_start() {
    let noted = Noted::new();
    let _done = noted.looping.start(SECOND).unwrap();
    noted.pump(&[1000]);
    noted.looping.set_interval(SECOND * 5).unwrap();
    assert_eq!(noted.looping.interval(), Some(SECOND * 5));
    noted.pump(&[1000; 14]);
    assert_eq!(noted.runs(), [0, 1000, 2000, 5000, 10_000, 15_000]);
}

#[test]
fn it_is_on_its_grid_after_ten_years_of_thirds_of_a_second() {
    let third = Duration::from_nanos(333_333_333);
    let (clock, seen) = (Clock::new(), Rc::new(Cell::new(Duration::ZERO)));
    let (watch, see) = (clock.clone(), seen.clone());
    let looping = LoopingCall::new(Rc::new(clock.clone()), move |_| {
        see.set(watch.now());
        Ok(())
    });
    let _done = looping.start(third).unwrap();
    advance_late(&clock, [Duration::from_secs(10 * 365 * 24 * 60 * 60)]);
    let next = clock.delayed_calls()[0].time().unwrap();
    assert_eq!(next.as_nanos() % third.as_nanos(), 0);
    clock.advance(next - clock.now());
    assert_eq!(seen.get(), next);
    clock.advance(third - Duration::from_nanos(1));
    assert_eq!(seen.get(), next);
    clock.advance(Duration::from_nanos(1));
    assert_eq!(seen.get(), next + third);
}

#[test]
fn a_thousand_of_them_on_one_clock_do_not_disturb_each_other() {
    let clock = Clock::new();
    let runs: Vec<_> = (0..1000).map(|_| Rc::new(Cell::new(0))).collect();
    let loopings: Vec<_> = (1..=1000)
        .zip(&runs)
        .map(|(interval, runs)| {
            let runs = runs.clone();
            let looping = LoopingCall::new(Rc::new(clock.clone()), move |_| {
                runs.set(runs.get() + 1);
                Ok(())
            });
            let done = looping.start_later(ms(interval)).unwrap();
            (looping, done)
        })
        .collect();
    clock.pump([ms(1); 1000]);
    for (interval, runs) in (1..=1000).zip(&runs) {
        assert_eq!(runs.get(), 1000 / interval, "every {interval} ms");
    }
    for (looping, done) in loopings {
        looping.stop().unwrap();
        assert!(is_done(done));
    }
    assert_eq!(clock.pending(), 0);
}

#[test]
fn cancelling_its_deferred_stops_it() {
    let noted = Noted::new();
    let done = noted.looping.start(SECOND).unwrap();
    done.cancel_handle().cancel();
    assert!(failure_of(done).check::<Cancelled>());
    assert!(!noted.looping.running() && noted.clock.pending() == 0);
}
