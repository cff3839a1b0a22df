//! [`Sys`] for [`Kernel`]: the monotonic clock, epoll or kqueue through mio, and signals.
//!
//! Invariant: the poll is borrowed only within one call of mio, which runs no code of a program; what a
//! program has around the wait runs before and after that call.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mio::{Events, Interest};

use super::signals::{self, HookedSignals};
use super::{AroundWait, Kernel};
use crate::sys::{Report, Sys, Token};

/// How many events one poll fetches; more wait for the next turn.
const EVENTS_PER_POLL: usize = 1024;

/// The longest wait that is handed to the kernel; a later timer makes the reactor wait again.
const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The events of one epoll_wait(2).
#[derive(Debug)]
pub struct KernelEvents(Events);

impl Default for KernelEvents {
    fn default() -> Self {
        Self(Events::with_capacity(EVENTS_PER_POLL))
    }
}

impl Sys for Kernel {
    type Events = KernelEvents;

    fn now(&self) -> Duration {
        self.zero.elapsed()
    }

    fn poll(&self, timeout: Option<Duration>, events: &mut KernelEvents) -> io::Result<()> {
        let timeout = timeout.map(|timeout| timeout.min(WAIT_MAX));
        let polled = match &self.around_wait {
            None => self.poll.borrow_mut().poll(&mut events.0, timeout),
            Some(around) => self.poll_within(around, events, timeout),
        };
        match polled {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            answer => answer,
        }
    }

    #[inline]
    fn reports(events: &KernelEvents) -> impl Iterator<Item = impl Report> {
        events.0.iter()
    }

    fn waker(&self) -> Box<dyn Fn() + Send + Sync> {
        let waker = Arc::clone(&self.waker);
        // The counter of an eventfd is never full, so a wake-up does not fail.
        Box::new(move || drop(waker.wake()))
    }

    fn watch_signal(&self, signal: i32) -> io::Result<()> {
        signals::check(signal)?;
        let mut signals = self.signals.borrow_mut();
        match &mut *signals {
            Some(signals) => signals.add(signal),
            None => {
                let new = HookedSignals::new(signal, &self.signal_raised)?;
                self.register_source(new.source(), Token::SIGNALS, Interest::READABLE)?;
                *signals = Some(Box::new(new));
                Ok(())
            }
        }
    }

    #[inline]
    fn signal_came(&self) -> bool {
        self.signal_raised.load(Ordering::Relaxed)
    }

    fn take_signals(&self) -> Vec<i32> {
        let mut signals = self.signals.borrow_mut();
        signals.as_mut().map(|signals| signals.take()).unwrap_or_default()
    }
}

impl Kernel {
    /// Polls inside of what a program has around the wait.
    #[cold]
    #[inline(never)]
    fn poll_within(
        &self,
        around: &AroundWait,
        events: &mut KernelEvents,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        let mut polled = Ok(());
        around(&mut || polled = self.poll.borrow_mut().poll(&mut events.0, timeout));
        polled
    }
}
