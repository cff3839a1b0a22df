//! The supervisor that is told of the program's life (sd_notify(3)).
//!
//! Invariant: a supervisor that is not there, or that does not listen, changes nothing.

use systemd::{Notification, Notifier, NotifyError};

/// Tells a supervisor. The runner calls it when the services run, and when they stop. A [`Notifier`] tells
/// systemd, and what behaves like it.
pub trait Notify {
    /// Sends one notification.
    ///
    /// # Errors
    ///
    /// Those of the way to the supervisor; the runner logs them.
    fn notify(&self, notification: &Notification) -> Result<(), NotifyError>;
}

impl Notify for Notifier {
    fn notify(&self, notification: &Notification) -> Result<(), NotifyError> {
        Self::notify(self, notification)
    }
}
