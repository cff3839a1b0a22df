//! Claims about the ticks that pass while a looping call waits for something: they are counted, and
//! not made up for.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::support::work::advance_late;
use deferred::{Cancelled, Deferred, Failure, Promise};
use interfaces::NotPending;
use ropewalk_protocol::task::{AlreadyLooping, LoopingCall};
use ropewalk_protocol::testing::Clock;

const SECOND: Duration = Duration::from_secs(1);
const HALF: Duration = Duration::from_millis(500);

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A looping call that counts its ticks, and may wait for a promise after some run.
struct Counted {
    clock: Clock,
    looping: LoopingCall,
    counts: Rc<RefCell<Vec<u64>>>,
}

impl Counted {
    fn new() -> Self {
        Self::waiting_after(usize::MAX, Deferred::succeed(()))
    }

    fn waiting_after(run: usize, deferred: Deferred<()>) -> Self {
        let (clock, counts) = (Clock::new(), Rc::<RefCell<Vec<u64>>>::default());
        let (note, mut waits) = (counts.clone(), Some(deferred));
        let looping = LoopingCall::with_count(Rc::new(clock.clone()), move |_, count| {
            note.borrow_mut().push(count);
            let now = note.borrow().len() == run;
            now.then(|| waits.take()).flatten().unwrap_or_else(|| Deferred::succeed(()))
        });
        Self { clock, looping, counts }
    }

    fn take(&self) -> Vec<u64> {
        self.counts.take()
    }
}

fn is_done(deferred: Deferred<()>) -> bool {
    matches!(deferred.try_into_result(), Ok(Ok(())))
}

fn failure_of(deferred: Deferred<()>) -> Failure {
    deferred.try_into_result().expect("it has fired").expect_err("it has failed")
}

/// task-004
#[test]
fn the_count_says_how_many_ticks_have_passed() {
    let counted = Counted::new();
    let _done = counted.looping.start(HALF).unwrap();
    assert_eq!(counted.take(), [1]);
    advance_late(&counted.clock, [ms(510)]);
    assert_eq!(counted.take(), [1]);
    advance_late(&counted.clock, [ms(1510)]);
    assert_eq!(counted.take(), [3]);
    counted.clock.advance(Duration::ZERO);
    assert_eq!(counted.take(), []);
}

/// task-005
#[test]
fn the_count_is_of_ticks_and_not_of_the_distance_between_runs() {
    let counted = Counted::new();
    let _done = counted.looping.start(HALF).unwrap();
    advance_late(&counted.clock, [ms(510), ms(875), ms(125)]);
    assert_eq!(counted.take(), [1; 4]);
}

/// task-007
#[test]
fn without_an_interval_the_count_is_one_and_stopping_inside_a_run_ends_it() {
    let (clock, counts) = (Clock::new(), Rc::<RefCell<Vec<u64>>>::default());
    let note = counts.clone();
    let looping = LoopingCall::with_count(Rc::new(clock.clone()), move |looping, count| {
        note.borrow_mut().push(count);
        if note.borrow().len() == 5 {
            looping.stop()?;
        }
        Ok(())
    });
    let done = looping.start(Duration::ZERO).unwrap();
    clock.pump([Duration::ZERO; 5]);
    assert_eq!(*counts.borrow(), [1; 5]);
    assert!(is_done(done) && clock.pending() == 0);
}

/// task-009: the test clock makes both calls without an interval at 1, where a reactor would make
/// the second one a turn later; so it is the ticks from 1 to 16 that count, which are 8, as in
/// Twisted. That is what the definition gives, and nothing is added to it.
#[test]
fn an_interval_that_comes_later_counts_the_ticks_since_the_last_run() {
    let (deferred, promise) = Deferred::new();
    let counted = Counted::waiting_after(2, deferred);
    let _done = counted.looping.start_later(Duration::ZERO).unwrap();
    counted.clock.pump([SECOND; 7]);
    assert_eq!(counted.take(), [1, 1]);
    counted.looping.set_interval(SECOND * 2).unwrap();
    promise.callback(());
    advance_late(&counted.clock, [SECOND * 9]);
    assert_eq!(counted.take(), [8], "at 16");
    counted.clock.pump([SECOND, SECOND]);
    assert_eq!(counted.take(), [1], "at 18");
    advance_late(&counted.clock, [SECOND * 4]);
    assert_eq!(counted.take(), [2], "at 22");
}

/// task-019
#[test]
fn a_deferred_is_waited_for_and_no_call_is_pending_meanwhile() {
    let (clock, promises) = (Clock::new(), Rc::<RefCell<Vec<Promise<()>>>>::default());
    let keep = promises.clone();
    let looping = LoopingCall::new(Rc::new(clock.clone()), move |_| {
        let (deferred, promise) = Deferred::<()>::new();
        keep.borrow_mut().push(promise);
        deferred
    });
    let done = looping.start(ms(200)).unwrap();
    clock.pump([ms(200); 5]);
    assert_eq!((promises.borrow().len(), clock.pending()), (1, 0));
    let first = promises.borrow_mut().remove(0);
    first.callback(());
    assert_eq!(clock.pending(), 1);
    clock.advance(ms(200));
    let second = promises.borrow_mut().remove(0);
    looping.stop().unwrap();
    second.callback(());
    assert!(is_done(done) && clock.pending() == 0);
}

/// task-020
#[test]
fn a_deferred_that_fails_ends_it() {
    let (deferred, promise) = Deferred::<()>::new();
    let counted = Counted::waiting_after(1, deferred);
    let done = counted.looping.start(SECOND).unwrap();
    promise.errback(NotPending);
    assert!(failure_of(done).check::<NotPending>());
    assert!(!counted.looping.running() && counted.clock.pending() == 0);
}

/// task-022
#[test]
fn stopped_while_a_run_is_outstanding_it_ends_when_that_is_over() {
    let (deferred, promise) = Deferred::<()>::new();
    let counted = Counted::waiting_after(1, deferred);
    let done = counted.looping.start(SECOND).unwrap();
    counted.looping.stop().unwrap();
    assert!(!counted.looping.running() && !done.is_fired());
    promise.callback(());
    assert!(is_done(done) && counted.clock.pending() == 0);
}

#[test]
fn a_counting_function_is_not_called_for_no_tick() {
    let counted = Counted::new();
    let _done = counted.looping.start(SECOND).unwrap();
    counted.clock.advance(SECOND);
    counted.looping.set_interval(SECOND * 5).unwrap();
    assert_eq!(counted.take(), [1, 1]);
    counted.clock.advance(SECOND);
    assert_eq!(counted.take(), [], "at 2 none has passed since 1");
    advance_late(&counted.clock, [SECOND * 3]);
    assert_eq!(counted.take(), [1], "at 5");
}

#[test]
fn cancelling_its_deferred_stops_it_also_while_a_run_is_outstanding() {
    let (deferred, promise) = Deferred::<()>::new();
    let counted = Counted::waiting_after(1, deferred);
    let done = counted.looping.start(SECOND).unwrap();
    done.cancel_handle().cancel();
    assert!(failure_of(done).check::<Cancelled>());
    assert_eq!(counted.looping.start(SECOND).unwrap_err(), AlreadyLooping, "a run is outstanding");
    promise.callback(());
    assert_eq!(counted.clock.pending(), 0);
    let _done = counted.looping.start(SECOND).unwrap();
}
