//! The fields of an endpoint string after its kind, bound to names like the arguments of a call.
//!
//! Invariant: no field is ignored, but for an option that a later one of the same name replaces.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::array;
use core::net::Ipv6Addr;
use core::ops::Range;

use crate::grammar::{self, Field, Form, Piece};
use crate::nearest::{listed, nearest};
use crate::{Argument, ParseError, Problem, Registry, Side};

/// What an endpoint string gives to its kind. Made by [`Registry`]; a parser binds it.
///
/// # Examples
///
/// ```
/// # use ropewalk_endpoints::{Arguments, ParseError};
/// fn read(arguments: &Arguments<'_>) -> Result<(u16, u64), ParseError> {
///     let [port, backlog] = arguments.bind(["port", "backlog"])?;
///     Ok((port.port()?, backlog.number_or(0..=1000, 50)?))
/// }
/// ```
#[derive(Debug)]
pub struct Arguments<'a> {
    text: &'a str,
    side: Side,
    kind: &'static str,
    fields: Vec<Field<'a>>,
    registry: &'a Registry,
}

impl<'a> Arguments<'a> {
    pub(crate) fn new(
        text: &'a str,
        (side, kind): (Side, &'static str),
        fields: Vec<Field<'a>>,
        registry: &'a Registry,
    ) -> Self {
        Self { text, side, kind, fields, registry }
    }

    /// The whole string.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The kind, as registered.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Whether a server or a client is to be made.
    pub fn side(&self) -> Side {
        self.side
    }

    /// The registry that is parsing: for values that are endpoint strings themselves.
    pub fn registry(&self) -> &'a Registry {
        self.registry
    }

    /// How many values were given by position.
    pub fn positional_count(&self) -> usize {
        self.positionals().count()
    }

    /// Whether an option of this name was given.
    pub fn has_option(&self, name: &str) -> bool {
        self.option(name).is_some()
    }

    /// Binds like a call: values by position in this order, options by name, in any order.
    ///
    /// # Errors
    ///
    /// The leftmost field that is an unknown option, a value too many, or given twice. What is
    /// missing is told when it is asked for.
    pub fn bind<const N: usize>(
        &self,
        names: [&'static str; N],
    ) -> Result<[Argument<'_>; N], ParseError> {
        let (bound, []) = self.bind_keywords(names, [])?;
        Ok(bound)
    }

    /// As [`bind`](Self::bind), with further options that are given by name only.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub fn bind_keywords<const P: usize, const K: usize>(
        &self,
        positional: [&'static str; P],
        keywords: [&'static str; K],
    ) -> Result<([Argument<'_>; P], [Argument<'_>; K]), ParseError> {
        self.check(&positional, &keywords)?;
        let by_position: Vec<&Piece<'a>> = self.positionals().collect();
        let positional = array::from_fn(|index| {
            let name = positional[index];
            self.argument(name, by_position.get(index).copied().or_else(|| self.option(name)))
        });
        Ok((positional, keywords.map(|name| self.argument(name, self.option(name)))))
    }

    fn argument<'s>(&'s self, name: &'static str, piece: Option<&'s Piece<'a>>) -> Argument<'s> {
        Argument::new(self, name, piece)
    }

    fn positionals(&self) -> impl Iterator<Item = &Piece<'a>> {
        self.fields.iter().filter(|field| field.name.is_none()).map(|field| &field.value)
    }

    /// The value of an option. Given more than once, the last one counts, as in Twisted.
    fn option(&self, name: &str) -> Option<&Piece<'a>> {
        let named =
            |field: &&Field<'a>| field.name.as_ref().is_some_and(|given| given.text == name);
        self.fields.iter().rev().find(named).map(|field| &field.value)
    }

    fn check(
        &self,
        positional: &[&'static str],
        keywords: &[&'static str],
    ) -> Result<(), ParseError> {
        let given = self.positional_count();
        let mut position = 0;
        for field in &self.fields {
            let Some(option) = &field.name else {
                position += 1;
                if position > positional.len() {
                    return Err(self.surplus(&field.value, positional));
                }
                continue;
            };
            let mut known = positional.iter().chain(keywords).copied();
            match known.position(|name| name == option.text) {
                Some(index) if index < given.min(positional.len()) => {
                    return Err(self.given_twice(positional[index], option.span.clone()));
                }
                Some(_) => {}
                None => return Err(self.unknown_option(option, positional, keywords)),
            }
        }
        Ok(())
    }

    fn surplus(&self, value: &Piece<'_>, names: &[&'static str]) -> ParseError {
        let given = value.text.as_ref().into();
        let problem = Problem::Surplus { given, kind: self.kind, side: self.side };
        let expected: Cow<'static, str> = match names {
            [] => "no value by position".into(),
            names => alloc::format!("at most {}", listed(names.iter().copied())).into(),
        };
        self.error(value.span.clone(), problem).expecting(expected)
    }

    fn given_twice(&self, argument: &'static str, span: Range<usize>) -> ParseError {
        self.error(span, Problem::GivenTwice { argument, kind: self.kind, side: self.side })
            .expecting(alloc::format!("`{argument}` once"))
    }

    fn unknown_option(
        &self,
        option: &Piece<'_>,
        positional: &[&'static str],
        keywords: &[&'static str],
    ) -> ParseError {
        let known = || positional.iter().chain(keywords).copied();
        let problem = Problem::UnknownOption {
            option: option.text.as_ref().into(),
            kind: self.kind,
            side: self.side,
        };
        let expected: Cow<'static, str> = match known().next() {
            None => "no option".into(),
            Some(_) => alloc::format!("one of {}", listed(known())).into(),
        };
        self.error(option.span.clone(), problem)
            .expecting(expected)
            .suggesting(nearest(&option.text, known()))
    }

    pub(crate) fn error(&self, span: Range<usize>, problem: Problem) -> ParseError {
        ParseError::new(self.text, span, problem).hinting(bracket_hint(self.text, &self.fields))
    }

    /// Where a byte of an unescaped value stands in the whole string.
    pub(crate) fn written_offset(&self, value: &Piece<'_>, unescaped: usize) -> usize {
        let written = self.text.get(value.span.clone()).unwrap_or("");
        value.span.start + grammar::written_offset(written, unescaped)
    }
}

/// What to say when an IPv6 address that was written wrongly is the most likely cause of an error.
fn bracket_hint(text: &str, fields: &[Field<'_>]) -> Option<&'static str> {
    let is_bracketed =
        |field: &Field<'_>| field.value.form == Form::Plain && field.value.text.starts_with('[');
    if fields.iter().any(is_bracketed) {
        return Some(
            "brackets hold an IPv6 address and nothing else, without backslashes: `[::1]`",
        );
    }
    let bare = (0..fields.len()).any(|first| holds_bare_ipv6(text, &fields[first..]));
    bare.then_some("an IPv6 address goes into brackets: `[::1]`")
}

/// Whether these fields begin with an IPv6 address whose colons were read as separators.
fn holds_bare_ipv6(text: &str, fields: &[Field<'_>]) -> bool {
    // An IPv6 address has at most eight groups, so no longer run needs to be looked at.
    const FIELDS_MAX: usize = 9;
    let Some(first) = fields.first() else { return false };
    fields.iter().take(FIELDS_MAX).skip(1).any(|last| {
        let run = text.get(first.value.span.start..last.value.span.end).unwrap_or("");
        // `80::` is an address, too, but more often a port with two empty fields behind it.
        let likely = !run.ends_with(':') || first.name.is_some();
        likely && run.parse::<Ipv6Addr>().is_ok()
    })
}
