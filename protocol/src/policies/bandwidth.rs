//! [`Bandwidth`]: the bytes of all connections of a factory in one direction, looked at once a second.
//!
//! ```text
//!          first connection          more than the limit in one second
//!  Stopped ────────────────▶ Flowing ─────────────────────────────────▶ Throttled
//!     ▲                        │  ▲                                         │
//!     └── last connection ─────┘  └──── the excess would have taken ────────┘
//! ```
//!
//! Invariant: without a connection no timer is pending; at most two are otherwise.

use alloc::boxed::Box;
use alloc::rc::{Rc, Weak};
use core::cell::{Cell, RefCell};
use core::time::Duration;

use interfaces::{DelayedCall, ReactorTime};

/// How often the number of bytes is looked at.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The bytes in one direction, and whether they are held back.
pub(super) struct Bandwidth {
    me: Weak<Self>,
    clock: Rc<dyn ReactorTime>,
    /// Bytes per second, above zero.
    limit: u64,
    this_second: Cell<u64>,
    is_throttled: Cell<bool>,
    check: RefCell<Option<DelayedCall>>,
    release: RefCell<Option<DelayedCall>>,
    /// Called with the news, nothing borrowed.
    throttle: Box<dyn Fn(bool)>,
}

impl Bandwidth {
    pub(super) fn new(
        clock: Rc<dyn ReactorTime>,
        limit: u64,
        throttle: impl Fn(bool) + 'static,
    ) -> Rc<Self> {
        Rc::new_cyclic(|me| Self {
            me: me.clone(),
            clock,
            limit: limit.max(1),
            this_second: Cell::new(0),
            is_throttled: Cell::new(false),
            check: RefCell::default(),
            release: RefCell::default(),
            throttle: Box::new(throttle),
        })
    }

    /// There is a first connection.
    pub(super) fn start(&self) {
        self.this_second.set(0);
        self.check_later();
    }

    /// There is no connection any more.
    pub(super) fn stop(&self) {
        set_timer(&self.check, None);
        set_timer(&self.release, None);
        self.is_throttled.set(false);
    }

    /// Bytes passed.
    #[inline]
    pub(super) fn passed(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.this_second.set(self.this_second.get().saturating_add(bytes));
    }

    /// Whether connections are to hold their bytes back.
    pub(super) fn is_throttled(&self) -> bool {
        self.is_throttled.get()
    }

    fn check_later(&self) {
        self.later(&self.check, CHECK_INTERVAL, |this| {
            this.check_later();
            this.look();
        });
    }

    fn look(&self) {
        let excess = self.this_second.take().saturating_sub(self.limit);
        if excess == 0 {
            return;
        }
        self.later(&self.release, time_of(excess, self.limit), |this| this.set_throttled(false));
        self.set_throttled(true);
    }

    fn set_throttled(&self, throttled: bool) {
        if self.is_throttled.replace(throttled) != throttled {
            (self.throttle)(throttled);
        }
    }

    fn later(
        &self,
        timer: &RefCell<Option<DelayedCall>>,
        delay: Duration,
        call: impl FnOnce(&Self) + 'static,
    ) {
        let me = self.me.clone();
        let call = Box::new(move || {
            if let Some(this) = me.upgrade() {
                call(&this);
            }
        });
        set_timer(timer, Some(self.clock.call_later(delay, call)));
    }
}

impl Drop for Bandwidth {
    fn drop(&mut self) {
        self.stop();
    }
}

fn set_timer(timer: &RefCell<Option<DelayedCall>>, next: Option<DelayedCall>) {
    let before = timer.replace(next);
    if let Some(before) = before {
        // One that has run is not pending.
        let _ = before.cancel();
    }
}

/// How long these bytes take at `limit` bytes per second.
fn time_of(bytes: u64, limit: u64) -> Duration {
    let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(limit);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
