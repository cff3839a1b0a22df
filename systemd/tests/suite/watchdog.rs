//! The watchdog is pinged while every loop turns, and by no loop alone.
//!
//! Invariant: a loop that is stuck is a clock that the test does not move.

use std::time::Duration;

use protocol::testing::Clock;
use ropewalk_systemd as systemd;
use systemd::Watchdog;

use crate::notify::Manager;

const INTERVAL: Duration = Duration::from_secs(3);
const PING: &str = "WATCHDOG=1";

#[test]
fn a_loop_that_turns_pings_several_times_in_an_interval() {
    let (manager, clock) = (Manager::new(), Clock::new());
    let watched = Watchdog::new(&manager.notifier, INTERVAL).watch(clock.clone());
    assert_eq!(manager.told(), [PING], "the first one comes at once");
    for _ in 0..3 {
        clock.advance(INTERVAL);
        assert_eq!(manager.told(), [PING; 3]);
    }
    drop(watched);
    assert!(interfaces::ReactorTime::delayed_calls(&clock).is_empty());
    clock.advance(INTERVAL);
    assert!(manager.told().is_empty());
}

#[test]
fn a_loop_that_is_stuck_ends_the_pings_of_all() {
    let manager = Manager::new();
    let watchdog = Watchdog::new(&manager.notifier, INTERVAL);
    let clocks = [(); 3].map(|()| Clock::new());
    let _watched = clocks.each_ref().map(|clock| watchdog.watch(clock.clone()));
    drop(manager.told());
    for _ in 0..10 {
        clocks.iter().for_each(|clock| clock.advance(INTERVAL / 3));
    }
    assert_eq!(manager.told(), [PING; 10]);
    for _ in 0..10 {
        clocks[1..].iter().for_each(|clock| clock.advance(INTERVAL / 3));
    }
    let since = manager.told();
    assert!(since.len() <= 1, "{since:?}: one was due from the turns before");
    clocks[0].advance(INTERVAL / 3);
    assert_eq!(manager.told(), [PING], "it was only slow");
}

#[test]
fn loops_that_turn_at_different_times_ping_often_enough_together() {
    let manager = Manager::new();
    let watchdog = Watchdog::new(&manager.notifier, INTERVAL);
    let (early, late) = (Clock::new(), Clock::new());
    let first = watchdog.watch(early.clone());
    early.advance(INTERVAL / 5);
    let second = watchdog.watch(late.clone());
    drop(manager.told());
    let mut silence = Duration::ZERO;
    let mut longest = silence;
    for _ in 0..300 {
        let step = INTERVAL / 100;
        early.advance(step);
        late.advance(step);
        silence = if manager.told().is_empty() { silence + step } else { Duration::ZERO };
        longest = longest.max(silence);
    }
    assert!(longest <= INTERVAL / 3, "{longest:?}");
    drop((first, second));
}

#[test]
fn a_loop_that_has_ended_is_not_waited_for() {
    let manager = Manager::new();
    let watchdog = Watchdog::new(&manager.notifier, INTERVAL);
    let (short, long) = (Clock::new(), Clock::new());
    let ends = watchdog.watch(short);
    let _goes_on = watchdog.watch(long.clone());
    drop(manager.told());
    drop(ends);
    long.advance(INTERVAL);
    assert_eq!(manager.told(), [PING; 3]);
}

#[test]
fn a_ping_that_finds_the_queue_full_is_made_good_by_the_next() {
    let (manager, clock) = (Manager::new(), Clock::new());
    let _watched = Watchdog::new(&manager.notifier, INTERVAL).watch(clock.clone());
    while manager.notifier.notify(&systemd::Notification::new().ready()).is_ok() {}
    clock.advance(INTERVAL / 3);
    let told = manager.told();
    assert_eq!(told.iter().filter(|it| *it == PING).count(), 1, "the one before");
    clock.advance(INTERVAL / 3);
    assert_eq!(manager.told(), [PING], "still within the interval");
}
