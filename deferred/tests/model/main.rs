//! Scripts made by chance, on the Deferred of this crate and by the rules alone: what is seen has to
//! be the same.
//!
//! `ROPEWALK_SEQUENCES` is how many, a million unless it says otherwise. `ROPEWALK_SEED` tries one.

mod rules;
#[path = "../script/mod.rs"]
mod script;

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use script::generate::{Dialect, script};
use script::run::{ENDS, listen, run};
use script::shrink::shrink;
use script::{Event, Script};

const SEQUENCES: u64 = 1_000_000;

/// What the crate shows, if it does not panic.
fn seen(script: &Script) -> Option<Vec<Event>> {
    catch_unwind(AssertUnwindSafe(|| run(script))).ok()
}

fn differs(script: &Script) -> bool {
    seen(script).is_none_or(|seen| seen != rules::run(script, ENDS))
}

/// Fails with the smallest script that shows the difference.
fn explain(seed: u64) -> ! {
    let smallest = shrink(script(seed, Dialect::Ours), differs);
    panic!(
        "ROPEWALK_SEED={seed}\n{smallest}\nby the rules: {:#?}\nseen: {:#?}",
        rules::run(&smallest, ENDS),
        seen(&smallest)
    );
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn what_a_deferred_does_is_what_the_rules_say() {
    listen();
    if let Some(seed) = number("ROPEWALK_SEED") {
        if differs(&script(seed, Dialect::Ours)) {
            explain(seed);
        }
        return;
    }
    let sequences = number("ROPEWALK_SEQUENCES").unwrap_or(SEQUENCES);
    let (next, failed) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= sequences || failed.load(Ordering::Relaxed) != u64::MAX {
                        break;
                    }
                    if differs(&script(seed, Dialect::Ours)) {
                        failed.store(seed, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    match failed.into_inner() {
        u64::MAX => {}
        seed => explain(seed),
    }
}

/// A test of the test: it has to reach every rule.
#[test]
fn the_scripts_come_to_everything_that_there_is_to_see() {
    listen();
    let mut kinds = std::collections::BTreeMap::new();
    for seed in 0..3000 {
        for event in run(&script(seed, Dialect::Ours)) {
            let name = format!("{event:?}");
            let kind = name.split([' ', '(']).next().unwrap_or_default().to_owned();
            *kinds.entry(kind).or_insert(0_u32) += 1;
        }
    }
    for kind in [
        "Called",
        "Gone",
        "Cancelling",
        "CancellerGone",
        "Unhandled",
        "Logged",
        "PromiseDropped",
        "Woken",
        "Polled",
        "Looked",
    ] {
        assert!(kinds.get(kind).is_some_and(|&count| count >= 100), "{kind}: {kinds:?}");
    }
}
