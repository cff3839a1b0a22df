//! [`Shutdown`]: the end of a program: a signal, a time of grace for its work, the end.
//!
//! Invariant: `begin` is called once, and `end` at most once with each [`Ending`].
//!
//! ```text
//!           signal                none left, grace over, second signal
//!  Serving ────────▶ Draining ──────────────────────────────────────────▶ Ended
//! ```

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::time::Duration;
use core::{fmt, mem};

use deferred::{Deferred, Failure, Promise};
use interfaces::{DelayedCall, ReactorTime};

/// Ends the intake of work at the first signal, and waits for the work in flight.
pub struct Shutdown {
    clock: Rc<dyn ReactorTime>,
    grace: Duration,
    begin: Box<dyn Fn() -> Deferred<()>>,
    end: Box<dyn Fn(Ending)>,
    stage: Cell<ShutdownStage>,
    timer: RefCell<Option<DelayedCall>>,
    waiting: RefCell<Vec<Promise<()>>>,
}

/// How a program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The work in flight is done; the reactor may still send its last bytes.
    Drained,
    /// The grace is over: the rest ends in order, or with a reset where more was to come.
    GraceOver,
    /// The rest is aborted.
    Now,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ShutdownStage {
    Serving,
    Draining,
    Ended(Ending),
}

impl Shutdown {
    /// Calls `begin` at the first signal, and `end` when the Deferred of that fires, be it with an error, or
    /// when `grace` has passed since.
    pub fn new(
        clock: impl ReactorTime + 'static,
        grace: Duration,
        begin: impl Fn() -> Deferred<()> + 'static,
        end: impl Fn(Ending) + 'static,
    ) -> Rc<Self> {
        Rc::new(Self {
            clock: Rc::new(clock),
            grace,
            begin: Box::new(begin),
            end: Box::new(end),
            stage: Cell::new(ShutdownStage::Serving),
            timer: RefCell::default(),
            waiting: RefCell::default(),
        })
    }

    /// Takes a signal: the first one drains, the second one ends.
    pub fn signal(self: &Rc<Self>) {
        match self.stage.get() {
            ShutdownStage::Serving => self.drain(),
            ShutdownStage::Draining | ShutdownStage::Ended(Ending::Drained | Ending::GraceOver) => {
                self.finish(Ending::Now);
            }
            ShutdownStage::Ended(Ending::Now) => {}
        }
    }

    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        self.stage.get() != ShutdownStage::Serving
    }

    /// Begins it, unless it has begun, and fires when it has ended. For a reactor that is stopped by
    /// other means.
    pub fn over(self: &Rc<Self>) -> Deferred<()> {
        if self.stage.get() == ShutdownStage::Serving {
            self.drain();
        }
        if matches!(self.stage.get(), ShutdownStage::Ended(_)) {
            return Deferred::succeed(());
        }
        let (over, promise) = Deferred::new();
        self.waiting.borrow_mut().push(promise);
        over
    }

    fn drain(self: &Rc<Self>) {
        self.stage.set(ShutdownStage::Draining);
        let this = self.clone();
        let late = move || this.finish(Ending::GraceOver);
        let timer = self.clock.call_later(self.grace, Box::new(late));
        self.timer.replace(Some(timer));
        let this = self.clone();
        let _drained = (self.begin)().log_error().add_both(move |_| {
            this.finish(Ending::Drained);
            Ok::<_, Failure>(())
        });
    }

    fn finish(&self, ending: Ending) {
        match self.stage.get() {
            ShutdownStage::Serving | ShutdownStage::Draining => {}
            ShutdownStage::Ended(Ending::Drained | Ending::GraceOver) if ending == Ending::Now => {}
            ShutdownStage::Ended(_) => return,
        }
        self.stage.set(ShutdownStage::Ended(ending));
        let timer = self.timer.take();
        if let Some(timer) = timer {
            // The timer that called this is not pending, and then this fails.
            let _ = timer.cancel();
        }
        (self.end)(ending);
        let waiting = mem::take(&mut *self.waiting.borrow_mut());
        waiting.into_iter().for_each(|promise| promise.callback(()));
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown")
            .field("grace", &self.grace)
            .field("stage", &self.stage.get())
            .finish_non_exhaustive()
    }
}
