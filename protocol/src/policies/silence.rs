//! How long a connection has been silent; the clockwork of Twisted's `TimeoutMixin`.
//!
//! Activity sets a flag and reads no clock. One timer looks at the flag four times in each limit, so
//! silence is noticed when it has lasted for the limit, and at most a quarter of it later. Invariant:
//! at most one timer is pending, and silence is never noticed before the limit.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::cell::{Cell, RefCell};
use core::time::Duration;

use interfaces::{DelayedCall, ReactorTime};

/// How often the flag is looked at within one limit.
const LOOKS_PER_LIMIT: u32 = 4;

/// The shortest time between two looks.
const LOOK_MIN: Duration = Duration::from_millis(1);

/// Watches for silence on one connection, or on two that belong together.
pub(crate) struct Silence {
    clock: Rc<dyn ReactorTime>,
    /// Whether there was activity since the last look.
    active: Cell<bool>,
    /// When there was activity last, or a little later.
    since: Cell<Duration>,
    limit: Cell<Duration>,
    /// The longest time between two looks.
    pause_max: Duration,
    /// The bytes that peers had not taken at the last look; `None` before the first.
    undelivered: Cell<Option<usize>>,
    timer: RefCell<Option<DelayedCall>>,
}

impl Silence {
    pub(crate) fn new(clock: Rc<dyn ReactorTime>) -> Self {
        Self {
            clock,
            active: Cell::new(false),
            since: Cell::new(Duration::ZERO),
            limit: Cell::new(Duration::MAX),
            pause_max: Duration::MAX,
            undelivered: Cell::new(None),
            timer: RefCell::default(),
        }
    }

    /// With looks at least as often as this.
    pub(crate) fn with_pause_max(mut self, pause_max: Duration) -> Self {
        self.pause_max = pause_max;
        self
    }

    /// There is activity.
    #[inline(always)]
    pub(crate) fn broken(&self) {
        self.active.set(true);
    }

    /// Begins to watch, with the silence beginning now. `look` is called once: it is to ask
    /// [`is_over`](Self::is_over), and to [`look_again`](Self::look_again) if it is not.
    pub(crate) fn watch(&self, limit: Duration, look: impl FnOnce() + 'static) {
        self.active.set(false);
        // Not asked for here: a first look that finds some takes them for activity, which is early enough.
        self.undelivered.set(None);
        self.since.set(self.clock.now());
        self.limit.set(limit);
        self.look_again(look);
    }

    /// Whether it has lasted for the limit. A peer that takes some of its
    /// [`undelivered_bytes`](interfaces::Transport::undelivered_bytes) breaks it. They cost system calls, so
    /// they are not asked for where the last look found none and there was no activity since.
    pub(crate) fn is_over(&self, undelivered: impl FnOnce() -> usize) -> bool {
        let is_active = self.active.take();
        let before = self.undelivered.get();
        let now = if before == Some(0) && !is_active { 0 } else { undelivered() };
        self.undelivered.set(Some(now));
        if is_active || before.unwrap_or(0) != now {
            self.since.set(self.clock.now());
        }
        self.left().is_zero()
    }

    /// Has `look` called once more: a quarter of the limit later, at its end, or before.
    pub(crate) fn look_again(&self, look: impl FnOnce() + 'static) {
        let pause = (self.limit.get() / LOOKS_PER_LIMIT).min(self.pause_max);
        let pause = pause.max(LOOK_MIN).min(self.left());
        let timer = self.clock.call_later(pause, Box::new(look));
        self.cancel(Some(timer));
    }

    /// Watches no more.
    pub(crate) fn stop(&self) {
        self.cancel(None);
    }

    fn cancel(&self, next: Option<DelayedCall>) {
        let timer = self.timer.replace(next);
        if let Some(timer) = timer {
            // One that has run is not pending.
            let _ = timer.cancel();
        }
    }

    fn left(&self) -> Duration {
        let silent = self.clock.now().saturating_sub(self.since.get());
        self.limit.get().saturating_sub(silent)
    }
}
