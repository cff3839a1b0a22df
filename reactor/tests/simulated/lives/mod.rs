//! A thousand connections on a network with every fault, under one seed: no byte is lost, doubled or
//! reordered, every connection ends once, nothing is left, and a second run gives the same trace.
//!
//! Each end follows a plan drawn from the seed: pieces, timers, replies, producers, pauses, writes
//! from other connections' callbacks, half-close, `lose_connection` with bytes unsent, resets behind the
//! last bytes, aborts and panics inside callbacks. Every stream carries a pattern of its own, checked byte by byte. An end
//! that read to the end of file has got exactly what was written; any other has got a prefix.

mod ledger;
mod outlet;
mod plan;
mod relayed;
mod rig;
mod secured;
mod talker;

use plan::Manners;
use rig::{Route, run, run_by};
use ropewalk_reactor::simulated::Faults;

#[test]
fn a_thousand_lives_under_one_seed_give_the_same_trace_twice() {
    let one = run(1, 1000, Faults::default(), Manners::Rough);
    let other = run(1, 1000, Faults::default(), Manners::Rough);
    assert_eq!(one, other);
    assert!(one.summary.complete_directions > 300, "{one:?}");
    assert!(one.summary.complete_bytes > 100_000, "{one:?}");
    assert!(one.summary.broken_ends > 100, "{one:?}");
    assert!(one.summary.resets > 10, "{one:?}");
}

#[test]
fn no_byte_is_lost_doubled_or_reordered_under_any_of_these_seeds() {
    let mut hashes = Vec::new();
    for seed in 100..120 {
        let outcome = run(seed, 100, Faults::default(), Manners::Rough);
        hashes.push(outcome.trace_hash);
    }
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 20, "each seed is another run");
}

#[test]
fn what_nobody_breaks_is_read_to_the_end() {
    for seed in 200..210 {
        let summary = run(seed, 100, Faults::harmless(), Manners::Civil).summary;
        assert_eq!((summary.clean_ends, summary.broken_ends), (200, 0), "seed {seed}");
        assert!(summary.complete_directions > 70, "seed {seed}: {summary:?}");
    }
}

#[test]
fn what_a_relay_had_from_one_end_the_other_gets_before_the_end() {
    let (mut complete, mut broken) = (0, 0);
    for seed in 300..310 {
        let by_relay = |manners| run_by(Route::Relayed, seed, 60, Faults::harmless(), manners);
        let (outcome, broken_ends) = by_relay(Manners::Rough);
        complete += outcome.summary.complete_directions;
        broken += broken_ends;
    }
    assert!(complete > 200 && broken > 30, "{complete} {broken}");
}

#[test]
fn through_a_relay_no_byte_is_lost_doubled_or_reordered_under_any_fault() {
    for seed in 400..405 {
        let (one, _) = run_by(Route::Relayed, seed, 60, Faults::default(), Manners::Rough);
        assert!(one.summary.complete_directions > 10, "seed {seed}: {one:?}");
    }
    let again = || run_by(Route::Relayed, 400, 60, Faults::default(), Manners::Rough);
    assert_eq!(again(), again());
}

#[test]
fn through_a_relay_what_nobody_breaks_is_read_to_the_end() {
    for seed in 500..503 {
        let (outcome, _) = run_by(Route::Relayed, seed, 60, Faults::harmless(), Manners::Civil);
        let summary = outcome.summary;
        assert_eq!((summary.clean_ends, summary.broken_ends), (120, 0), "seed {seed}");
        assert!(summary.complete_directions > 40, "seed {seed}: {summary:?}");
    }
}

/// How many lives over TLS: CI runs 50,000.
fn lives_over_tls() -> usize {
    match std::env::var("ROPEWALK_TLS_LIVES") {
        Ok(count) => count.parse().expect("a number of lives"),
        Err(_) => 1000,
    }
}

#[test]
fn over_tls_no_byte_is_lost_doubled_or_reordered_under_any_fault() {
    let (mut complete, mut broken, seeds) = (0, 0, lives_over_tls().div_ceil(250) as u64);
    for seed in 0..seeds {
        let outcome = run_by(Route::Secured, 10_000 + seed, 250, Faults::default(), Manners::Rough);
        complete += outcome.0.summary.complete_directions as u64;
        broken += outcome.0.summary.broken_ends as u64;
    }
    assert!(complete > 50 * seeds && broken > 25 * seeds, "{complete} {broken}");
}

#[test]
fn a_hundred_lives_over_tls_under_one_seed_give_the_same_trace_twice() {
    for seed in [600, 601] {
        let again = || run_by(Route::Secured, seed, 100, Faults::default(), Manners::Rough);
        assert_eq!(again(), again(), "seed {seed}");
    }
}

#[test]
fn over_tls_what_nobody_breaks_is_read_to_the_end() {
    for seed in 700..706 {
        let (outcome, _) = run_by(Route::Secured, seed, 40, Faults::harmless(), Manners::Civil);
        let summary = outcome.summary;
        assert_eq!(summary.clean_ends + summary.broken_ends, 80, "seed {seed}");
        assert!(summary.clean_ends > 60, "seed {seed}: {summary:?}");
    }
}
