//! Binding the fields of an endpoint string to names, like the arguments of a call.
//!
//! Invariant: no field is ignored, but for an option that a later one of the same name replaces.

use alloc::borrow::Cow;
use core::array;
use core::ops::Range;

use crate::description::Parameter;
use crate::grammar::{Field, Piece};
use crate::hints::other_name;
use crate::nearest::{listed, nearest};
use crate::{Argument, Arguments, ParseError, Problem};

/// The arguments of a client over TCP that stand by position.
pub(crate) const HOST_PORT: [&str; 2] = ["host", "port"];

/// The arguments by position, by name, and the options.
type Bound<'s, const P: usize, const K: usize, const O: usize> =
    ([Argument<'s>; P], [Argument<'s>; K], [Argument<'s>; O]);

impl<'a> Arguments<'a> {
    /// Binds like a call: values by position in this order, options by name, in any order. The
    /// description lists the arguments in this order, too.
    ///
    /// # Errors
    ///
    /// The leftmost field that is an unknown option, a value too many, or given twice. A missing
    /// argument is an error when it is read.
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
        let (positional, keywords, []) = self.bind_after(0, positional, keywords, [])?;
        Ok((positional, keywords))
    }

    /// As [`bind_keywords`](Self::bind_keywords), with further keywords that the description lists only
    /// where they are given.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub fn bind_options<const P: usize, const O: usize>(
        &self,
        positional: [&'static str; P],
        options: [&'static str; O],
    ) -> Result<([Argument<'_>; P], [Argument<'_>; O]), ParseError> {
        let (positional, [], options) = self.bind_after(0, positional, [], options)?;
        Ok((positional, options))
    }

    /// As [`bind_keywords`](Self::bind_keywords), with options as [`bind_options`](Self::bind_options)
    /// has them.
    pub fn bind_with_options<const P: usize, const K: usize, const O: usize>(
        &self,
        positional: [&'static str; P],
        keywords: [&'static str; K],
        options: [&'static str; O],
    ) -> Result<Bound<'_, P, K, O>, ParseError> {
        self.bind_after(0, positional, keywords, options)
    }

    /// As [`bind_keywords`](Self::bind_keywords) with `host` and `port` by position, both needed.
    /// A single value by position is the port if the host is given by name, as in Twisted.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind) and [`require`](Self::require).
    pub fn bind_host_port<const K: usize>(
        &self,
        keywords: [&'static str; K],
    ) -> Result<([Argument<'_>; 2], [Argument<'_>; K]), ParseError> {
        let (bound, keywords, []) = self.bind_host_port_options(keywords, [])?;
        Ok((bound, keywords))
    }

    /// As [`bind_host_port`](Self::bind_host_port), with options as
    /// [`bind_options`](Self::bind_options) has them.
    pub fn bind_host_port_options<const K: usize, const O: usize>(
        &self,
        keywords: [&'static str; K],
        options: [&'static str; O],
    ) -> Result<Bound<'_, 2, K, O>, ParseError> {
        let host_by_name = self.positionals().count() == 1 && self.option(HOST_PORT[0]).is_some();
        let by_name = usize::from(host_by_name);
        let bound = self.bind_after(by_name, HOST_PORT, keywords, options)?;
        // That the port is missing says more about `tcp:80` than that `80` is not a host.
        self.require(&bound.0)?;
        Ok(bound)
    }

    /// Checks that these arguments are given, before any of them is read.
    ///
    /// # Errors
    ///
    /// [`Problem::Missing`] for the first of them that is not given.
    pub fn require(&self, needed: &[Argument<'_>]) -> Result<(), ParseError> {
        match needed.iter().find(|argument| !argument.is_given()) {
            Some(missing) => Err(missing.missing()),
            None => Ok(()),
        }
    }

    /// The first `by_name` positional arguments are taken by name only.
    fn bind_after<const P: usize, const K: usize, const O: usize>(
        &self,
        by_name: usize,
        positional: [&'static str; P],
        keywords: [&'static str; K],
        options: [&'static str; O],
    ) -> Result<Bound<'_, P, K, O>, ParseError> {
        if self.registry().lists_parameters() {
            let named = keywords.iter().chain(&options).copied().map(Parameter::named);
            let by_position = positional.into_iter().map(Parameter::positional);
            by_position.chain(named).for_each(|it| self.take(it));
        }
        self.check(by_name, &positional, &keywords, &options)?;
        let options = options.map(|name| self.argument(name, None));
        let given = options.iter().filter(|option| option.is_given()).map(Argument::name);
        self.list(positional.iter().chain(&keywords).copied().chain(given));
        let mut values = self.positionals();
        let positional = array::from_fn(|index| {
            let value = if index < by_name { None } else { values.next() };
            self.argument(positional[index], value)
        });
        Ok((positional, keywords.map(|name| self.argument(name, None)), options))
    }

    fn argument<'s>(&'s self, name: &'static str, value: Option<&'s Piece<'a>>) -> Argument<'s> {
        Argument::new(self, name, value.or_else(|| self.option(name)))
    }

    fn positionals(&self) -> impl Iterator<Item = &Piece<'a>> {
        self.fields().iter().filter(|field| field.name.is_none()).map(|field| &field.value)
    }

    /// The value of an option. Given more than once, the last one counts, as in Twisted.
    fn option(&self, name: &str) -> Option<&Piece<'a>> {
        let named =
            |field: &&Field<'a>| field.name.as_ref().is_some_and(|given| given.text == name);
        self.fields().iter().rev().find(named).map(|field| &field.value)
    }

    fn check(
        &self,
        by_name: usize,
        positional: &[&'static str],
        keywords: &[&'static str],
        options: &[&'static str],
    ) -> Result<(), ParseError> {
        let (by_name, by_position) = positional.split_at(by_name);
        let known = || by_position.iter().chain(by_name).chain(keywords).chain(options).copied();
        let given = self.positionals().count();
        let mut position = 0;
        for field in self.fields() {
            let Some(option) = &field.name else {
                position += 1;
                if position > by_position.len() {
                    return Err(self.surplus(&field.value, by_position));
                }
                continue;
            };
            match known().position(|name| name == option.text) {
                Some(index) if index < given.min(by_position.len()) => {
                    return Err(self.given_twice(by_position[index], option.span.clone()));
                }
                Some(_) => {}
                None => return Err(self.unknown_option(option, known)),
            }
        }
        Ok(())
    }

    fn surplus(&self, value: &Piece<'_>, names: &[&'static str]) -> ParseError {
        let given = value.text.as_ref().into();
        let problem = Problem::Surplus { given, kind: self.kind(), side: self.side() };
        let expected: Cow<'static, str> = match names {
            [] => "no value by position".into(),
            names => alloc::format!("at most {}", listed(names.iter().copied())).into(),
        };
        self.error(value.span.clone(), problem).expecting(expected)
    }

    fn given_twice(&self, argument: &'static str, span: Range<usize>) -> ParseError {
        self.error(span, Problem::GivenTwice { argument, kind: self.kind(), side: self.side() })
            .expecting(alloc::format!("`{argument}` once"))
    }

    fn unknown_option<I: Iterator<Item = &'static str>>(
        &self,
        option: &Piece<'_>,
        known: impl Fn() -> I,
    ) -> ParseError {
        let problem = Problem::UnknownOption {
            option: option.text.as_ref().into(),
            kind: self.kind(),
            side: self.side(),
        };
        let expected: Cow<'static, str> = match known().next() {
            None => "no option".into(),
            Some(_) => alloc::format!("one of {}", listed(known())).into(),
        };
        self.error(option.span.clone(), problem)
            .expecting(expected)
            .suggesting(other_name(&option.text, &known).or_else(|| nearest(&option.text, known())))
    }
}
