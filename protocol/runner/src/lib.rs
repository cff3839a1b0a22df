//! Runs a program of services: pid file, log, privileges, signals, and an orderly end; Twisted's
//! `twisted.application.runner` and `twist`.
//!
//! ```text
//!  arguments ─▶ Twist ─▶ ServiceMaker: a Service        (a program of one's own begins at Runner)
//!                 ▼
//!               Runner   kill another │ pid file │ log │ signals │ privileged start │ privileges │ start
//!                 ▼                                                                        READY=1
//!               the reactor runs ── SIGTERM, SIGINT ──▶ Shutdown: STOPPING=1, services stop, drain
//!                 ▼                       second ──▶ at once
//!               Exit: a status, a message, or the end by the signal that stopped it
//! ```
//!
//! # Examples
//!
//! A daemon in the shape of Twisted's `twist`, with one subcommand:
//!
//! ```no_run
//! # use ropewalk_runner as runner;
//! use std::rc::Rc;
//!
//! use endpoints::Registry;
//! use protocol::{factory_fn, wire::Echo};
//! use reactor::Reactor;
//! use runner::{Exit, ListenMaker, Twist};
//!
//! fn main() -> Exit {
//!     let echo = ListenMaker::new("echo", "Sends back what it gets", |reactor: &Reactor| {
//!         (Registry::standard(Rc::new(reactor.clone())), factory_fn(|_| Echo))
//!     });
//!     Twist::new("mytwist", env!("CARGO_PKG_VERSION"))
//!         .with_reactor("default", Reactor::new)
//!         .with_service(echo)
//!         .main(std::env::args().skip(1))
//! }
//! ```
//!
//! # Tests without a process
//!
//! All that is the process's comes by narrow traits: [`SendSignal`], [`PrivilegeCalls`], [`Notify`], the
//! reactor's [`ReactorRun`](interfaces::ReactorRun), and the output of a log. A simulated reactor's
//! signals drive a whole run, and [`Exit`] is a value.
//!
//! # Differences from Twisted
//!
//! - The pid file is locked, so that of two programs which start at once one runs; Twisted's check and
//!   write are two steps.
//! - A signal drains: ports close at once, and work in flight has a time of grace.
//! - The format of a log is chosen by the output it goes to, after all arguments are read; Twisted looks at
//!   standard output first.
//! - A port that cannot be opened ends with a line and a status of sysexits.h, not with a traceback.
#![forbid(unsafe_code)]

mod event_words;
mod exit;
mod exit_status;

mod kill;
mod pid_file;
mod pid_file_error;
mod send_signal;

mod line_queue;
mod log;
#[cfg(feature = "log")]
mod log_facade;
mod log_format;
mod log_level;
mod log_output;

mod notify;
mod privileges;

mod runner;

mod listen_maker;
mod service_maker;
#[cfg(feature = "tracing")]
mod tracing_events;
mod twist;
mod twist_options;

pub use self::log::Log;
pub use exit::Exit;
pub use exit_status::ExitStatus;
pub use line_queue::LineQueue;
pub use listen_maker::ListenMaker;
#[cfg(feature = "log")]
pub use log_facade::LogFacade;
pub use log_format::LogFormat;
pub use log_level::{LogLevel, UnknownLogLevel};
pub use log_output::{LogOutput, write_queued};
pub use notify::Notify;
pub use pid_file::{HeldPidFile, PidFile};
pub use pid_file_error::PidFileError;
pub use privileges::{KernelPrivileges, PrivilegeCalls, PrivilegeError, ProcessSettings};
pub use protocol::service::{Ending, Shutdown};
pub use runner::Runner;
pub use send_signal::{KernelSignals, SendSignal};
pub use service_maker::{MakeError, ServiceMaker};
#[cfg(feature = "tracing")]
pub use tracing_events::TracingEvents;
pub use twist::Twist;
pub use twist_options::TwistOptions;
