//! One claim about transports, and where it is registered; what Twisted has as a test method of a mixin.
//!
//! Invariant: a case is a plain function over a [`CaseContext`], so it runs on every subject unchanged.

use std::fmt;

use deferred::Failure;

use crate::suite::{Ability, CaseContext};

/// What a case comes to: nothing, or what was found instead.
pub type Outcome = Result<(), Failed>;

/// One claim, and the function that tries it.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Names it for ever: `area/what`.
    pub id: &'static str,
    /// The claim, as a sentence.
    pub title: &'static str,
    /// The ids of the catalogue's rows that it states.
    pub rows: &'static [&'static str],
    /// What a subject must have; without it, the case is skipped there.
    pub needs: &'static [Ability],
    /// Tries it in a fresh world.
    pub run: fn(&CaseContext) -> Outcome,
}

impl Case {
    /// A case that every subject can be put to.
    pub const fn new(
        id: &'static str,
        title: &'static str,
        run: fn(&CaseContext) -> Outcome,
    ) -> Self {
        Self { id, title, rows: &[], needs: &[], run }
    }

    /// The rows of the catalogue that it states.
    pub const fn states(mut self, rows: &'static [&'static str]) -> Self {
        self.rows = rows;
        self
    }

    /// The abilities without which it makes no sense.
    pub const fn needs(mut self, abilities: &'static [Ability]) -> Self {
        self.needs = abilities;
        self
    }

    /// The part of the id before the slash.
    pub fn area(&self) -> &'static str {
        self.id.split_once('/').map_or(self.id, |(area, _)| area)
    }
}

/// What was found instead of what the case claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed(String);

impl Failed {
    /// With these words.
    pub fn new(found: impl Into<String>) -> Self {
        Self(found.into())
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failed {}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self(format!("{failure:#}"))
    }
}

/// Goes on if `claim` holds.
///
/// # Errors
///
/// With the words.
pub fn ensure(claim: bool, otherwise: &str) -> Outcome {
    if claim { Ok(()) } else { Err(Failed::new(otherwise)) }
}

/// Goes on if both are equal.
///
/// # Errors
///
/// With both.
pub fn same<T: PartialEq<U> + fmt::Debug, U: fmt::Debug>(what: &str, is: T, want: U) -> Outcome {
    if is == want {
        return Ok(());
    }
    Err(Failed::new(format!("{what}: is {is:?}, and should be {want:?}")))
}

/// Goes on if both are the same bytes.
///
/// # Errors
///
/// With both lengths and the first difference.
pub fn same_bytes(what: &str, is: &[u8], want: &[u8]) -> Outcome {
    if is == want {
        return Ok(());
    }
    let (is_bytes, want_bytes) = (is.len(), want.len());
    let at = is.iter().zip(want).position(|(is, want)| is != want);
    let at = at.unwrap_or(is_bytes.min(want_bytes));
    let around = |bytes: &[u8]| bytes[at..].iter().take(12).copied().collect::<Vec<_>>();
    Err(Failed::new(format!(
        "{what}: {is_bytes} bytes, and should be {want_bytes}; from byte {at} on it is \"{}\", and should be \"{}\"",
        around(is).escape_ascii(),
        around(want).escape_ascii(),
    )))
}
