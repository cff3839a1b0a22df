//! One argument of an endpoint string: its name, and the value given for it.
//!
//! Invariant: every error points at the value, or behind the last field of the endpoint if there is none.

use alloc::borrow::Cow;
use alloc::string::String;
use core::ops::Range;

use crate::grammar::Piece;
use crate::{Arguments, ParseError, Problem, Value};

/// One argument, given or not. Methods that end in `_or` have a default; the others need a value,
/// unless they return an `Option`.
///
/// Reading an argument records the value: it is what the description shows, so that a parser names
/// each argument once. An argument that was never read is shown as absent.
///
/// # Errors
///
/// Every method that reads fails with [`ParseError`]: [`Problem::Missing`] at the end of the
/// endpoint's fields, or [`Problem::Invalid`] at the value.
#[derive(Clone, Copy, Debug)]
pub struct Argument<'a> {
    arguments: &'a Arguments<'a>,
    name: &'static str,
    piece: Option<&'a Piece<'a>>,
}

impl<'a> Argument<'a> {
    pub(crate) fn new<'s: 'a>(
        arguments: &'a Arguments<'s>,
        name: &'static str,
        piece: Option<&'a Piece<'s>>,
    ) -> Self {
        Self { arguments, name, piece }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn arguments(&self) -> &'a Arguments<'a> {
        self.arguments
    }

    pub(crate) fn piece(&self) -> Option<&'a Piece<'a>> {
        self.piece
    }

    /// Whether the string gives it, be it empty.
    pub fn is_given(&self) -> bool {
        self.piece.is_some()
    }

    /// Byte offsets of the value; the end of the endpoint's last field when it is not given.
    pub fn span(&self) -> Range<usize> {
        let end = self.arguments.end();
        self.piece.map_or(end..end, |piece| piece.span.clone())
    }

    /// Replaces the recorded value by the effective one, where the two differ.
    pub fn record(&self, value: Value) {
        self.arguments.record(self.name, value);
    }

    /// Takes the argument out of the description: its value is part of another argument's.
    #[must_use]
    pub fn unlisted(self) -> Self {
        self.arguments.unlist(self.name);
        self
    }

    /// The error that this argument is needed and not given.
    pub fn missing(&self) -> ParseError {
        let (kind, side) = (self.arguments.kind(), self.arguments.side());
        let end = self.arguments.end();
        let problem = Problem::Missing { argument: self.name, kind, side };
        self.arguments.error(end..end, problem).expecting(alloc::format!("`{}`", self.name))
    }

    /// The error that the value is not what was expected: "a number from 0 to 65535". If there is
    /// no value, that it is missing.
    pub fn error(&self, expected: impl Into<Cow<'static, str>>) -> ParseError {
        let Some(piece) = self.piece else { return self.missing().expecting(expected) };
        let given = String::from(&*piece.text);
        let problem = Problem::Invalid { argument: self.name, given, expected: expected.into() };
        self.arguments.error(piece.span.clone(), problem)
    }

    /// An error at the value in the parser's own words: one line, lower case, no full stop.
    pub fn refuse(&self, message: impl Into<String>) -> ParseError {
        self.arguments.error(self.span(), Problem::Refused { message: message.into() })
    }

    /// The error that this argument was given together with one that excludes it.
    pub fn excluded_by(&self, other: &Argument<'_>) -> ParseError {
        let problem = Problem::Excluded { argument: self.name, other: other.name };
        self.arguments.error(self.span(), problem)
    }

    pub(crate) fn too_long(&self, length: usize, limit: usize) -> ParseError {
        let problem = Problem::TooLong { argument: self.name, length, limit };
        self.arguments.error(self.span(), problem)
    }
}
