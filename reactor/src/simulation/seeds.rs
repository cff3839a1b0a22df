//! [`Simulation`]: runs one test under many seeds, and shrinks the first run that fails.
//!
//! Invariant: the token of a run is in its file before the run begins, so that one that ends the process is known.

use std::cell::Cell;
use std::env;
use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::rc::Rc;
use std::thread;

use super::report::SimulationFailure;
use super::run::{Keeping, LimitsOfSeed, Outcome, RunPlan, TURNS_MAX};
use super::shrink::shrink;
use super::token::RunToken;
use super::world::{Failed, SimulatedWorld};
use crate::core::limits::Limits;
use crate::simulated::FaultCounts;

/// The variable with the token of the one run that is wanted.
const SEED: &str = "ROPEWALK_SEED";

/// The variable with the number of runs that are wanted instead of the test's own.
const RUNS: &str = "ROPEWALK_RUNS";

/// The variable with the folder for tokens and drawings.
const FOLDER: &str = "ROPEWALK_SIMULATION";

/// How a test is run under seeds.
#[derive(Clone, Debug, Default)]
pub struct Simulation {
    runs_twice: bool,
    limits: LimitsOfSeed,
    runs_before: u64,
}

/// Runs of which none failed.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CleanRuns {
    /// How many.
    pub runs: u64,
    /// What the lives of all runs met.
    pub faults: FaultCounts,
    /// A hash of each call of each run, in their order: its time, its answer and its bytes. The same tokens give
    /// the same, in any build.
    pub trace: u64,
}

/// Runs the test under one seed.
///
/// # Panics
///
/// When the run fails, with a report: the shrunk run and the command that repeats it, the sockets, and the life
/// of one connection.
#[track_caller]
pub fn simulate(seed: u64, test: impl Fn(&SimulatedWorld)) {
    simulate_seeds(seed..seed.saturating_add(1), test);
}

/// Runs the test under each of these seeds, until one run fails. Where the variable `ROPEWALK_SEED` is set, the run
/// of that token is the only one; where `ROPEWALK_RUNS` is, that number of seeds is run, from the first on.
///
/// # Panics
///
/// As [`simulate`].
#[track_caller]
pub fn simulate_seeds(seeds: Range<u64>, test: impl Fn(&SimulatedWorld)) {
    if let Err(failure) = Simulation::new().run(seeds, test) {
        panic!("{failure}");
    }
}

impl Simulation {
    /// Each seed once.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs each seed twice, and fails at the first difference of the two traces: something beside the seed has a
    /// say, such as a hash map's order, the real clock or an address.
    #[must_use]
    pub fn twice(mut self) -> Self {
        self.runs_twice = true;
        self
    }

    /// Counts these runs, which were clean, as if they had been made before: for a program that hands out its seeds
    /// one by one.
    #[must_use]
    pub fn after(mut self, clean_runs: u64) -> Self {
        self.runs_before = clean_runs;
        self
    }

    /// Gives the reactor of each run limits that follow from its seed: small ones are met more often.
    #[must_use]
    pub fn with_limits(mut self, limits: impl Fn(u64) -> Limits + 'static) -> Self {
        self.limits = LimitsOfSeed(Some(Rc::new(limits)));
        self
    }

    /// Runs the test under each of these seeds, or as the environment says: see [`simulate_seeds`].
    ///
    /// # Errors
    ///
    /// The first run that failed, shrunk.
    ///
    /// # Panics
    ///
    /// When a variable of the environment cannot be read.
    pub fn run(
        &self,
        seeds: Range<u64>,
        test: impl Fn(&SimulatedWorld),
    ) -> Result<CleanRuns, Box<SimulationFailure>> {
        self.run_each(wanted(seeds), &test)
    }

    /// Runs the test by one token, whatever the environment says.
    ///
    /// # Errors
    ///
    /// The run failed; a token that is shrunk already is shrunk no further than it can be.
    pub fn run_token(
        &self,
        token: &RunToken,
        test: impl Fn(&SimulatedWorld),
    ) -> Result<CleanRuns, Box<SimulationFailure>> {
        self.run_each([token.clone()], &test)
    }

    fn run_each(
        &self,
        tokens: impl IntoIterator<Item = RunToken>,
        test: &dyn Fn(&SimulatedWorld),
    ) -> Result<CleanRuns, Box<SimulationFailure>> {
        let turns_max = Cell::new(TURNS_MAX);
        let plan = RunPlan { limits: &self.limits, test, turns_max };
        let note = TokenFile::new();
        let mut clean = CleanRuns::default();
        for token in tokens {
            let runs = self.runs_before + clean.runs + 1;
            note.write(&token);
            let outcome = plan.run(&token, Keeping::Nothing);
            clean.runs += 1;
            clean.faults.add(&outcome.faults);
            clean.trace = clean.trace.rotate_left(1) ^ outcome.trace_hash;
            if let Some(failed) = outcome.failed {
                return Err(Box::new(shrunk(token, failed, runs, &plan)));
            }
            if self.runs_twice {
                compare(&token, &outcome, runs, &plan)?;
            }
        }
        note.remove();
        Ok(clean)
    }
}

/// The runs that the environment asks for, or else those of the seeds.
fn wanted(seeds: Range<u64>) -> impl Iterator<Item = RunToken> {
    let token = env::var(SEED)
        .ok()
        .map(|token| token.parse().unwrap_or_else(|error| panic!("{SEED}: {error}")));
    let runs = env::var(RUNS)
        .ok()
        .map(|runs| runs.parse::<u64>().unwrap_or_else(|error| panic!("{RUNS}={runs}: {error}")));
    let seeds = match (&token, runs) {
        (Some(_), _) => 0..0,
        (None, Some(runs)) => seeds.start..seeds.start.saturating_add(runs),
        (None, None) => seeds,
    };
    token.into_iter().chain(seeds.map(RunToken::of_seed))
}

/// Runs a token again and fails where the traces differ.
fn compare(
    token: &RunToken,
    one: &Outcome,
    runs: u64,
    plan: &RunPlan<'_>,
) -> Result<(), Box<SimulationFailure>> {
    let other = plan.run(token, Keeping::Nothing);
    if one.trace_hash == other.trace_hash {
        return Ok(());
    }
    let [one, other] = [(); 2].map(|()| plan.run(token, Keeping::Trace));
    let place = one.log.iter().zip(&other.log).position(|(one, other)| one != other);
    let what = match place {
        Some(place) => format!("\n  {}\n  {}", one.log[place], other.log[place]),
        None => ", and each time in another place".to_owned(),
    };
    let what = format!("two runs of one seed differ first in these calls:{what}");
    let failed = Failed {
        what,
        sockets: String::new(),
        time: Default::default(),
        life: one.failed.and_then(|it| it.life),
    };
    let (first, token, lives) = (token.clone(), token.clone(), other.faults.begun());
    Err(Box::new(SimulationFailure { first, token, failed, lives, runs, tries: 0, drawing: None }))
}

/// The failure of a run, shrunk.
fn shrunk(first: RunToken, failed: Failed, runs: u64, plan: &RunPlan<'_>) -> SimulationFailure {
    let recorded = plan.run(&first, Keeping::Choices);
    let kind = failed.kind();
    let with = |kept| RunToken { seed: first.seed, kept: Some(kept) };
    let is_it = |outcome: &Outcome| outcome.failed.as_ref().is_some_and(|it| it.kind() == kind);
    let (mut token, mut tries) = (first.clone(), 0);
    // A run that goes on for much longer is another one.
    plan.turns_max.set(TURNS_MAX.min(recorded.turns * 2 + 1000));
    if is_it(&recorded) {
        let (kept, taken) = shrink(recorded.made, |kept| {
            let outcome = plan.run(&with(kept.clone()), Keeping::Choices);
            is_it(&outcome).then_some(outcome.made)
        });
        (token, tries) = (with(kept), taken);
    }
    let last = plan.run(&token, Keeping::Trace);
    let (failed, lives) = (last.failed.unwrap_or(failed), last.faults.begun());
    let mut failure = SimulationFailure { first, token, failed, lives, runs, tries, drawing: None };
    failure.drawing = draw(&failure);
    failure
}

impl Failed {
    /// The first line without its numbers, which tells one failure from another. The lines behind it are values.
    fn kind(&self) -> String {
        let line = self.what.lines().next().unwrap_or_default();
        let words = line.split_whitespace().map(|word| match word.starts_with("0x") {
            true => String::new(),
            false => word.chars().filter(|letter| !letter.is_ascii_digit()).collect(),
        });
        words.collect::<Vec<String>>().join(" ")
    }
}

/// Writes the drawing of a failure; `None` if that cannot be done, or if no connection was there.
fn draw(failure: &SimulationFailure) -> Option<PathBuf> {
    let svg = failure.time_line_svg();
    let path = folder()?.join(format!("{}.svg", file_stem()));
    (!svg.is_empty() && fs::write(&path, svg).is_ok()).then_some(path)
}

/// The file with the token of the run that is on.
struct TokenFile(Option<PathBuf>);

impl TokenFile {
    fn new() -> Self {
        Self(folder().map(|folder| folder.join(format!("{}.token", file_stem()))))
    }

    fn write(&self, token: &RunToken) {
        if let Some(path) = &self.0 {
            // The run goes on without it where the disk is full.
            let _ = fs::write(path, format!("{token}\n"));
        }
    }

    /// The runs are over, and none failed.
    fn remove(&self) {
        if let Some(path) = &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

/// The folder for tokens and drawings, which is made where it is missing.
fn folder() -> Option<PathBuf> {
    let named = env::var_os(FOLDER).map(PathBuf::from);
    let folder = named.unwrap_or_else(|| env::temp_dir().join("ropewalk-simulation"));
    fs::create_dir_all(&folder).ok().map(|()| folder)
}

/// The name of the running test, which is that of its thread.
pub(super) fn test_name() -> Option<String> {
    thread::current().name().filter(|name| *name != "main").map(str::to_owned)
}

/// The name of the running test as that of a file.
fn file_stem() -> String {
    let name = test_name().unwrap_or_else(|| "run".to_owned()).replace("::", "-");
    let letter =
        |letter: char| if letter.is_alphanumeric() || letter == '_' { letter } else { '-' };
    name.chars().map(letter).collect()
}
