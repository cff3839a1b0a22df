//! Services under systemd: listening on sockets that a supervisor opened, Twisted's
//! `twisted.python.systemd` and its `systemd:` endpoint; and telling the supervisor how the service is,
//! which Twisted leaves to others.
//!
//! A supervisor such as systemd opens the sockets, and starts the program when a client connects.
//! [`ListenFds`] takes over the descriptors that it handed to this process (sd_listen_fds(3)), and
//! [`AdoptedStreamServerEndpoint`] listens on one of them by index, or on all of a name.
//!
//! ```text
//! # web.socket                                the program's argument
//! [Socket]
//! ListenStream=80                             systemd:domain=INET6:index=0
//! FileDescriptorName=web                      systemd:name=web
//! ```
//!
//! # Examples
//!
//! ```
//! # use ropewalk_systemd as systemd;
//! use systemd::ListenFds;
//!
//! fn main() -> Result<(), systemd::ListenFdsError> {
//!     let inherited = ListenFds::from_environment()?;
//!     for (number, name) in inherited.inherited_descriptors() {
//!         println!("descriptor {number} is named {name}");
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # The life of a service
//!
//! ```text
//! ManagedService   READY, RELOADING, STATUS, STOPPING, and a plea for time while connections finish
//! Watchdog         pings while every loop turns, so that a service that is stuck is restarted
//! StoredServerEndpoint, Notifier::store
//!                  sockets that the supervisor keeps over a restart (FDSTORE)
//! ```
//!
//! `NOTIFY_SOCKET` and `WATCHDOG_USEC` are read from the environment, which is not edited; the children that
//! a reactor spawns get none of them. No call waits for the supervisor. The directory `examples` has unit
//! files for the command `ropewalk`, each run by a test under a real systemd.
//!
//! # Inherited sockets belong to the supervisor
//!
//! An inherited socket is never unlinked, locked or given another mode: the supervisor has it open
//! and will hand it to the next process. It is looked at before it is used, and an error names its
//! type and the type that it has to have.
//!
//! # Features
//!
//! `endpoints` (on by default) adds the `systemd:` string for the registry of the crate
//! `endpoints`.
#![deny(unsafe_code)]

mod announcement;
mod domain;
mod errors;
mod listen_fds;
mod selector;
mod take;

mod adopted;
mod adopted_ports;
#[cfg(feature = "endpoints")]
mod config;
#[cfg(feature = "endpoints")]
mod parser;
mod stored;

mod notify;

mod inspect;
mod sys;

pub use adopted::AdoptedStreamServerEndpoint;
pub use announcement::{Announcement, LISTEN_FDS_MAX};
#[cfg(feature = "endpoints")]
pub use config::SystemdServerConfig;
pub use domain::Domain;
pub use errors::{DescriptorLabel, ListenFdsError, TakeError};
pub use listen_fds::ListenFds;
pub use notify::{ManagedService, Notification, Notifier, NotifyError, Watchdog, WatchedLoop};
#[cfg(feature = "endpoints")]
pub use parser::register;
pub use selector::Selector;
pub use stored::StoredServerEndpoint;
pub use take::{InheritedStream, UnclaimedDescriptor};
