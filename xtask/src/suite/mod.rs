//! The conformance suite: cases, subjects, and the run of each case on each subject.
//!
//! # Map
//!
//! ```text
//! matrix → cases → { case, pair, producers } → case_context → side_factory → order_checker → script → probe → outcome
//! case_context, subjects → { notices, subject };  cases, matrix → descriptors;  cases, pair → pattern
//! cases, subjects, subject → child_script;  subjects → outcome
//! case_context ⇢ pair::Pair: the context connects the pair that it returns
//! ```
//!
//! Invariant: a case names no subject, and a subject names no case.

mod case;
mod child_script;
mod outcome;
mod subject;

mod descriptors;
mod notices;
mod order_checker;
mod pattern;
mod probe;
mod producers;
mod script;
mod side_factory;

mod case_context;
mod pair;

mod cases;
mod matrix;

pub mod subjects;

#[cfg(test)]
mod faulty;

pub use case::Case;
pub use case_context::CaseContext;
pub use cases::all as all_cases;
pub use child_script::{ChildScript, ChildStep};
pub use descriptors::open_descriptors;
pub use matrix::{Cell, Row, Verdict, run, run_case};
pub use notices::{PLANNED, panic_as_planned};
pub use outcome::{Failed, Outcome, ensure, same, same_bytes};
pub use pair::{Pair, clean, describe, half, roomy, unclean};
pub use pattern::{Dice, pattern};
pub use probe::{Call, Probe};
pub use producers::PullProbe;
pub use script::Script;
pub use side_factory::SideFactory;
pub use subject::{Ability, Carries, ChildPrograms, DatagramPorts, Subject, World};
