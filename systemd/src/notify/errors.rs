//! The errors of telling the service manager something.
//!
//! Invariant: each message says what was to be told and names the variable or the socket.

use interfaces::{OsError, ShareSocketError};

/// The error of a [`Notifier`](crate::Notifier), and of reading the variables that lead to one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotifyError {
    /// `NOTIFY_SOCKET` names no UNIX socket that can be sent to.
    #[error(
        "cannot notify the service manager: NOTIFY_SOCKET is {text:?}, and has to be an absolute \
         path or an abstract name after `@`, of at most 107 bytes"
    )]
    Address {
        /// Its value.
        text: String,
    },
    /// No socket can be made.
    #[error("cannot notify the service manager: cannot make a socket")]
    Socket(#[source] OsError),
    /// `WATCHDOG_USEC` is not a number of microseconds.
    #[error(
        "cannot ping the service manager's watchdog: WATCHDOG_USEC is {text:?}, and has to be a \
         whole number of microseconds from 1"
    )]
    WatchdogInterval {
        /// Its value.
        text: String,
    },
    /// The manager has not read what it was told before: the queue of its socket is full.
    #[error(
        "cannot tell {what:?} to the service manager at {address:?} now: the queue of its socket is \
         full"
    )]
    Busy {
        /// The notification.
        what: String,
        /// The value of `NOTIFY_SOCKET`.
        address: String,
    },
    /// The notification could not be sent.
    #[error("cannot tell {what:?} to the service manager at {address:?}")]
    Send {
        /// The notification.
        what: String,
        /// The value of `NOTIFY_SOCKET`.
        address: String,
        /// The system call's answer.
        #[source]
        source: OsError,
    },
    /// A descriptor cannot be stored under this name (`FDNAME=`).
    #[error(
        "cannot store descriptors as {name:?}: a name has 1 to 255 printable ASCII characters, and \
         no colon"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// The number of descriptors is not one that can be sent at once.
    #[error("cannot store {count} descriptors at once as {name:?}: from 1 to {max} can be sent")]
    Count {
        /// The name.
        name: String,
        /// Their number.
        count: usize,
        /// The most.
        max: usize,
    },
    /// A port's socket cannot be shared with the next process.
    #[error("cannot store the port {address} as {name:?}")]
    Unstorable {
        /// The name.
        name: String,
        /// The port's address.
        address: String,
        /// Why, and what to do instead.
        #[source]
        source: ShareSocketError,
    },
}
