//! Some hundred connections on a network with every fault: no byte is lost, doubled or
//! reordered, every connection ends once, nothing is left, and a second run gives the same trace.
//!
//! Each end follows a plan drawn from the seed: pieces, timers, replies, producers, pauses, writes
//! from other connections' callbacks, half-close, `lose_connection` with bytes unsent, resets behind the
//! last bytes, aborts and panics inside callbacks. Every stream carries a pattern of its own, checked byte by byte. An end
//! that read to the end of file has got exactly what was written; any other has got a prefix.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use reactor::simulated::Faults;
use reactor::simulation::Simulation;

use crate::ledger::Summary;
use crate::plan::Manners;
use crate::rig::{Route, Setting};

fn run(route: Route, seeds: Range<u64>, lives: usize, manners: Manners) -> Summary {
    let faults = if manners == Manners::Rough { Faults::default() } else { Faults::harmless() };
    run_with(Setting { route, lives, faults, manners }, seeds, Simulation::new())
}

fn run_with(setting: Setting, seeds: Range<u64>, simulation: Simulation) -> Summary {
    let total = Rc::new(RefCell::new(Summary::default()));
    let limited = setting.clone();
    let simulation = simulation.with_limits(move |seed| limited.limits(seed));
    let done = simulation.run(seeds, |world| setting.begin(world, &total));
    if let Err(failure) = done {
        panic!("{failure}");
    }
    total.take()
}

/// A run under each of two seeds, each twice.
fn run_twice(route: Route, lives: usize) -> Summary {
    let (faults, manners) = (Faults::default(), Manners::Rough);
    run_with(Setting { route, lives, faults, manners }, 600..602, Simulation::new().twice())
}

#[test]
fn five_hundred_lives_under_one_seed_give_the_same_trace_twice() {
    let total = run_twice(Route::Direct, 500);
    assert!(total.complete_directions > 600, "{total:?}");
    assert!(total.complete_bytes > 200_000, "{total:?}");
    assert!(total.broken_ends > 200 && total.resets > 20, "{total:?}");
}

#[test]
fn no_byte_is_lost_doubled_or_reordered_under_any_of_these_seeds() {
    let total = run(Route::Direct, 100..120, 100, Manners::Rough);
    assert!((1800..2000).contains(&total.lives), "{total:?}");
}

#[test]
fn what_no_end_breaks_is_read_to_the_end() {
    let total = run(Route::Direct, 200..210, 100, Manners::Civil);
    assert_eq!((total.clean_ends, total.broken_ends), (2 * total.lives, 0));
    assert!(total.complete_directions > 700, "{total:?}");
}

#[test]
fn what_a_relay_had_from_one_end_the_other_gets_before_the_end() {
    let (faults, manners) = (Faults::harmless(), Manners::Rough);
    let setting = Setting { route: Route::Relayed, lives: 60, faults, manners };
    let total = run_with(setting, 300..310, Simulation::new());
    assert!(total.complete_directions > 200 && total.broken_behind_relay > 30, "{total:?}");
}

#[test]
fn through_a_relay_no_byte_is_lost_doubled_or_reordered_under_any_fault() {
    let total = run(Route::Relayed, 400..405, 60, Manners::Rough);
    assert!(total.complete_directions > 50, "{total:?}");
    run_twice(Route::Relayed, 60);
}

#[test]
fn through_a_relay_what_no_end_breaks_is_read_to_the_end() {
    let total = run(Route::Relayed, 500..503, 60, Manners::Civil);
    assert_eq!((total.clean_ends, total.broken_ends), (2 * total.lives, 0));
    assert!(total.complete_directions > 120, "{total:?}");
}

#[test]
fn over_tls_no_byte_is_lost_doubled_or_reordered_under_any_fault() {
    let total = run(Route::Secured, 10_000..10_004, 250, Manners::Rough);
    assert!(total.complete_directions > 200 && total.broken_ends > 100, "{total:?}");
}

#[test]
fn a_hundred_lives_over_tls_under_one_seed_give_the_same_trace_twice() {
    run_twice(Route::Secured, 100);
}

#[test]
fn over_tls_what_no_end_breaks_is_read_to_the_end() {
    let total = run(Route::Secured, 700..706, 40, Manners::Civil);
    assert_eq!(total.clean_ends + total.broken_ends, 2 * total.lives);
    assert!(total.clean_ends > 360, "{total:?}");
}
