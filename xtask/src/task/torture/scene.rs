//! One run: a reactor on a system whose calls fail by a plan, and what has to be true at its end.
//!
//! Invariant: a run is a function of its scenario and its fault, up to the random bytes of TLS.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use interfaces::{Observer, ReactorEvent, ReactorTime as _, panic_message};
use reactor::simulated::{Carried, Faults, Links, Simulated};
use reactor::{Counts, Limits, Reactor};

use super::failing::Failing;
use super::plan::{Fault, FaultPlan};

/// The time, of the simulation, after which everything has to be over: longer than every deadline.
const DEADLINE: Duration = Duration::from_secs(300);

/// The room of each buffer of a connection, so that few calls fill it.
const ROOM: usize = 8 << 10;

/// The time between two looks at whether it is over.
const STEP: Duration = Duration::from_secs(1);

/// More turns than a run takes.
const TURNS_MAX: usize = 100_000;

/// A reactor, and what went wrong on it.
pub(super) struct Scene {
    pub(super) reactor: Reactor<Failing>,
    pub(super) plan: Rc<FaultPlan>,
    network: Simulated,
    panics: Rc<Panics>,
}

/// One use of the reactor.
pub(super) trait Scenario {
    fn name(&self) -> &'static str;

    /// Begins; `Err` where the fault is told at once, after which nothing goes on.
    fn begin(&self, scene: &Scene) -> Result<Box<dyn Ongoing>, String>;
}

/// A scenario that has begun.
pub(super) trait Ongoing {
    /// Whether it has ended, one way or the other.
    fn is_over(&self) -> bool;

    /// The promise that was broken, if one was.
    fn verdict(&self) -> Result<(), String>;

    /// Begins once more, as the fault is over.
    fn again(&self, scene: &Scene) -> Result<Option<Box<dyn Ongoing>>, String>;

    /// Whether it ended as without any fault.
    fn is_whole(&self) -> bool;

    /// Closes what is open for others.
    fn close(&self);
}

/// The panics of callbacks; no scenario has one of its own.
#[derive(Default)]
struct Panics(RefCell<Vec<String>>);

impl Observer for Panics {
    fn observe(&self, event: &ReactorEvent<'_>) {
        if let ReactorEvent::CallbackPanicked { .. } = event {
            self.0.borrow_mut().push(format!("{event:?}"));
        }
    }
}

/// How a run ended.
pub(super) struct RunReport {
    pub(super) plan: Rc<FaultPlan>,
    pub(super) outcome: Result<(), String>,
}

/// Runs a scenario with a fault, or without.
pub(super) fn run(scenario: &dyn Scenario, fault: Option<Fault>) -> RunReport {
    let plan = Rc::new(FaultPlan::new(fault));
    let caught = catch_unwind(AssertUnwindSafe(|| Scene::new(&plan).run(scenario)));
    let outcome = caught.unwrap_or_else(|panic: Box<dyn Any + Send>| {
        Err(format!("it panicked: {}", panic_message(&*panic)))
    });
    RunReport { plan, outcome }
}

impl Scene {
    fn new(plan: &Rc<FaultPlan>) -> Self {
        let network = Simulated::new(1);
        network.set_faults(Faults::none());
        network.set_links(Links { buffer: ROOM..=ROOM, ..Links::default() });
        let system = Failing { inner: network.clone(), plan: plan.clone() };
        let reactor = Reactor::on(system, Limits::default());
        let panics = Rc::new(Panics::default());
        reactor.set_observer(panics.clone());
        Self { reactor, plan: plan.clone(), network, panics }
    }

    pub(super) fn network(&self) -> &Simulated {
        &self.network
    }

    fn run(self, scenario: &dyn Scenario) -> Result<(), String> {
        let begun = scenario.begin(&self);
        if let Ok(ongoing) = &begun {
            self.see_through(&**ongoing)?;
            self.plan.end();
            self.try_again(&**ongoing)?;
            ongoing.close();
        }
        self.finish(begun.is_ok())
    }

    fn see_through(&self, ongoing: &dyn Ongoing) -> Result<(), String> {
        self.turn_until(|| ongoing.is_over())?;
        if !ongoing.is_over() {
            return Err(format!("it hangs: {:?}", self.reactor.counts()));
        }
        ongoing.verdict()
    }

    /// After the fault, a second try has to succeed.
    fn try_again(&self, ongoing: &dyn Ongoing) -> Result<(), String> {
        let again = ongoing.again(self).map_err(|error| format!("again: {error}"))?;
        let Some(again) = again else { return Ok(()) };
        self.see_through(&*again).map_err(|error| format!("again: {error}"))?;
        if again.is_whole() { Ok(()) } else { Err("again: it fails without a fault".into()) }
    }

    fn turn_until(&self, is_over: impl Fn() -> bool) -> Result<(), String> {
        let end = self.reactor.now() + DEADLINE;
        for _ in 0..TURNS_MAX {
            if is_over() || self.reactor.now() >= end {
                return Ok(());
            }
            let turned = self.reactor.turn(Some(STEP));
            turned.map_err(|error| format!("a turn failed: {error}"))?;
        }
        Err(format!("its turns do not end: {:?}", self.reactor.counts()))
    }

    /// Nothing is left, and no callback has panicked.
    fn finish(self, has_begun: bool) -> Result<(), String> {
        let left = |counts: Counts| counts != Counts::default();
        self.turn_until(|| !left(self.reactor.counts()))?;
        let counts = self.reactor.counts();
        let Self { reactor, network, panics, .. } = self;
        if has_begun && left(counts) {
            return Err(format!("it is left: {counts:?}"));
        }
        drop(reactor);
        let carried = network.carried();
        if carried != Carried::default() {
            return Err(format!("a descriptor is left: {carried:?}"));
        }
        match panics.0.borrow().first() {
            Some(panic) => Err(panic.clone()),
            None => Ok(()),
        }
    }
}
