//! [`Draws`]: what the plans of the lives draw from the seed of their run.
//!
//! Invariant: 0 is the simplest answer, so that shrinking finds simple lives.

use reactor::simulation::SimulatedWorld;

/// The choices of a run.
#[derive(Clone)]
pub(crate) struct Draws(SimulatedWorld);

impl Draws {
    pub(crate) fn new(world: &SimulatedWorld) -> Self {
        Self(world.clone())
    }

    /// A number from 0 to one less than `bound`.
    pub(crate) fn below(&self, bound: usize) -> usize {
        self.0.choose(bound)
    }

    /// True once in `count` times.
    pub(crate) fn one_in(&self, count: usize) -> bool {
        self.0.one_in(count)
    }
}
