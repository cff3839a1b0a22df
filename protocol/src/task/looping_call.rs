//! [`LoopingCall`]: a function that is called again and again; Twisted's `task.LoopingCall`.
//!
//! Invariant: it is a handle without state of its own; the state is in [`Looping`].

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::fmt;
use core::time::Duration;

use deferred::{Deferred, Failure, IntoDeferred};
use interfaces::ReactorTime;

use super::looping::{Function, Looping};
use super::looping_schedule::Schedule;
use super::{AlreadyLooping, NotLooping};

/// Calls a function again and again, at whole intervals from its start. Twisted's `LoopingCall`.
///
/// It is a handle, and a clone is the same looping call. Dropping the handle stops nothing: a looping
/// call that runs goes on. The function is dropped when the looping call does not run and the last
/// handle is gone.
///
/// The function is handed the looping call, so that it can stop it; it need not, and should not,
/// hold a handle, which would keep both alive for ever. It returns a `Result` or a [`Deferred`], and
/// is not called again before that has fired. Ticks that passed meanwhile are skipped, never made up
/// for: the next run is at the next tick.
///
/// A run allocates one small box, for the clock, and nothing else.
///
/// # Panics
///
/// It never panics itself. When the function panics, the looping call has ended, and can be started
/// again; its Deferred fails with [`Cancelled`](deferred::Cancelled), while the panic goes on to the clock.
///
/// # Examples
///
/// ```
/// # use ropewalk_protocol as protocol;
/// use std::{cell::Cell, rc::Rc, time::Duration};
/// use protocol::task::LoopingCall;
/// use protocol::testing::Clock;
///
/// let clock = Clock::new();
/// let beats = Rc::new(Cell::new(0));
/// let heart = beats.clone();
/// let looping = LoopingCall::new(Rc::new(clock.clone()), move |looping| {
///     heart.set(heart.get() + 1);
///     if heart.get() == 3 {
///         looping.stop()?;
///     }
///     Ok(())
/// });
/// let done = looping.start(Duration::from_secs(1)).unwrap();
/// assert_eq!(beats.get(), 1);
/// clock.advance(Duration::from_secs(1));
/// assert!(!done.is_fired());
/// clock.advance(Duration::from_secs(5)); // one run, whatever was missed
/// assert_eq!(beats.get(), 3);
/// assert!(done.try_into_result().unwrap().is_ok());
/// assert_eq!(clock.pending(), 0);
/// ```
///
/// # Differences from Twisted
///
/// - The clock and the function are given when it is made. The interval cannot be negative.
/// - The function gets the looping call instead of the arguments that were given beforehand, which
///   a closure captures.
/// - [`start`](Self::start)'s Deferred fires with `()`. Cancelling it stops the looping call; in
///   Twisted that goes on.
/// - After a [`stop`](Self::stop) it can be started again when its last run is over, not before. In
///   Twisted two runs may then go on at once, of which one Deferred never fires.
/// - A start begins to count ticks; in Twisted those since the last run before it count, too.
/// - A [`reset`](Self::reset) that comes during a run counts; in Twisted it does nothing then.
/// - When the clock drops the pending call, as a reactor does at its end, the looping call has
///   ended, and its Deferred is cancelled. In Twisted it waits for ever.
#[derive(Clone)]
pub struct LoopingCall {
    looping: Rc<Looping>,
}

impl LoopingCall {
    /// A looping call of `function`, which does not run yet.
    ///
    /// `function` is called by the clock, or by [`start`](Self::start), with nothing borrowed; it may
    /// stop, reset or change the looping call, and anything else.
    pub fn new<R>(
        clock: impl ReactorTime + 'static,
        mut function: impl FnMut(&LoopingCall) -> R + 'static,
    ) -> Self
    where
        R: IntoDeferred<Error = Failure>,
    {
        Self::of(
            Rc::new(clock),
            Function::Plain(Box::new(move |looping| nothing_of(function(looping)))),
        )
    }

    /// A looping call of a function that is told how many ticks have passed since it ran last: one,
    /// and one more for each that was skipped. Twisted's `withCount`.
    ///
    /// With an interval of zero that is always one. When the interval was changed so that no tick has
    /// passed, the function is not called at that time.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ropewalk_protocol as protocol;
    /// use std::{cell::RefCell, rc::Rc, time::Duration};
    /// use protocol::task::LoopingCall;
    /// use protocol::testing::Clock;
    ///
    /// let clock = Clock::new();
    /// let frames = Rc::new(RefCell::new(Vec::new()));
    /// let film = frames.clone();
    /// let looping = LoopingCall::with_count(Rc::new(clock.clone()), move |_, count| {
    ///     film.borrow_mut().push(count);
    ///     Ok(())
    /// });
    /// let _done = looping.start(Duration::from_millis(40)).unwrap();
    /// clock.advance(Duration::from_millis(40));
    /// clock.elapse(Duration::from_millis(130)); // Nothing runs meanwhile: two ticks are skipped.
    /// clock.advance(Duration::ZERO);
    /// assert_eq!(*frames.borrow(), [1, 1, 3]);
    /// # looping.stop().unwrap();
    /// ```
    #[doc(alias = "withCount")]
    pub fn with_count<R>(
        clock: impl ReactorTime + 'static,
        mut function: impl FnMut(&LoopingCall, u64) -> R + 'static,
    ) -> Self
    where
        R: IntoDeferred<Error = Failure>,
    {
        let counting = move |looping: &LoopingCall, count| nothing_of(function(looping, count));
        Self::of(Rc::new(clock), Function::Counting(Box::new(counting)))
    }

    fn of(clock: Rc<dyn ReactorTime>, function: Function) -> Self {
        Self { looping: Rc::new(Looping::new(clock, function)) }
    }

    /// Runs the function now, before this returns, and then at every whole `interval` from now; for
    /// zero, once each turn of the reactor.
    ///
    /// The Deferred fires with `()` when the looping call was stopped and its last run is over. It
    /// fails with the error of the function, and then the looping call has ended as well.
    /// Cancelling it stops the looping call, without waiting for a run that is outstanding.
    ///
    /// # Errors
    ///
    /// [`AlreadyLooping`].
    pub fn start(&self, interval: Duration) -> Result<Deferred<()>, AlreadyLooping> {
        let deferred = self.looping.begin(Schedule::from_start(self.looping.now(), interval))?;
        self.looping.run();
        Ok(deferred)
    }

    /// As [`start`](Self::start), and the first run is an interval from now. Twisted's
    /// `start(interval, now=False)`.
    ///
    /// # Errors
    ///
    /// [`AlreadyLooping`].
    #[doc(alias = "start")]
    pub fn start_later(&self, interval: Duration) -> Result<Deferred<()>, AlreadyLooping> {
        let deferred = self.looping.begin(Schedule::after_start(self.looping.now(), interval))?;
        self.looping.schedule();
        Ok(deferred)
    }

    /// Ends it: there is no further run. Its Deferred fires before this returns, unless a run is
    /// outstanding: then it fires when that is over.
    ///
    /// # Errors
    ///
    /// [`NotLooping`].
    pub fn stop(&self) -> Result<(), NotLooping> {
        self.looping.stop()
    }

    /// Puts the next run off until one interval from now, from where the intervals are counted then.
    ///
    /// # Errors
    ///
    /// [`NotLooping`].
    pub fn reset(&self) -> Result<(), NotLooping> {
        self.looping.reset()
    }

    /// Changes the interval. A run that is pending stays where it is, and those after it are at whole
    /// intervals from the start; [`reset`](Self::reset) makes the change count from now. Twisted has
    /// an attribute that can be set.
    ///
    /// # Errors
    ///
    /// [`NotLooping`].
    pub fn set_interval(&self, interval: Duration) -> Result<(), NotLooping> {
        self.looping.set_interval(interval)
    }

    /// The time from tick to tick; `None` when it does not run.
    pub fn interval(&self) -> Option<Duration> {
        self.running().then(|| self.looping.interval())
    }

    /// Whether it was started, and neither stopped nor ended by an error. It is `false` already when
    /// its Deferred fires.
    pub fn running(&self) -> bool {
        self.looping.stage().is_running()
    }
}

impl From<Rc<Looping>> for LoopingCall {
    fn from(looping: Rc<Looping>) -> Self {
        Self { looping }
    }
}

/// Shows its state and its interval.
impl fmt::Debug for LoopingCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopingCall")
            .field("stage", &self.looping.stage())
            .field("interval", &self.interval())
            .finish_non_exhaustive()
    }
}

fn nothing_of<R: IntoDeferred>(outcome: R) -> Deferred<(), R::Error> {
    outcome.into_deferred().add_callback(|_| Ok(()))
}
