//! One claim about transports, and its registration; a test method of a mixin in Twisted.
//!
//! Invariant: a case is a plain function over a [`CaseContext`], so it runs on every subject unchanged.

use crate::suite::{Ability, Carries, CaseContext, Outcome};

/// One claim, and the function that tests it.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The permanent name: `area/what`.
    pub id: &'static str,
    /// The claim, as a sentence.
    pub title: &'static str,
    /// The ids of the catalogue's rows that the case tests.
    pub rows: &'static [&'static str],
    /// What the subject must carry.
    pub carries: Carries,
    /// The abilities that a subject must have; on a subject without them, the case is skipped.
    pub needs: &'static [Ability],
    /// Tests the claim in a fresh world.
    pub run: fn(&CaseContext) -> Outcome,
}

impl Case {
    /// A case about streams, or the loop around them, that needs no ability.
    pub const fn new(
        id: &'static str,
        title: &'static str,
        run: fn(&CaseContext) -> Outcome,
    ) -> Self {
        Self { id, title, rows: &[], carries: Carries::Streams, needs: &[], run }
    }

    /// A case about datagrams that needs no ability.
    pub const fn of_datagrams(
        id: &'static str,
        title: &'static str,
        run: fn(&CaseContext) -> Outcome,
    ) -> Self {
        Self { id, title, rows: &[], carries: Carries::Datagrams, needs: &[], run }
    }

    /// A case about processes that needs no ability.
    pub const fn of_processes(
        id: &'static str,
        title: &'static str,
        run: fn(&CaseContext) -> Outcome,
    ) -> Self {
        Self { id, title, rows: &[], carries: Carries::Processes, needs: &[], run }
    }

    /// Sets the rows of the catalogue that the case tests.
    pub const fn states(mut self, rows: &'static [&'static str]) -> Self {
        self.rows = rows;
        self
    }

    /// Sets the abilities that the case needs.
    pub const fn needs(mut self, abilities: &'static [Ability]) -> Self {
        self.needs = abilities;
        self
    }

    /// The part of the id before the slash.
    pub fn area(&self) -> &'static str {
        self.id.split_once('/').map_or(self.id, |(area, _)| area)
    }
}
