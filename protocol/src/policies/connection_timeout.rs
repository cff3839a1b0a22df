//! [`ConnectionTimeout`]: a countdown that a protocol keeps and restarts itself; Twisted's `TimeoutMixin`.
//!
//! Invariant: at most one timer is pending, and none once it is dropped.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::cell::{Cell, RefCell};
use core::fmt;
use core::time::Duration;

use interfaces::{DelayedCall, ReactorTime, Transport};

/// Closes the connection when a time has passed since the protocol last said that all is well: a field of
/// the protocol, which decides itself what counts as a sign of life. Dropped with it, it ends.
///
/// ```
/// # use ropewalk_protocol as protocol;
/// # use std::{rc::Rc, time::Duration};
/// # use interfaces::{Protocol, Transport};
/// use protocol::policies::ConnectionTimeout;
///
/// struct Login {
///     timeout: ConnectionTimeout,
/// }
///
/// impl Protocol for Login {
///     fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
///         self.timeout.set_timeout(transport, Some(Duration::from_secs(60)));
///     }
///
///     fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
///         if data.contains(&b'\n') {
///             self.timeout.reset_timeout();
///         }
///     }
/// }
/// ```
///
/// A restart moves a timer. A protocol for which every byte counts needs no such field:
/// [`TimeoutFactory`](super::TimeoutFactory) around its factory notices silence without one.
///
/// # Differences from Twisted
///
/// The clock is given, not found; and the drop of the protocol cancels, where there `setTimeout(None)` in
/// `connectionLost` does.
#[doc(alias = "TimeoutMixin")]
pub struct ConnectionTimeout {
    clock: Rc<dyn ReactorTime>,
    period: Cell<Option<Duration>>,
    call: RefCell<Option<DelayedCall>>,
    timed_out: Rc<dyn Fn(&Rc<dyn Transport>)>,
}

impl ConnectionTimeout {
    /// A countdown that has not begun. When it is over, it closes the connection in order.
    pub fn new(clock: impl ReactorTime + 'static) -> Self {
        Self {
            clock: Rc::new(clock),
            period: Cell::new(None),
            call: RefCell::default(),
            timed_out: Rc::new(|transport| transport.lose_connection()),
        }
    }

    /// Calls `timed_out` in place of closing, from the clock, with nothing borrowed; a
    /// [`WeakProtocolRef`](crate::WeakProtocolRef) in it reaches the protocol.
    #[doc(alias = "timeoutConnection")]
    #[must_use]
    pub fn on_timeout(mut self, timed_out: impl Fn(&Rc<dyn Transport>) + 'static) -> Self {
        self.timed_out = Rc::new(timed_out);
        self
    }

    /// Begins to count down from `period`, also if a countdown runs; `None` ends it, and zero is over at
    /// once. Answers the period before.
    #[doc(alias = "setTimeout")]
    pub fn set_timeout(
        &self,
        transport: &Rc<dyn Transport>,
        period: Option<Duration>,
    ) -> Option<Duration> {
        let next = period.map(|period| {
            let (transport, timed_out) = (transport.clone(), self.timed_out.clone());
            self.clock.call_later(period, Box::new(move || timed_out(&transport)))
        });
        self.replace(next);
        self.period.replace(period)
    }

    /// Begins the countdown again, if one runs. Called by the protocol for each sign of life.
    #[doc(alias = "resetTimeout")]
    pub fn reset_timeout(&self) {
        let call = self.call.borrow().clone();
        if let (Some(call), Some(period)) = (call, self.period.get()) {
            // One that is over stays so.
            let _ = call.reset(period);
        }
    }

    /// The period that was set last. Twisted's `timeOut`.
    #[doc(alias = "timeOut")]
    pub fn timeout(&self) -> Option<Duration> {
        self.period.get()
    }

    fn replace(&self, next: Option<DelayedCall>) {
        let before = self.call.replace(next);
        if let Some(before) = before {
            // One that has run, or was cancelled through the clock, is not pending.
            let _ = before.cancel();
        }
    }
}

impl Drop for ConnectionTimeout {
    fn drop(&mut self) {
        self.replace(None);
    }
}

impl fmt::Debug for ConnectionTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionTimeout")
            .field("timeout", &self.timeout())
            .finish_non_exhaustive()
    }
}
