//! The life of a service as its manager sees it, told on a reactor's clock.
//!
//! ```text
//! starting ──ready──▶ running ──reloading──▶ reloading ──ready──▶ running
//!    └──────────────────┴── stopping, draining: STATUS and EXTEND_TIMEOUT_USEC each second ──▶ gone
//! ```
//!
//! Invariant: what is told reaches the manager in this order, and the loop never waits for the manager.

use core::cell::RefCell;
use core::fmt;
use core::time::Duration;
use std::collections::VecDeque;
use std::rc::Rc;

use interfaces::{DelayedCall, ReactorTime};

use crate::{Notification, Notifier, NotifyError};

/// How long a notification that found the manager's queue full waits for the next try.
const RETRY: Duration = Duration::from_millis(100);

/// The most notifications that wait for the manager.
const UNSENT_MAX: usize = 64;

/// How often a service that drains says so.
const DRAIN_NEWS: Duration = Duration::from_secs(1);

/// The time that a service which drains asks for, each time: enough for a few missed
/// [`DRAIN_NEWS`], and little enough for one that is stuck to be ended soon.
const DRAIN_EXTENSION: Duration = Duration::from_secs(5);

/// Tells the service manager how far the service is. A program calls it where the states change; without
/// a manager every call does nothing. A clone is the same one.
///
/// # Examples
///
/// ```
/// # use ropewalk_systemd as systemd;
/// use protocol::testing::Clock; // or a reactor
/// use systemd::{ManagedService, Notifier};
///
/// let manager = Notifier::from_environment()?;
/// let service = ManagedService::new(manager, Clock::new(), |error| eprintln!("warning: {error}"));
/// // The ports are open.
/// service.ready("serving");
/// // SIGTERM came, and connections are left.
/// service.draining(|| "1 connection left".into());
/// # Ok::<(), systemd::NotifyError>(())
/// ```
#[derive(Clone)]
pub struct ManagedService {
    told: Option<Rc<Told>>,
}

struct Told {
    notifier: Notifier,
    clock: Rc<dyn ReactorTime>,
    on_error: Box<dyn Fn(&NotifyError)>,
    /// What found the manager's queue full, and what came after it.
    unsent: RefCell<VecDeque<Notification>>,
    retry: RefCell<Option<DelayedCall>>,
    news: RefCell<Option<DelayedCall>>,
}

impl ManagedService {
    /// Tells this manager, if there is one. What cannot be told is an error for `on_error`.
    pub fn new(
        manager: Option<Notifier>,
        clock: impl ReactorTime + 'static,
        on_error: impl Fn(&NotifyError) + 'static,
    ) -> Self {
        let told = |notifier| {
            Rc::new(Told {
                notifier,
                clock: Rc::new(clock),
                on_error: Box::new(on_error),
                unsent: RefCell::default(),
                retry: RefCell::default(),
                news: RefCell::default(),
            })
        };
        Self { told: manager.map(told) }
    }

    /// The service has started, or has reloaded: `READY=1`, with a status.
    pub fn ready(&self, status: &str) {
        self.notify(Notification::new().ready().status(status));
    }

    /// The service is about to reload: `RELOADING=1` with `MONOTONIC_USEC`. Call [`ready`](Self::ready)
    /// when it has.
    pub fn reloading(&self) {
        self.notify(Notification::new().reloading());
    }

    /// What the service does, for `systemctl status`: `STATUS=`.
    pub fn status(&self, text: &str) {
        self.notify(Notification::new().status(text));
    }

    /// The service ends: `STOPPING=1`, with a status.
    pub fn stopping(&self, status: &str) {
        self.notify(Notification::new().stopping().status(status));
    }

    /// [`stopping`](Self::stopping) with the status that `status` answers, and then each second, until the
    /// last clone of this is dropped, the new status and a plea for time, `EXTEND_TIMEOUT_USEC`: so
    /// that the manager waits while connections finish, and ends a service that is stuck.
    pub fn draining(&self, status: impl Fn() -> String + 'static) {
        if let Some(told) = &self.told {
            let first = Notification::new().stopping().status(&status());
            told.tell(first.extend_timeout(DRAIN_EXTENSION));
            told.tell_later(Rc::new(status));
        }
    }

    /// Tells anything else.
    pub fn notify(&self, notification: Notification) {
        if let Some(told) = &self.told {
            told.tell(notification);
        }
    }
}

impl Told {
    /// Sends it, or queues it behind what waits already.
    fn tell(self: &Rc<Self>, notification: Notification) {
        if !self.unsent.borrow().is_empty() {
            return self.queue(notification);
        }
        match self.notifier.notify(&notification) {
            Ok(()) => {}
            Err(NotifyError::Busy { .. }) => self.queue(notification),
            Err(error) => (self.on_error)(&error),
        }
    }

    fn queue(self: &Rc<Self>, notification: Notification) {
        let mut unsent = self.unsent.borrow_mut();
        unsent.push_back(notification);
        let dropped = if unsent.len() > UNSENT_MAX { unsent.pop_front() } else { None };
        let is_first = unsent.len() == 1;
        drop(unsent);
        if let Some(dropped) = dropped {
            (self.on_error)(&self.notifier.busy(&dropped));
        }
        if is_first {
            self.retry_later();
        }
    }

    fn retry_later(self: &Rc<Self>) {
        let retry = self.later(RETRY, Self::retry);
        self.retry.replace(Some(retry));
    }

    fn retry(self: &Rc<Self>) {
        loop {
            let next = self.unsent.borrow().front().cloned();
            let Some(next) = next else { return };
            match self.notifier.notify(&next) {
                Err(NotifyError::Busy { .. }) => return self.retry_later(),
                Ok(()) => drop(self.unsent.borrow_mut().pop_front()),
                Err(error) => {
                    self.unsent.borrow_mut().pop_front();
                    (self.on_error)(&error);
                }
            }
        }
    }

    fn tell_later(self: &Rc<Self>, status: Rc<dyn Fn() -> String>) {
        let news = self.later(DRAIN_NEWS, move |this| {
            let news = Notification::new().status(&status()).extend_timeout(DRAIN_EXTENSION);
            this.tell(news);
            this.tell_later(status);
        });
        let earlier = self.news.replace(Some(news));
        if let Some(earlier) = earlier {
            // Mostly it is the one that runs now.
            let _ = earlier.cancel();
        }
    }

    /// Calls after `delay`, if the service is told of then.
    fn later(
        self: &Rc<Self>,
        delay: Duration,
        call: impl FnOnce(&Rc<Self>) + 'static,
    ) -> DelayedCall {
        let this = Rc::downgrade(self);
        let call = move || {
            if let Some(this) = this.upgrade() {
                call(&this);
            }
        };
        self.clock.call_later(delay, Box::new(call))
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        for call in [self.retry.take(), self.news.take()].into_iter().flatten() {
            // It may have run.
            let _ = call.cancel();
        }
    }
}

impl fmt::Debug for ManagedService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let notifier = self.told.as_ref().map(|told| &told.notifier);
        f.debug_struct("ManagedService").field("manager", &notifier).finish_non_exhaustive()
    }
}
