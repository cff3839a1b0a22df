//! The error of parsing an endpoint string: a mistake and its place.
//!
//! Invariant: the span lies inside the string, on character boundaries.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::ops::Range;

use crate::Problem;
use crate::picture::{picture, sentence, shown};
use crate::secrets::without_secrets_at;

/// A mistake in an endpoint string, and its place.
///
/// `Display` is one line, [`message`](Self::message); [`report`](Self::report) is the whole text
/// for a person:
///
/// ```text
/// error: unknown option `interfaec` for a `tcp` server
///   tcp:8080:interfaec=127.0.0.1
///            ^^^^^^^^^ column 10: a similar option exists: `interface`
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ParseError(Box<Mistake>);

/// Boxed, so that a `Result` without an error stays small.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mistake {
    text: String,
    span: Range<usize>,
    problem: Problem,
    expected: Option<Cow<'static, str>>,
    suggestion: Option<String>,
    hint: Option<Cow<'static, str>>,
}

impl ParseError {
    pub(crate) fn new(text: &str, span: Range<usize>, problem: Problem) -> Self {
        let expected = match &problem {
            Problem::Invalid { expected, .. } => Some(expected.clone()),
            _ => None,
        };
        Self(Box::new(Mistake {
            text: text.into(),
            span,
            problem,
            expected,
            suggestion: None,
            hint: None,
        }))
    }

    pub(crate) fn expecting(mut self, expected: impl Into<Cow<'static, str>>) -> Self {
        self.0.expected = Some(expected.into());
        self
    }

    pub(crate) fn suggesting(mut self, name: Option<&str>) -> Self {
        self.0.suggestion = name.map(String::from);
        self
    }

    pub(crate) fn hinting(mut self, hint: Option<Cow<'static, str>>) -> Self {
        self.0.hint = hint;
        self
    }

    /// The same mistake in an outer string, which holds the mistaken one as a value.
    pub(crate) fn moved_to(mut self, text: &str, span: Range<usize>) -> Self {
        self.0.text = text.into();
        self.0.span = span;
        self
    }

    /// The whole string, with its passwords.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The first byte of the mistake. For a missing argument it is the end of the last field of its endpoint.
    pub fn offset(&self) -> usize {
        self.0.span.start
    }

    /// The length of the mistake in bytes; 0 for a missing argument.
    pub fn length(&self) -> usize {
        self.0.span.len()
    }

    /// The first character of the mistake, counted from 1.
    pub fn column(&self) -> usize {
        self.0.text.get(..self.0.span.start).unwrap_or(&self.0.text).chars().count() + 1
    }

    /// The kind of mistake, to match on.
    pub fn problem(&self) -> &Problem {
        &self.0.problem
    }

    /// The message: one line, lower case, without control characters. What it quotes of a long string
    /// has no middle.
    pub fn message(&self) -> String {
        alloc::format!("{self}")
    }

    /// The right form in a few words, where a few words can say it.
    pub fn expected(&self) -> Option<&str> {
        self.0.expected.as_deref()
    }

    /// The known name that is nearest to the given one, if any is near.
    pub fn suggestion(&self) -> Option<&str> {
        self.0.suggestion.as_deref()
    }

    /// One line of help that the message does not have, if there is any.
    pub fn help(&self) -> Option<String> {
        let word = match self.0.problem {
            Problem::UnknownOption { .. } => "option",
            _ => "kind",
        };
        match (&self.0.suggestion, &self.0.hint, &self.0.expected) {
            (Some(name), _, _) => {
                Some(alloc::format!("a similar {word} exists: `{}`", shown(name)))
            }
            (None, Some(hint), _) => Some(sentence(hint)),
            // The message of an invalid value has it already.
            (None, None, Some(_)) if matches!(self.0.problem, Problem::Invalid { .. }) => None,
            (None, None, Some(expected)) => Some(alloc::format!("expected {}", sentence(expected))),
            (None, None, None) => None,
        }
    }

    /// Two lines, indented: the string, and carets below the mistake, with its column.
    ///
    /// The carets stand below the mistake on a terminal, where East Asian characters and emoji are two
    /// columns wide and combining characters none; the column that is told counts characters. No control
    /// character is printed as it is. Of a long string the part around the mistake is shown. In the place of a
    /// password are stars.
    pub fn picture(&self) -> String {
        let (text, span) = without_secrets_at(&self.0.text, &self.0.span);
        picture(&text, &span)
    }

    /// The whole text for a person, three lines without a line end after the last: `error: …`, and the
    /// picture, with the [help](Self::help) behind the column where there is help.
    pub fn report(&self) -> String {
        alloc::format!("error: {self:?}")
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.problem.fmt(f)
    }
}

/// The report without its first word, as a `main` that returns the error prints it behind
/// `Error: `.
impl fmt::Debug for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}\n{}", self.picture())?;
        match self.help() {
            Some(help) => write!(f, ": {help}"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for ParseError {}
