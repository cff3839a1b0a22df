//! One argument of an endpoint: its name, and what the string gave for it.
//!
//! Invariant: reading it either gives a value that is safe to use or says where the mistake is.

use alloc::borrow::Cow;
use alloc::string::String;
use core::net::IpAddr;
use core::ops::{Range, RangeInclusive};
use core::time::Duration;

use interfaces::{StreamClientEndpoint, StreamServerEndpoint};

use crate::duration::SECONDS_MAX;
use crate::grammar::{Form, Piece};
use crate::number;
use crate::{Arguments, Host, ParseError, Parsed, Problem, quote_string_argument};

/// One argument, given or not. Methods that end in `_or` have a default; the others need a value.
///
/// # Errors
///
/// Every method that reads fails with [`ParseError`]: [`Problem::Missing`] at the end of the
/// string, or [`Problem::Invalid`] at the value.
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

    /// Whether the string gives it, be it empty.
    pub fn is_given(&self) -> bool {
        self.piece.is_some()
    }

    /// Byte offsets of the value; the end of the string when it is not given.
    pub fn span(&self) -> Range<usize> {
        let end = self.arguments.text().len();
        self.piece.map_or(end..end, |piece| piece.span.clone())
    }

    /// The text, if it is given. An IPv6 literal in brackets is a mistake here.
    pub fn text(&self) -> Result<Option<&'a str>, ParseError> {
        match self.piece {
            Some(Piece { text, form: Form::Literal, .. }) => {
                let quoted = quote_string_argument(text);
                Err(self.error(alloc::format!("plain text, as `{quoted}` would be")))
            }
            Some(Piece { text, form: Form::Plain, .. }) => Ok(Some(text)),
            None => Ok(None),
        }
    }

    /// The text, which must be given.
    pub fn required(&self) -> Result<&'a str, ParseError> {
        self.text()?.ok_or_else(|| self.missing())
    }

    /// The text, or `default` if it is not given.
    pub fn text_or(&self, default: &'a str) -> Result<&'a str, ParseError> {
        Ok(self.text()?.unwrap_or(default))
    }

    /// A TCP port, which must be given.
    pub fn port(&self) -> Result<u16, ParseError> {
        self.number(0..=u16::MAX.into()).map(|port| port as u16)
    }

    /// A TCP port, or `default` if it is not given.
    pub fn port_or(&self, default: u16) -> Result<u16, ParseError> {
        if self.is_given() { self.port() } else { Ok(default) }
    }

    /// A decimal number in the range, which must be given.
    pub fn number(&self, range: RangeInclusive<u64>) -> Result<u64, ParseError> {
        let number = number::decimal(self.raw()?).filter(|number| range.contains(number));
        number.ok_or_else(|| {
            self.error(alloc::format!("a number from {} to {}", range.start(), range.end()))
        })
    }

    /// A decimal number in the range, or `default` if it is not given.
    pub fn number_or(&self, range: RangeInclusive<u64>, default: u64) -> Result<u64, ParseError> {
        if self.is_given() { self.number(range) } else { Ok(default) }
    }

    /// Permission bits: an octal number up to 7777, with or without `0` or `0o` before it.
    pub fn octal_mode_or(&self, default: u32) -> Result<u32, ParseError> {
        if !self.is_given() {
            return Ok(default);
        }
        let mode = number::octal(self.raw()?).filter(|mode| *mode <= 0o7777);
        mode.map(|mode| mode as u32).ok_or_else(|| self.error("an octal mode from 0 to 7777"))
    }

    /// A switch: `0` is off, any other number is on, as in Twisted.
    pub fn flag_or(&self, default: bool) -> Result<bool, ParseError> {
        if !self.is_given() {
            return Ok(default);
        }
        let number = number::decimal(self.raw()?);
        number.map(|number| number != 0).ok_or_else(|| self.error("0 or 1"))
    }

    /// A time: a number of seconds, or a number with `ms`, `s`, `m` or `h`.
    pub fn seconds_or(&self, default: Duration) -> Result<Duration, ParseError> {
        if !self.is_given() {
            return Ok(default);
        }
        number::duration(self.raw()?).ok_or_else(|| {
            self.error(alloc::format!("a time from 0 to {SECONDS_MAX} s, as in `30` or `500ms`"))
        })
    }

    /// A numeric address or a host name, which must be given.
    pub fn host(&self) -> Result<Host, ParseError> {
        let Some(piece) = self.piece else { return Err(self.missing()) };
        let brackets: &[char] = match piece.form {
            Form::Plain => &[],
            Form::Literal => &['[', ']'],
        };
        let text = piece.text.trim_matches(brackets);
        text.parse().map_err(|_| self.error("an IP address or a host name"))
    }

    /// A numeric address; given but empty counts as not given, as in Twisted.
    pub fn ip_address(&self) -> Result<Option<IpAddr>, ParseError> {
        if self.piece.is_none_or(|piece| piece.text.is_empty()) {
            return Ok(None);
        }
        match self.host() {
            Ok(Host::Ip(address)) => Ok(Some(address)),
            Ok(_) | Err(_) => Err(self.error("an IP address")),
        }
    }

    /// An endpoint string of its own, which the same registry parses. Its mistakes are found at
    /// their place in the outer string.
    pub fn server(&self) -> Result<Option<Parsed<dyn StreamServerEndpoint>>, ParseError> {
        let parsed = self.text()?.map(|text| self.arguments.registry().parse_server(text));
        parsed.transpose().map_err(|error| self.nested(error))
    }

    /// As [`server`](Self::server), for a client.
    pub fn client(&self) -> Result<Option<Parsed<dyn StreamClientEndpoint>>, ParseError> {
        let parsed = self.text()?.map(|text| self.arguments.registry().parse_client(text));
        parsed.transpose().map_err(|error| self.nested(error))
    }

    /// The error that this argument is needed and not given.
    pub fn missing(&self) -> ParseError {
        let (kind, side) = (self.arguments.kind(), self.arguments.side());
        let end = self.arguments.text().len();
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

    /// A mistake inside of a value that is itself an endpoint string, at its place in the whole.
    fn nested(&self, inner: ParseError) -> ParseError {
        let Some(piece) = self.piece else { return inner };
        let outer = |offset| self.arguments.written_offset(piece, offset);
        let span = outer(inner.offset())..outer(inner.offset() + inner.length());
        inner.moved_to(self.arguments.text(), span)
    }

    /// The text as given, in brackets or not: for values that are wrong then, anyway.
    fn raw(&self) -> Result<&'a str, ParseError> {
        self.piece.map(|piece| &*piece.text).ok_or_else(|| self.missing())
    }
}
