//! The conformance suite of Ropewalk: the contract of transports, tested on each transport.
//!
//! A [`Case`] is one claim ("what `connection_made` writes arrives in order and before the close"),
//! written once. A [`Subject`] is a kind of transport: TCP, TLS over UNIX sockets, a pair in memory.
//! [`run`] tests every case on every subject, each in a fresh [`World`], and returns a verdict for each
//! pair: passed, failed, or skipped because the subject lacks an ability that the case needs. After each
//! case the world is dropped: a leaked timer, descriptor, slot or protocol is a failure.
//!
//! # Testing your own transport
//!
//! Implement [`Subject`] and [`World`], and run the cases. A world is a clock, a turn, and two
//! endpoints that reach each other. This one is the in-memory network of `protocol::testing`, which
//! delivers each byte alone:
//!
//! ```
//! use std::rc::Rc;
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use deferred::Failure;
//! use interfaces::{Address, Observer, ReactorTime, StreamClientEndpoint, StreamServerEndpoint};
//! use protocol::testing::{Clock, memory::Network};
//! use ropewalk_xtask::{Ability, Subject, Verdict, World, all_cases, run};
//!
//! struct ByteByByte;
//!
//! impl Subject for ByteByByte {
//!     fn name(&self) -> &str {
//!         "bytes"
//!     }
//!
//!     fn lacks(&self, ability: Ability) -> Option<&'static str> {
//!         match ability {
//!             Ability::Reset | Ability::HalfClose | Ability::BackPressure => None,
//!             _ => Some("a pair in memory has none"),
//!         }
//!     }
//!
//!     fn world(&self, _round: u32) -> Result<Rc<dyn World>, Failure> {
//!         let (network, clock) = (Network::new(), Clock::new());
//!         network.set_read_max(1);
//!         network.run_clock(&clock);
//!         Ok(Rc::new(Bytes { network, clock }))
//!     }
//! }
//!
//! struct Bytes {
//!     network: Network,
//!     clock: Clock,
//! }
//!
//! impl World for Bytes {
//!     fn server(&self) -> Rc<dyn StreamServerEndpoint> {
//!         Rc::new(self.network.server("here"))
//!     }
//!
//!     fn client(&self, _: &Address) -> Rc<dyn StreamClientEndpoint> {
//!         Rc::new(self.network.client("here"))
//!     }
//!
//!     fn turn(&self) -> Result<(), Failure> {
//!         self.network.pump();
//!         self.clock.advance(Duration::from_millis(1));
//!         Ok(())
//!     }
//!
//!     fn time(&self) -> Rc<dyn ReactorTime> {
//!         Rc::new(self.clock.clone())
//!     }
//!
//!     // This world reports no events.
//!     fn set_observer(&self, _: Rc<dyn Observer>) {}
//!
//!     fn leftovers(&self) -> Vec<String> {
//!         let counts = [(self.network.connections(), "ends"), (self.clock.pending(), "timers")];
//!         let some = counts.into_iter().filter(|(count, _)| *count > 0);
//!         some.map(|(count, what)| format!("{count} {what}")).collect()
//!     }
//! }
//!
//! let cases: Vec<_> =
//!     all_cases().into_iter().filter(|case| case.id == "stream/written-at-once").collect();
//! let rows = run(&cases, &[Arc::new(ByteByByte) as Arc<dyn Subject>], |_| {});
//! assert_eq!(rows[0].cells[0].verdict, Verdict::Passed);
//! ```
//!
//! # What every case checks
//!
//! Beside its own claim: no callback runs inside another one of the same connection, `connection_made`
//! comes first and once, nothing comes after `connection_lost`; no error is unhandled, no panic is
//! unplanned; nothing leaks in the loop or in the process.
#![forbid(unsafe_code)]

#[cfg(doctest)]
mod readme;
mod suite;

pub use suite::subjects;
pub use suite::{
    Ability, Call, Carries, Case, CaseContext, Cell, ChildPrograms, ChildScript, ChildStep,
    DatagramPorts, Dice, Failed, Outcome, PLANNED, Pair, Probe, PullProbe, Row, Script,
    SideFactory, Subject, Verdict, World, all_cases, clean, describe, ensure, half,
    open_descriptors, panic_as_planned, pattern, roomy, run, run_case, same, same_bytes, unclean,
};
