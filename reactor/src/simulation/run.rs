//! One run of a test's world, from its seed to its checks.
//!
//! ```text
//!   the closure sets the program up ─▶ turns ─▶ nothing happens any more, or the time limit
//!        ─▶ the checks of the end ─▶ the reactor stops ─▶ nothing is left
//! ```
//!
//! Invariant: a run is a function of its token and of the test.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::time::Duration;

use interfaces::{ReactorCore, panic_message};

use super::hooks::{self, InRun};
use super::token::RunToken;
use super::world::{Failed, SimulatedWorld};
use crate::core::counts::Counts;
use crate::core::limits::Limits;
use crate::reactor::Reactor;
use crate::simulated::choices::Kept;
use crate::simulated::{Carried, FaultCounts, Simulated};

/// More turns than a run can need: it does not come to an end.
pub(super) const TURNS_MAX: usize = 2_000_000;

/// How many entries of the trace a recorded run keeps.
const ENTRIES_MAX: usize = 200_000;

/// Whether a run keeps its choices and its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeping {
    Nothing,
    Choices,
    Trace,
}

/// The outcome of one run.
pub(super) struct Outcome {
    pub(super) failed: Option<Failed>,
    pub(super) made: Kept,
    pub(super) turns: usize,
    pub(super) trace_hash: u64,
    pub(super) log: Vec<String>,
    pub(super) faults: FaultCounts,
}

/// The reactor's limits by the seed of a run; `None` are the default ones.
#[derive(Clone, Default)]
pub(super) struct LimitsOfSeed(pub(super) Option<Rc<dyn Fn(u64) -> Limits>>);

impl fmt::Debug for LimitsOfSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LimitsOfSeed").field(&self.0.is_some()).finish()
    }
}

/// The parts that all runs of a test have in common.
pub(super) struct RunPlan<'a> {
    pub(super) limits: &'a LimitsOfSeed,
    pub(super) test: &'a dyn Fn(&SimulatedWorld),
    /// The most turns of a run.
    pub(super) turns_max: Cell<usize>,
}

impl RunPlan<'_> {
    /// Runs the test's world once.
    pub(super) fn run(&self, token: &RunToken, keeping: Keeping) -> Outcome {
        let _in_run = InRun::enter();
        let network = Simulated::new(token.seed);
        if keeping != Keeping::Nothing || token.kept.is_some() {
            network.record(token.kept.clone());
        }
        network.do_work();
        if keeping == Keeping::Trace {
            network.keep_log(ENTRIES_MAX);
        }
        let limits =
            self.limits.0.as_ref().map_or_else(Limits::default, |limits| limits(token.seed));
        let reactor = Reactor::on(network.clone(), limits);
        let world = SimulatedWorld::new(&reactor, token.seed);
        let mut turns = 0;
        set_up(&world, self.test);
        if !world.0.has_failed() {
            turns = go_on(&world, &reactor, self.turns_max.get());
        }
        // What the end of the run breaks is no finding.
        let made = network.made();
        let failed = end(&world, reactor, &network);
        let (trace_hash, log) = (network.trace_hash(), network.log());
        Outcome { failed, made, turns, trace_hash, log, faults: network.fault_counts() }
    }
}

fn set_up(world: &SimulatedWorld, test: &dyn Fn(&SimulatedWorld)) {
    if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| test(world))) {
        let place = hooks::panic_place().unwrap_or_default();
        let message = panic_message(&*payload).to_string();
        world.fail(format!("the test panicked at {place}: {message}"));
    }
}

/// Turns until nothing happens any more, and then stops the reactor.
fn go_on(world: &SimulatedWorld, reactor: &Reactor<Simulated>, turns_max: usize) -> usize {
    let mut driver = Driver { world, reactor, turns: 0, turns_max, is_ending: false };
    if let Err(error) = reactor.run_watched(|turned| driver.after_turn(turned))
        && !world.0.has_failed()
    {
        world.fail(format!("the reactor: {error}"));
    }
    driver.turns
}

struct Driver<'a> {
    world: &'a SimulatedWorld,
    reactor: &'a Reactor<Simulated>,
    turns: usize,
    turns_max: usize,
    is_ending: bool,
}

impl Driver<'_> {
    /// Whether the run goes on after this turn; any error ends it.
    fn after_turn(&mut self, turned: io::Result<()>) -> io::Result<()> {
        let state = &self.world.0;
        self.turns += 1;
        state.look_at_unhandled();
        if !state.turn_checks.borrow().is_empty() {
            state.make(&state.turn_checks);
        }
        match turned {
            Err(error) if error.kind() == io::ErrorKind::Deadlock => self.nothing_happens()?,
            turned => turned?,
        }
        if !self.is_ending && self.reactor.system().time() > state.time_limit.get() {
            self.finish();
        }
        if self.turns > self.turns_max {
            state.fail(format!("after {} turns the run has not come to its end", self.turns));
        }
        if state.has_failed() { Err(io::ErrorKind::Other.into()) } else { Ok(()) }
    }

    /// Nothing is under way, and no timer runs.
    fn nothing_happens(&mut self) -> io::Result<()> {
        if self.is_ending {
            self.world.fail("the reactor stops, and waits for ever");
            return Err(io::ErrorKind::Deadlock.into());
        }
        self.finish();
        let mut left = self.reactor.counts();
        // The timer is the stop's own.
        (left.ports, left.datagram_ports, left.timers) = (0, 0, 0);
        if !self.world.0.may_stay_open.get() && left != Counts::default() {
            self.world
                .fail(format!("nothing happens any more, and this is left: {}", listed(left)));
        }
        Ok(())
    }

    fn finish(&mut self) {
        self.is_ending = true;
        self.world.0.make(&self.world.0.end_checks);
        // A reactor that stops already does what this wants.
        let _ = self.reactor.stop();
    }
}

/// The end of a run: nothing may be left of it.
fn end(world: &SimulatedWorld, reactor: Reactor<Simulated>, network: &Simulated) -> Option<Failed> {
    let counts = reactor.counts();
    let ended_well = !world.0.has_failed();
    if ended_well {
        world.0.look_at_unhandled();
        if counts != Counts::default() {
            world.fail(format!("the reactor has stopped, and this is left: {}", listed(counts)));
        }
        if network.carried() != Carried::default() {
            world.fail(format!("all is closed, and sockets are open: {:?}", network.carried()));
        }
    }
    drop(world.0.turn_checks.take());
    drop(world.0.end_checks.take());
    drop(reactor);
    let protocols = world.0.protocols.get();
    if ended_well && protocols > 0 {
        world.fail(format!("{protocols} protocols live on after their connections"));
    }
    deferred::quietly(|| world.0.reactor.disconnect_all());
    world.0.take_failure()
}

/// The counts that are not zero.
fn listed(counts: Counts) -> String {
    let all = [
        (counts.streams, "connections"),
        (counts.ports, "ports"),
        (counts.datagram_ports, "datagram ports"),
        (counts.attempts, "connection attempts"),
        (counts.lingering, "lingering sockets"),
        (counts.processes, "processes"),
        (counts.pipes, "pipes"),
        (counts.stdio, "standard streams"),
        (counts.watched, "watched descriptors"),
        (counts.timers, "timers"),
        (counts.tasks, "tasks"),
        (counts.jobs, "jobs on other threads"),
    ];
    let left = all.iter().filter(|(count, _)| *count > 0);
    left.map(|(count, name)| format!("{name}: {count}")).collect::<Vec<_>>().join(", ")
}

/// A time as a person reads it.
pub(super) fn shown(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1000.0)
}
