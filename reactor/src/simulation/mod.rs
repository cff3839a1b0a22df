//! A simulator for programs: runs real protocols, factories, services and timers on a simulated network, and
//! shrinks what goes wrong.
//!
//! Invariant: a run is a function of its seed, or of its token, and of the test.

mod barrier;
mod byte_stream;
mod checked;
mod hooks;
mod report;
mod run;
mod seeds;
mod shrink;
mod time_line;
mod token;
mod world;

pub use barrier::Barrier;
pub use byte_stream::ByteStream;
pub use report::SimulationFailure;
pub use seeds::{CleanRuns, Simulation, simulate, simulate_seeds};
pub use token::{RunToken, TokenError};
pub use world::SimulatedWorld;
