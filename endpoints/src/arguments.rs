//! The fields of an endpoint string after its kind, bound to names like the arguments of a call.
//!
//! Invariant: no field is ignored, but for an option that a later one of the same name replaces.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::array;
use core::ops::Range;

use crate::grammar::{self, Field, Piece};
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
        let hint = holds_unbracketed_ipv6(self.text, &self.fields)
            .then_some("an IPv6 address goes into brackets, as in `[::1]`");
        ParseError::new(self.text, span, problem).hinting(hint)
    }

    /// Where a byte of an unescaped value stands in the whole string.
    pub(crate) fn written_offset(&self, value: &Piece<'_>, unescaped: usize) -> usize {
        let written = self.text.get(value.span.clone()).unwrap_or("");
        value.span.start + grammar::written_offset(written, unescaped)
    }
}

/// Whether a run of fields would be an IPv6 address if its colons separated nothing: the most
/// likely cause of an error beside it.
fn holds_unbracketed_ipv6(text: &str, fields: &[Field<'_>]) -> bool {
    // An IPv6 address has at most eight groups, so no longer run needs to be looked at.
    const FIELDS_MAX: usize = 9;
    let ends = |from: usize| fields.iter().skip(from).take(FIELDS_MAX).map(|f| f.value.span.end);
    fields.iter().enumerate().any(|(index, field)| {
        let start = field.value.span.start;
        ends(index).skip(1).any(|end| {
            text.get(start..end).is_some_and(|run| run.parse::<core::net::Ipv6Addr>().is_ok())
        })
    })
}
