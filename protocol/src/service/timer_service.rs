//! [`TimerService`]: a function that is called again and again while the service runs; Twisted's
//! `TimerService`.
//!
//! Invariant: the looping call runs exactly in the stages `Looping` and `Stopping`.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;
use core::time::Duration;

use deferred::{Deferred, Failure, IntoDeferred, Promise};
use interfaces::ReactorTime;

use super::{Service, StillStopping};
use crate::log_failure::log_failure;
use crate::task::LoopingCall;

/// Calls a function at once when it is started, and then at whole intervals until it is stopped. A
/// clone is the same service.
///
/// It is a [`LoopingCall`], and treats a slow function as that does. When the function fails, the
/// unhandled hook is told, and the service no longer runs.
#[derive(Clone)]
pub struct TimerService {
    timer: Rc<Timer>,
}

struct Timer {
    looping: LoopingCall,
    interval: Duration,
    stage: RefCell<TimerStage>,
}

enum TimerStage {
    Stopped,
    Looping,
    Stopping(Vec<Promise<()>>),
}

impl TimerService {
    /// A service that calls `function` at every whole `interval`; for zero, once each turn of the reactor.
    pub fn new<R>(
        clock: impl ReactorTime + 'static,
        interval: Duration,
        mut function: impl FnMut() -> R + 'static,
    ) -> Self
    where
        R: IntoDeferred<Error = Failure>,
    {
        let looping = LoopingCall::new(clock, move |_| function());
        Self { timer: Rc::new(Timer { looping, interval, stage: TimerStage::Stopped.into() }) }
    }
}

impl Service for TimerService {
    /// Whether it was started, and its function has neither failed nor ended after a stop.
    fn running(&self) -> bool {
        let is_looping = matches!(*self.timer.stage.borrow(), TimerStage::Looping);
        let is_stopping = matches!(*self.timer.stage.borrow(), TimerStage::Stopping(_));
        // A panic of the function, which ended the start, has left the stage as it was.
        is_stopping || (is_looping && self.timer.looping.running())
    }

    /// Calls the function.
    fn start_service(&self) -> Result<(), Failure> {
        let is_stopping = matches!(*self.timer.stage.borrow(), TimerStage::Stopping(_));
        if is_stopping {
            return Err(StillStopping.into());
        }
        if self.running() {
            return Ok(());
        }
        self.timer.stage.replace(TimerStage::Looping);
        let timer = self.timer.clone();
        let ended = self.timer.looping.start(self.timer.interval)?;
        let _heard = ended.add_both(move |result| {
            timer.ended(result);
            Ok::<_, Failure>(())
        });
        Ok(())
    }

    /// Fires when a call that is outstanding is over.
    fn stop_service(&self) -> Deferred<()> {
        let stage = self.timer.stage.replace(TimerStage::Stopped);
        let (stopped, promise) = Deferred::new();
        match stage {
            TimerStage::Stopped => promise.callback(()),
            TimerStage::Stopping(mut waiting) => {
                waiting.push(promise);
                self.timer.stage.replace(TimerStage::Stopping(waiting));
            }
            TimerStage::Looping => {
                self.timer.stage.replace(TimerStage::Stopping(Vec::from([promise])));
                if self.timer.looping.stop().is_err() {
                    self.timer.ended(Ok(()));
                }
            }
        }
        stopped
    }
}

impl Timer {
    fn ended(&self, result: Result<(), Failure>) {
        let stage = self.stage.replace(TimerStage::Stopped);
        if let Err(failure) = result {
            log_failure(failure);
        }
        if let TimerStage::Stopping(waiting) = stage {
            waiting.into_iter().for_each(|promise| promise.callback(()));
        }
    }
}

impl fmt::Debug for TimerService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimerService")
            .field("interval", &self.timer.interval)
            .field("running", &self.running())
            .finish_non_exhaustive()
    }
}
