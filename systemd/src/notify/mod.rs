//! What a service tells its manager: sd_notify(3), over the socket that `NOTIFY_SOCKET` names. Twisted
//! has no such thing.
//!
//! ```text
//! Notification  the text of one datagram          Notifier  the socket, one call a datagram
//! Watchdog      pings while every loop turns      ManagedService  a service's life, on a reactor's clock
//! ```
//!
//! Invariant: nothing here waits for the manager.

mod errors;
mod managed_service;
mod notification;
mod notifier;
mod rights;
mod watchdog;

pub use errors::NotifyError;
pub use managed_service::ManagedService;
pub use notification::Notification;
pub use notifier::Notifier;
pub use watchdog::{Watchdog, WatchedLoop};
