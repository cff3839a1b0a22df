//! [`Looping`]: the state of a looping call and its transitions.
//!
//! ```text
//!                    start_later()
//!        ┌──────────────────────────────────┐
//!        │                                  ▼          due
//!      Idle ◀──────────── stop() ──────── Waiting ───────────────┐
//!      │ ▲                                  ▲                    │
//!      │ │                                  │ the run is over    ▼
//!      │ │                                  └───────────────── Running ◀──┐
//!      │ │   the run has failed                                │  │       │ start()
//!      │ ├─────────────────────────────────────────────────────┘  │ stop()│
//!      │ │   the run is over                                      ▼       │
//!      │ └──────────────────────────────────────────────────── Stopping   │
//!      └──────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A run is over when the function has returned and, if it returned a Deferred, when that has fired.
//!
//! Invariant: there is a call on the clock while it is Waiting, and one run outstanding while it is
//! Running or Stopping, and otherwise nothing.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::cell::Cell;
use core::mem;
use core::time::Duration;

use deferred::{Cancelled, Deferred, Failure, Promise};
use interfaces::{DelayedCall, ReactorTime};

use super::looping_schedule::Schedule;
use super::{AlreadyLooping, LoopingCall, NotLooping};

pub(super) struct Looping {
    clock: Rc<dyn ReactorTime>,
    stage: Cell<LoopingStage>,
    schedule: Cell<Schedule>,
    /// The pending call, while it waits.
    call: Cell<Option<DelayedCall>>,
    /// The promise of the start's Deferred, until the end.
    ended: Cell<Option<Promise<()>>>,
    /// Out while it runs.
    function: Cell<Option<Function>>,
}

/// The state of a looping call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoopingStage {
    Idle,
    Waiting,
    Running,
    Stopping,
}

/// The function of a looping call.
pub(super) enum Function {
    Plain(Box<dyn FnMut(&LoopingCall) -> Deferred<()>>),
    Counting(Box<dyn FnMut(&LoopingCall, u64) -> Deferred<()>>),
}

impl LoopingStage {
    pub(super) fn is_running(self) -> bool {
        match self {
            LoopingStage::Waiting | LoopingStage::Running => true,
            LoopingStage::Idle | LoopingStage::Stopping => false,
        }
    }
}

impl Looping {
    pub(super) fn new(clock: Rc<dyn ReactorTime>, function: Function) -> Self {
        Self {
            clock,
            stage: Cell::new(LoopingStage::Idle),
            schedule: Cell::new(Schedule::from_start(Duration::ZERO, Duration::ZERO)),
            call: Cell::default(),
            ended: Cell::default(),
            function: Cell::new(Some(function)),
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.clock.now()
    }

    pub(super) fn stage(&self) -> LoopingStage {
        self.stage.get()
    }

    pub(super) fn interval(&self) -> Duration {
        self.schedule.get().interval()
    }

    /// Begins a life. The caller then runs or schedules the first run.
    pub(super) fn begin(
        self: &Rc<Self>,
        schedule: Schedule,
    ) -> Result<Deferred<()>, AlreadyLooping> {
        if self.stage.get() != LoopingStage::Idle {
            return Err(AlreadyLooping);
        }
        let looping = Rc::downgrade(self);
        let (deferred, promise) = Deferred::with_canceller(move || {
            looping.upgrade().as_deref().map(Self::abandon);
            None
        });
        self.schedule.set(schedule);
        self.ended.set(Some(promise));
        Ok(deferred)
    }

    /// Asks the clock for the next run.
    pub(super) fn schedule(self: &Rc<Self>) {
        let delay = self.schedule.get().until_next(self.now());
        self.stage.set(LoopingStage::Waiting);
        let due = Due(Some(self.clone()));
        let call = self.clock.call_later(delay, Box::new(move || due.run()));
        self.call.set(Some(call));
    }

    /// Calls the function, with nothing borrowed.
    pub(super) fn run(self: &Rc<Self>) {
        self.call.set(None);
        self.stage.set(LoopingStage::Running);
        let outcome = Run::new(self).call();
        let looping = self.clone();
        outcome.add_both(move |outcome| {
            looping.go_on(outcome);
            Ok(())
        });
    }

    /// A run is over.
    fn go_on(self: &Rc<Self>, outcome: Result<(), Failure>) {
        match (self.stage.get(), outcome) {
            (LoopingStage::Running, Ok(())) => self.schedule(),
            (LoopingStage::Running | LoopingStage::Stopping, outcome) => self.end(outcome),
            (LoopingStage::Idle | LoopingStage::Waiting, _) => {}
        }
    }

    pub(super) fn stop(&self) -> Result<(), NotLooping> {
        match self.stage.get() {
            LoopingStage::Waiting => {
                self.end(Ok(()));
                Ok(())
            }
            LoopingStage::Running => {
                self.stage.set(LoopingStage::Stopping);
                Ok(())
            }
            LoopingStage::Idle | LoopingStage::Stopping => Err(NotLooping),
        }
    }

    pub(super) fn reset(&self) -> Result<(), NotLooping> {
        let schedule = self.schedule.get().restarted(self.now());
        match self.stage.get() {
            LoopingStage::Waiting => {
                let call = self.call.take();
                // It is pending: if the clock had dropped it, this would not be waiting.
                let _ = call.as_ref().map(|call| call.reset(schedule.interval()));
                self.call.set(call);
            }
            // It is asked for when the run is over.
            LoopingStage::Running => {}
            LoopingStage::Idle | LoopingStage::Stopping => return Err(NotLooping),
        }
        self.schedule.set(schedule);
        Ok(())
    }

    pub(super) fn set_interval(&self, interval: Duration) -> Result<(), NotLooping> {
        if !self.stage.get().is_running() {
            return Err(NotLooping);
        }
        self.schedule.set(self.schedule.get().with_interval(interval));
        Ok(())
    }

    /// The ticks up to now, of which none is counted twice.
    fn count(&self) -> u64 {
        let mut schedule = self.schedule.get();
        let count = schedule.count(self.now());
        self.schedule.set(schedule);
        count
    }

    /// The end. The call and the promise are taken out first, so that a callback of the promise may start
    /// it again.
    fn end(&self, outcome: Result<(), Failure>) {
        let (call, ended) = (self.call.take(), self.ended.take());
        self.stage.set(LoopingStage::Idle);
        // A call that runs, or that the clock dropped, is not pending.
        let _ = call.map(|call| call.cancel());
        if let Some(promise) = ended {
            promise.fire(outcome);
        }
    }

    /// The Deferred of the start was cancelled; its canceller fires it.
    fn abandon(&self) {
        match self.stage.get() {
            LoopingStage::Waiting => self.let_go(),
            LoopingStage::Running => self.stage.set(LoopingStage::Stopping),
            LoopingStage::Idle | LoopingStage::Stopping => {}
        }
    }

    /// Ends while it waits, and drops the promise.
    fn let_go(&self) {
        let (call, ended) = (self.call.take(), self.ended.take());
        self.stage.set(LoopingStage::Idle);
        let _ = call.map(|call| call.cancel());
        drop(ended);
    }
}

/// The call on the clock: it runs the function, or is dropped by the clock.
struct Due(Option<Rc<Looping>>);

impl Due {
    fn run(mut self) {
        if let Some(looping) = self.0.take() {
            looping.run();
        }
    }
}

impl Drop for Due {
    fn drop(&mut self) {
        // After `end` it is not Waiting any more, so only a clock that drops its calls comes here.
        if let Some(looping) = self.0.take()
            && looping.stage.get() == LoopingStage::Waiting
        {
            looping.let_go();
        }
    }
}

/// The function while it runs. It goes back to its place before anything else happens, also when it
/// panics, and then the looping call ends.
struct Run<'a> {
    looping: &'a Rc<Looping>,
    function: Option<Function>,
}

impl<'a> Run<'a> {
    fn new(looping: &'a Rc<Looping>) -> Self {
        Self { looping, function: looping.function.take() }
    }

    fn call(mut self) -> Deferred<()> {
        let handle = LoopingCall::from(self.looping.clone());
        let outcome = match &mut self.function {
            Some(Function::Plain(function)) => function(&handle),
            Some(Function::Counting(function)) => match self.looping.count() {
                0 => Deferred::succeed(()),
                count => function(&handle, count),
            },
            // Nothing runs while it runs, so it is there.
            None => Deferred::succeed(()),
        };
        self.looping.function.set(self.function.take());
        mem::forget(self);
        outcome
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.looping.function.set(self.function.take());
        self.looping.end(Err(Cancelled.into()));
    }
}
