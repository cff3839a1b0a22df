//! Claims about looping calls whose functions, callbacks and drops do things to them.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use crate::support::work::advance_late;
use deferred::{Cancelled, Deferred, Failure};
use interfaces::ReactorTime;
use ropewalk_protocol::task::{AlreadyLooping, LoopingCall};
use ropewalk_protocol::testing::Clock;

const SECOND: Duration = Duration::from_secs(1);

/// A looping call of `function`, which is told the number of the run, and the seconds of its runs.
fn noted(
    clock: &Clock,
    mut function: impl FnMut(&LoopingCall, usize) -> Result<(), Failure> + 'static,
) -> (LoopingCall, Rc<RefCell<Vec<u64>>>) {
    let runs = Rc::<RefCell<Vec<u64>>>::default();
    let (note, watch) = (runs.clone(), clock.clone());
    let looping = LoopingCall::new(Rc::new(clock.clone()), move |looping| {
        note.borrow_mut().push(watch.now().as_secs());
        let number = note.borrow().len();
        function(looping, number)
    });
    (looping, runs)
}

fn is_done(deferred: Deferred<()>) -> bool {
    matches!(deferred.try_into_result(), Ok(Ok(())))
}

fn is_cancelled(deferred: Deferred<()>) -> bool {
    matches!(deferred.try_into_result(), Ok(Err(failure)) if failure.check::<Cancelled>())
}

#[test]
fn stopping_in_the_first_run_ends_it_inside_start() {
    let clock = Clock::new();
    let (looping, runs) = noted(&clock, |looping, _| Ok(looping.stop()?));
    let done = looping.start(SECOND).unwrap();
    assert!(is_done(done));
    assert_eq!((runs.borrow().len(), clock.pending()), (1, 0));
}

#[test]
fn a_reset_inside_a_run_counts_from_there() {
    let clock = Clock::new();
    let (looping, runs) = noted(&clock, |looping, _| Ok(looping.reset()?));
    let _done = looping.start_later(SECOND * 4).unwrap();
    advance_late(&clock, [SECOND * 5, SECOND * 4, SECOND * 4]);
    assert_eq!(*runs.borrow(), [5, 9, 13], "not 5, 8, 12");
}

#[test]
fn the_interval_can_be_changed_inside_a_run() {
    let clock = Clock::new();
    let (looping, runs) = noted(&clock, |looping, number| {
        looping.set_interval(SECOND * u32::try_from(number)?)?;
        Ok(looping.reset()?)
    });
    let _done = looping.start(SECOND).unwrap();
    clock.pump([SECOND; 15]);
    assert_eq!(*runs.borrow(), [0, 1, 3, 6, 10, 15]);
}

#[test]
fn inside_a_run_it_cannot_be_started_whether_it_was_stopped_or_not() {
    let clock = Clock::new();
    let (looping, runs) = noted(&clock, |looping, _| {
        assert_eq!(looping.start(SECOND).unwrap_err(), AlreadyLooping);
        looping.stop()?;
        assert_eq!(looping.start(SECOND).unwrap_err(), AlreadyLooping);
        Ok(())
    });
    assert!(is_done(looping.start(SECOND).unwrap()));
    assert_eq!((runs.borrow().len(), clock.pending()), (1, 0));
}

#[test]
fn when_its_deferred_fires_it_can_be_started_again_and_runs_on_a_new_grid() {
    let clock = Clock::new();
    let (looping, runs) = noted(&clock, |looping, number| match number {
        2 => Ok(looping.stop()?),
        _ => Ok(()),
    });
    let again = looping.clone();
    let done = looping.start(SECOND * 2).unwrap().add_callback(move |()| {
        assert!(!again.running());
        drop(again.start_later(SECOND * 3)?);
        Ok(())
    });
    advance_late(&clock, [SECOND * 3, SECOND * 3, SECOND * 3]);
    assert_eq!(*runs.borrow(), [0, 3, 6, 9]);
    assert!(is_done(done));
    looping.stop().unwrap();
}

#[test]
fn without_its_handles_it_goes_on_and_its_function_goes_when_it_ends() {
    let (clock, held) = (Clock::new(), Rc::new(()));
    let inside = held.clone();
    let (looping, runs) = noted(&clock, move |looping, number| {
        let _held = &inside;
        match number {
            3 => Ok(looping.stop()?),
            _ => Ok(()),
        }
    });
    let done = looping.start(SECOND).unwrap();
    drop(looping);
    clock.advance(SECOND);
    assert_eq!((runs.borrow().len(), Rc::strong_count(&held)), (2, 2));
    clock.advance(SECOND);
    assert!(is_done(done));
    assert_eq!((runs.borrow().len(), Rc::strong_count(&held)), (3, 1));
}

#[test]
fn nothing_is_kept_after_a_stop_and_the_last_handle() {
    for outstanding in [false, true] {
        let (clock, held) = (Clock::new(), Rc::new(()));
        let inside = held.clone();
        let (waits, promise) = Deferred::<()>::new();
        let mut waits = outstanding.then_some(waits);
        let looping = LoopingCall::new(Rc::new(clock.clone()), move |_| {
            let _held = &inside;
            waits.take().unwrap_or_else(|| Deferred::succeed(()))
        });
        let done = looping.start(SECOND).unwrap();
        looping.stop().unwrap();
        drop(looping);
        promise.callback(());
        assert!(is_done(done));
        assert_eq!(Rc::strong_count(&held), 1);
    }
}

#[test]
fn a_looping_call_that_never_ran_keeps_nothing_alive() {
    let (clock, held) = (Clock::new(), Rc::new(()));
    let inside = held.clone();
    let (looping, _) = noted(&clock, move |_, _| {
        let _held = &inside;
        Ok(())
    });
    drop(looping);
    assert_eq!(Rc::strong_count(&held), 1);
}

#[test]
fn a_panic_ends_it_and_it_can_be_started_again() {
    let clock = Clock::new();
    let (looping, runs) = noted(&clock, |_, number| match number {
        2 => panic!("as planned"),
        _ => Ok(()),
    });
    let done = looping.start(SECOND).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| clock.advance(SECOND))).is_err());
    assert!(is_cancelled(done));
    assert!(!looping.running() && clock.pending() == 0);
    let done = looping.start(SECOND).unwrap();
    clock.advance(SECOND);
    assert_eq!(*runs.borrow(), [0, 1, 1, 2], "the function is there again");
    looping.stop().unwrap();
    assert!(is_done(done));
}

#[test]
fn a_panic_in_the_first_run_leaves_nothing_running() {
    let clock = Clock::new();
    let (looping, _) = noted(&clock, |looping, number| match number {
        1 => panic!("as planned"),
        _ => Ok(looping.stop()?),
    });
    assert!(catch_unwind(AssertUnwindSafe(|| looping.start(SECOND))).is_err());
    assert!(!looping.running() && clock.pending() == 0);
    assert!(is_done(looping.start(SECOND).unwrap()));
}

#[test]
fn a_clock_that_lets_go_of_its_calls_ends_it() {
    let clock = Clock::new();
    let (looping, runs) = noted(&clock, |_, _| Ok(()));
    let done = looping.start(SECOND).unwrap();
    // As a reactor does when its run is over.
    clock.delayed_calls()[0].cancel().unwrap();
    assert!(!looping.running() && is_cancelled(done));
    let _done = looping.start(SECOND).unwrap();
    clock.advance(SECOND);
    assert_eq!(*runs.borrow(), [0, 0, 1]);
}

/// Asks something of a looping call when it is dropped.
struct AsksWhenDropped(Rc<RefCell<Option<LoopingCall>>>, Rc<Cell<Option<bool>>>);

impl Drop for AsksWhenDropped {
    fn drop(&mut self) {
        let looping = self.0.borrow().clone();
        self.1.set(looping.map(|looping| looping.running()));
    }
}

#[test]
fn what_a_run_drops_may_ask_the_looping_call() {
    let (clock, handle) = (Clock::new(), Rc::<RefCell<Option<LoopingCall>>>::default());
    let answer = Rc::new(Cell::new(None));
    let mut asks = Some(AsksWhenDropped(handle.clone(), answer.clone()));
    let (looping, _) = noted(&clock, move |_, _| {
        drop(asks.take());
        Ok(())
    });
    handle.replace(Some(looping.clone()));
    let _done = looping.start(SECOND).unwrap();
    assert_eq!(answer.get(), Some(true));
    handle.replace(None);
}

#[test]
fn it_shows_what_it_is_at() {
    let (looping, _) = noted(&Clock::new(), |_, _| Ok(()));
    assert_eq!(format!("{looping:?}"), "LoopingCall { stage: Idle, interval: None, .. }");
    let _done = looping.start(SECOND).unwrap();
    assert_eq!(format!("{looping:?}"), "LoopingCall { stage: Waiting, interval: Some(1s), .. }");
}
