//! Runs under seed after seed, on some threads, until there were enough lives.
//!
//! Invariant: which seeds are run follows from the arguments, whatever the threads do.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use reactor::simulated::{ChoiceKind, FaultCounts};
use reactor::simulation::{CleanRuns, RunToken, Simulation, SimulationFailure};

use crate::kinds::LifeKind;

/// How many lives have to meet each kind of fault, in a thousand, and each pair of kinds; and from how many lives
/// on that is asked.
const MET_PER_MILLE: u64 = 10;
const PAIRS_MIN: u64 = 100;
const COUNTED_FROM: u64 = 10_000;
const PAIRS_COUNTED_FROM: u64 = 500_000;

/// Runs lives of a kind. Returns the text of the outcome, as an error if a run failed, or a fault was not met.
pub(crate) fn run(
    kind: LifeKind,
    first: u64,
    lives: u64,
    threads: usize,
) -> Result<String, String> {
    let began = Instant::now();
    let work = Work {
        kind,
        first,
        lives,
        next: AtomicU64::new(first),
        done: AtomicU64::new(0),
        failed: AtomicBool::new(false),
        total: Mutex::default(),
    };
    let failures: Vec<String> = thread::scope(|scope| {
        let named = |number| thread::Builder::new().name(format!("{}-{number}", kind.name()));
        let start = |number| named(number).spawn_scoped(scope, || work.run_seeds());
        let threads: Vec<_> = (0..threads).filter_map(|number| start(number).ok()).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok().flatten()).collect()
    });
    if let Some(failure) = failures.into_iter().next() {
        return Err(format!("{}: {failure}", kind.name()));
    }
    let total = work.total.into_inner().unwrap_or_default();
    let seconds = began.elapsed().as_secs_f64();
    told(kind, &total, seconds)
}

/// Runs one token.
pub(crate) fn replay(kind: LifeKind, token: &RunToken) -> Result<String, String> {
    let done = simulation(kind).run_token(token, |world| kind.begin(world));
    match done {
        Ok(_) => Ok(format!("{}: the run {token} is clean", kind.name())),
        Err(failure) => Err(report(kind, &failure)),
    }
}

struct Work {
    kind: LifeKind,
    first: u64,
    lives: u64,
    next: AtomicU64,
    done: AtomicU64,
    failed: AtomicBool,
    total: Mutex<CleanRuns>,
}

impl Work {
    /// Runs seeds until there were enough lives, or a run failed; then returns its report.
    fn run_seeds(&self) -> Option<String> {
        let simulation = simulation(self.kind);
        while self.done.load(Ordering::Relaxed) < self.lives && !self.failed.load(Ordering::Relaxed)
        {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            let token = RunToken::of_seed(seed);
            let simulation = simulation.clone().after(seed - self.first);
            match simulation.run_token(&token, |world| self.kind.begin(world)) {
                Ok(clean) => self.add(&clean),
                Err(failure) => {
                    self.failed.store(true, Ordering::Relaxed);
                    let before = self.done.load(Ordering::Relaxed);
                    let lives = failure.lives();
                    let found = format!("found behind {before} lives, shrunk to a run of {lives}");
                    return Some(format!("{found}\n{}", report(self.kind, &failure)));
                }
            }
        }
        None
    }

    fn add(&self, clean: &CleanRuns) {
        self.done.fetch_add(clean.faults.lives(), Ordering::Relaxed);
        let mut total = self.total.lock().unwrap_or_else(PoisonError::into_inner);
        total.runs += clean.runs;
        total.faults.add(&clean.faults);
    }
}

pub(crate) fn simulation(kind: LifeKind) -> Simulation {
    Simulation::new().with_limits(move |seed| kind.limits(seed))
}

fn report(kind: LifeKind, failure: &SimulationFailure) -> String {
    let (kind, token) = (kind.name(), failure.token());
    format!("{failure}\n\nHere: cargo xtask simulate --kind {kind} --replay {token}")
}

/// The counts of clean runs.
fn told(kind: LifeKind, total: &CleanRuns, seconds: f64) -> Result<String, String> {
    let (faults, lives) = (&total.faults, total.faults.lives());
    let mut text =
        format!("{}: {lives} lives in {} runs, {seconds:.1} s\n", kind.name(), total.runs);
    let kinds = kind.faults();
    for fault in &kinds {
        let (met, share) = (faults.of(*fault), faults.of(*fault) as f64 / lives.max(1) as f64);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {:<20}{met:>10}  {:>5.1} %", fault.name(), share * 100.0);
    }
    let (rarest, pair) = rarest_pair(faults, &kinds);
    let _ = writeln!(text, "  the rarest pair, {pair}: {rarest}");
    let missing = missing(faults, &kinds, rarest);
    match missing.is_empty() {
        true => Ok(text),
        false => Err(format!("{text}  too rare: {}\n", missing.join(", "))),
    }
}

/// The faults that were met too rarely for the number of lives.
fn missing(faults: &FaultCounts, kinds: &[ChoiceKind], rarest: u64) -> Vec<String> {
    let lives = faults.lives();
    let least = if lives < COUNTED_FROM { 1 } else { lives * MET_PER_MILLE / 1000 };
    let rare = kinds.iter().filter(|kind| faults.of(**kind) < least);
    let mut missing: Vec<String> = rare.map(|kind| kind.name().to_owned()).collect();
    if lives >= PAIRS_COUNTED_FROM && rarest < PAIRS_MIN {
        missing.push("a pair".to_owned());
    }
    missing
}

/// How many lives met the pair of kinds that is the rarest.
fn rarest_pair(faults: &FaultCounts, kinds: &[ChoiceKind]) -> (u64, String) {
    // A life that is aborted before it is accepted meets little else.
    let kinds: Vec<_> = kinds.iter().filter(|kind| **kind != ChoiceKind::AbortedAccept).collect();
    // And a connection breaks once.
    let is_break = |kind: ChoiceKind| [ChoiceKind::Reset, ChoiceKind::TimedOut].contains(&kind);
    let mut pairs = Vec::new();
    for (place, one) in kinds.iter().enumerate() {
        pairs.extend(kinds[place + 1..].iter().map(|other| (**one, **other)));
    }
    pairs.retain(|(one, other)| !(is_break(*one) && is_break(*other)));
    let counted = pairs.into_iter().map(|(one, other)| (faults.of_both(one, other), one, other));
    let rarest = counted.min_by_key(|(count, ..)| *count);
    rarest.map_or((0, String::new()), |(count, one, other)| (count, format!("{one} and {other}")))
}
