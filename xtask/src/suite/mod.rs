//! The conformance suite: cases, subjects, and the run of each case on each subject.
//!
//! Invariant: a case names no subject, and a subject names no case.

mod case;
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

pub use case::{Case, Failed, Outcome, ensure, same, same_bytes};
pub use case_context::CaseContext;
pub use cases::all as all_cases;
pub use descriptors::open_descriptors;
pub use matrix::{Cell, Row, Verdict, run, run_case};
pub use notices::{PLANNED, panic_as_planned};
pub use pair::{Pair, clean, describe, half, roomy, unclean};
pub use pattern::{Dice, pattern};
pub use probe::{Call, Probe};
pub use producers::{PullProbe, PushProbe, Told};
pub use script::Script;
pub use side_factory::SideFactory;
pub use subject::{Ability, Subject, World};
