//! The watchdog of the service manager: pings while the loops turn (sd_watchdog_enabled(3)).
//!
//! ```text
//! loop 1  ─turn───────turn───────turn──── stuck
//! loop 2  ────turn───────turn───────turn───────turn
//!             ping       ping       ping     … none: the manager restarts the service
//! ```
//!
//! Invariant: between two pings every watched loop has turned.

use core::cell::RefCell;
use core::fmt;
use core::time::Duration;
use std::ffi::OsString;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use interfaces::{DelayedCall, ReactorTime};

use crate::{Notification, Notifier, NotifyError};

/// Turns in an interval. One ping more than the half of it that sd_watchdog_enabled(3) advises, so that one
/// which finds the manager's queue full is made good by the next.
const TURNS: u32 = 3;

/// The manager's watchdog, for all loops of a program. A clone is the same one; it may go to other threads.
///
/// Every loop is watched with [`watch`](Self::watch): a timer of its reactor shows that it turns. The
/// manager is pinged when all of them have turned, so one loop that is stuck in a callback is enough for
/// the service to be restarted.
#[derive(Clone)]
pub struct Watchdog {
    shared: Arc<Shared>,
}

struct Shared {
    notifier: Notifier,
    interval: Duration,
    loops: Mutex<Loops>,
}

/// The watched loops, each with its number and whether it has turned since the last ping.
#[derive(Default)]
struct Loops {
    last_number: u64,
    turned: Vec<(u64, bool)>,
}

impl Watchdog {
    /// The watchdog that the environment asks for; `None` where it asks for none.
    ///
    /// # Errors
    ///
    /// [`NotifyError::WatchdogInterval`].
    pub fn from_environment(notifier: &Notifier) -> Result<Option<Self>, NotifyError> {
        let interval = Self::interval(std::process::id(), |name| std::env::var_os(name))?;
        Ok(interval.map(|interval| Self::new(notifier, interval)))
    }

    /// The interval that the variables ask the process numbered `own_pid` for, each looked up with
    /// `variable`: `WATCHDOG_USEC`, unless `WATCHDOG_PID` is another process's.
    ///
    /// # Errors
    ///
    /// [`NotifyError::WatchdogInterval`].
    pub fn interval(
        own_pid: u32,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Option<Duration>, NotifyError> {
        if variable("WATCHDOG_PID").is_some_and(|pid| pid != *own_pid.to_string()) {
            return Ok(None);
        }
        let Some(text) = variable("WATCHDOG_USEC") else { return Ok(None) };
        let digits = text.to_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        // The greatest number means infinity.
        let micros = digits
            .and_then(|digits| digits.parse::<u64>().ok())
            .filter(|micros| (1..u64::MAX).contains(micros));
        let wrong = || NotifyError::WatchdogInterval { text: text.to_string_lossy().into_owned() };
        micros.map(|micros| Some(Duration::from_micros(micros))).ok_or_else(wrong)
    }

    /// One that expects a ping in each `interval`.
    pub fn new(notifier: &Notifier, interval: Duration) -> Self {
        let (notifier, loops) = (notifier.clone(), Mutex::default());
        Self { shared: Arc::new(Shared { notifier, interval, loops }) }
    }

    /// Watches the loop whose clock this is, from now on until the answer is dropped. Called on the loop's
    /// thread; it counts as a turn.
    pub fn watch(&self, clock: impl ReactorTime + 'static) -> WatchedLoop {
        let watched = Rc::new(Watched {
            watchdog: self.clone(),
            number: self.shared.join(),
            clock: Rc::new(clock),
            next: RefCell::default(),
        });
        watched.turn();
        WatchedLoop { watched }
    }
}

impl Shared {
    fn loops(&self) -> MutexGuard<'_, Loops> {
        self.loops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self) -> u64 {
        let mut loops = self.loops();
        loops.last_number += 1;
        let number = loops.last_number;
        loops.turned.push((number, false));
        number
    }

    fn leave(&self, number: u64) {
        self.loops().turned.retain(|(other, _)| *other != number);
    }

    /// Notes that the loop turned. After the last one, pings.
    fn turned(&self, number: u64) {
        let mut loops = self.loops();
        for (other, turned) in &mut loops.turned {
            *turned |= *other == number;
        }
        let all = loops.turned.iter().all(|(_, turned)| *turned);
        if all {
            loops.turned.iter_mut().for_each(|(_, turned)| *turned = false);
        }
        drop(loops);
        if all {
            // A ping that does not arrive is one of several in an interval; without any, the manager acts.
            let _ = self.notifier.notify(&Notification::new().watchdog());
        }
    }
}

/// A loop that is watched until this is dropped.
#[derive(Debug)]
pub struct WatchedLoop {
    watched: Rc<Watched>,
}

impl Drop for WatchedLoop {
    fn drop(&mut self) {
        let next = self.watched.next.take();
        if let Some(next) = next {
            // It may have been dropped with its reactor.
            let _ = next.cancel();
        }
        self.watched.watchdog.shared.leave(self.watched.number);
    }
}

struct Watched {
    watchdog: Watchdog,
    number: u64,
    clock: Rc<dyn ReactorTime>,
    next: RefCell<Option<DelayedCall>>,
}

impl Watched {
    fn turn(self: &Rc<Self>) {
        let shared = &self.watchdog.shared;
        shared.turned(self.number);
        let this = Rc::downgrade(self);
        let turn = move || {
            if let Some(this) = this.upgrade() {
                this.turn();
            }
        };
        let next = self.clock.call_later(shared.interval / TURNS, Box::new(turn));
        self.next.replace(Some(next));
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("number", &self.number).finish_non_exhaustive()
    }
}

impl fmt::Debug for Watchdog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let interval = self.shared.interval;
        f.debug_struct("Watchdog").field("interval", &interval).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(variables: &[(&str, &str)]) -> Result<Option<Duration>, NotifyError> {
        let variable = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        Watchdog::interval(4242, variable)
    }

    #[test]
    fn the_interval_is_that_of_this_process_or_of_any() {
        let second = Ok(Some(Duration::from_secs(1)));
        assert_eq!(interval(&[("WATCHDOG_USEC", "1000000")]), second);
        assert_eq!(interval(&[("WATCHDOG_USEC", "1000000"), ("WATCHDOG_PID", "4242")]), second);
        assert_eq!(interval(&[("WATCHDOG_PID", "4242")]), Ok(None));
        for pid in ["4243", "", "04242", " 4242"] {
            let of_another = [("WATCHDOG_USEC", "x"), ("WATCHDOG_PID", pid)];
            assert_eq!(interval(&of_another), Ok(None), "{pid:?}");
        }
    }

    #[test]
    fn an_interval_that_is_no_time_is_an_error_that_quotes_it() {
        for text in ["", "0", "-1", "+1", " 1", "1s", "1.5", "18446744073709551615", "٣"] {
            let wrong = NotifyError::WatchdogInterval { text: text.into() };
            assert_eq!(interval(&[("WATCHDOG_USEC", text)]), Err(wrong), "{text:?}");
        }
    }
}
