//! [`Termination`]: how long a turn of a cooperator is; Twisted's termination predicates.
//!
//! Invariant: every turn of the standard kind ends, also on a clock that stands still.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::time::Duration;

use interfaces::ReactorTime;

/// How long tasks run before the reactor has its turn. Twisted's `_Timer.MAX_SLICE`.
const BUDGET: Duration = Duration::from_millis(10);

/// How many steps a turn has at most. On a clock that stands still while calls run, as test clocks
/// and simulated ones do, the time is never over; on any other this is reached by steps that take less
/// than a microsecond, which a reactor's turn in between does not slow down.
const STEPS_MAX: u32 = 10_000;

/// Says whether a turn is over; asked after each step.
pub(super) type Predicate = Box<dyn FnMut() -> bool>;

/// The limit of all turns.
#[derive(Clone)]
pub(super) enum Termination {
    /// The time, measured on the cooperator's clock.
    Budget,
    /// A predicate that is made for each turn.
    Custom(Rc<dyn Fn() -> Predicate>),
}

/// The limit of one turn, counted down.
pub(super) enum Turn {
    Until { end: Duration, steps_left: u32 },
    Custom(Predicate),
}

impl Termination {
    /// A turn begins.
    pub(super) fn begin(&self, clock: &dyn ReactorTime) -> Turn {
        match self {
            Termination::Budget => {
                Turn::Until { end: clock.now().saturating_add(BUDGET), steps_left: STEPS_MAX }
            }
            Termination::Custom(factory) => Turn::Custom(factory()),
        }
    }
}

impl Turn {
    /// Counts a step; returns whether it was the last of this turn.
    pub(super) fn is_over(&mut self, clock: &dyn ReactorTime) -> bool {
        match self {
            Turn::Until { end, steps_left } => {
                *steps_left -= 1;
                *steps_left == 0 || clock.now() >= *end
            }
            Turn::Custom(predicate) => predicate(),
        }
    }
}
