//! The text of one notification (sd_notify(3)): lines of `NAME=value`.
//!
//! Invariant: no value has a line break, so that none adds a line of its own.

use core::fmt::{self, Write as _};
use core::time::Duration;

use crate::sys;

/// One datagram to the service manager, put together from left to right. Made by programs, sent by
/// [`Notifier::notify`](crate::Notifier::notify) or [`ManagedService::notify`](crate::ManagedService::notify).
///
/// # Examples
///
/// ```
/// # use ropewalk_systemd as systemd;
/// use systemd::Notification;
///
/// let ready = Notification::new().ready().status("serving 3 endpoints");
/// assert_eq!(ready.as_str(), "READY=1\nSTATUS=serving 3 endpoints");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Notification {
    text: String,
}

impl Notification {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// `READY=1`: the start has ended, or the reloading has.
    #[must_use]
    pub fn ready(self) -> Self {
        self.line("READY", 1)
    }

    /// `RELOADING=1` with `MONOTONIC_USEC`, the time now on `CLOCK_MONOTONIC`, as
    /// `Type=notify-reload` needs both in one datagram. [`ready`](Self::ready) is told when it is done.
    #[must_use]
    pub fn reloading(self) -> Self {
        self.line("RELOADING", 1).line("MONOTONIC_USEC", sys::monotonic_micros())
    }

    /// `STOPPING=1`: the service ends itself.
    #[must_use]
    pub fn stopping(self) -> Self {
        self.line("STOPPING", 1)
    }

    /// `STATUS=`: a sentence for `systemctl status`. Control characters become spaces.
    #[must_use]
    pub fn status(self, text: &str) -> Self {
        let printable = |letter: char| if letter.is_control() { ' ' } else { letter };
        let text: String = text.chars().map(printable).collect();
        self.line("STATUS", text)
    }

    /// `MAINPID=`: another process is the service's main one from now on.
    #[must_use]
    pub fn main_pid(self, pid: u32) -> Self {
        self.line("MAINPID", pid)
    }

    /// `ERRNO=`: the error number that the service ends with.
    #[must_use]
    pub fn errno(self, number: i32) -> Self {
        self.line("ERRNO", number)
    }

    /// `WATCHDOG=1`: the service is alive. See [`Watchdog`](crate::Watchdog), which says so while the
    /// loops turn.
    #[must_use]
    pub fn watchdog(self) -> Self {
        self.line("WATCHDOG", 1)
    }

    /// `WATCHDOG=trigger`: the service has found itself broken, and is to be treated as if it had not
    /// said that it is alive.
    #[must_use]
    pub fn watchdog_trigger(self) -> Self {
        self.line("WATCHDOG", "trigger")
    }

    /// `WATCHDOG_USEC=`: another interval for the watchdog than the unit's `WatchdogSec=`.
    #[must_use]
    pub fn watchdog_interval(self, interval: Duration) -> Self {
        self.line("WATCHDOG_USEC", interval.as_micros())
    }

    /// `EXTEND_TIMEOUT_USEC=`: the start, the run or the stop may last for `time` from now on. It is to
    /// be told again before that is over, or else the manager gives up.
    #[must_use]
    pub fn extend_timeout(self, time: Duration) -> Self {
        self.line("EXTEND_TIMEOUT_USEC", time.as_micros())
    }

    /// `FDSTORE=1` with `FDNAME=`, for the descriptors beside it.
    pub(super) fn store(self, name: &str) -> Self {
        self.line("FDSTORE", 1).line("FDNAME", name)
    }

    /// `FDSTOREREMOVE=1` with `FDNAME=`.
    pub(super) fn remove_stored(self, name: &str) -> Self {
        self.line("FDSTOREREMOVE", 1).line("FDNAME", name)
    }

    /// The datagram.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Adds a line; the value has no line break.
    fn line(mut self, name: &str, value: impl fmt::Display) -> Self {
        let separator = if self.text.is_empty() { "" } else { "\n" };
        // A String takes everything.
        let _ = write!(self.text, "{separator}{name}={value}");
        self
    }
}

impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Notification({:?})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_is_a_line_with_the_name_that_systemd_gives_it() {
        let all = Notification::new()
            .ready()
            .stopping()
            .main_pid(42)
            .errno(2)
            .watchdog()
            .watchdog_trigger()
            .watchdog_interval(Duration::from_millis(1500))
            .extend_timeout(Duration::from_secs(5))
            .store("web")
            .remove_stored("web");
        let lines: Vec<&str> = all.as_str().lines().collect();
        assert_eq!(
            lines,
            [
                "READY=1",
                "STOPPING=1",
                "MAINPID=42",
                "ERRNO=2",
                "WATCHDOG=1",
                "WATCHDOG=trigger",
                "WATCHDOG_USEC=1500000",
                "EXTEND_TIMEOUT_USEC=5000000",
                "FDSTORE=1",
                "FDNAME=web",
                "FDSTOREREMOVE=1",
                "FDNAME=web",
            ]
        );
    }

    #[test]
    fn a_status_cannot_say_a_second_thing_on_a_line_of_its_own() {
        let status = Notification::new().status("line 1\nMAINPID=1\r\0\u{85}end");
        assert_eq!(status.as_str(), "STATUS=line 1 MAINPID=1   end");
    }

    #[test]
    fn reloading_has_the_monotonic_time_in_the_same_datagram() {
        let reloading = || {
            let text = Notification::new().reloading();
            let micros = text.as_str().strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
            micros.parse::<u64>().unwrap()
        };
        let (first, second) = (reloading(), reloading());
        assert!(first > 0 && second >= first, "{first} {second}");
    }
}
