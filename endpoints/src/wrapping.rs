//! Kinds that wrap another endpoint: the rest of the string is that endpoint, as it stands.
//!
//! Invariant: the wrapped kind gets every field that the wrapping one does not bind, in their order and at
//! their place in the whole string.

use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;

use interfaces::{StreamClientEndpoint, StreamServerEndpoint};

use crate::description::Parameter;
use crate::grammar::Field;
use crate::{
    Argument, Arguments, ClientString, Description, ParseError, Parsed, Problem, ServerString,
};

/// The endpoint that a wrapping kind wraps; got from [`Arguments::bind_wrapper`].
#[derive(Debug)]
pub struct Wrapped<'s> {
    arguments: &'s Arguments<'s>,
    fields: Vec<Field<'s>>,
    /// The options of the kind that wraps.
    options: Vec<&'static str>,
}

impl Wrapped<'_> {
    /// The wrapped server's string, with its kind first.
    ///
    /// # Errors
    ///
    /// [`ParseError`] when there is no kind.
    pub(crate) fn server_string(&self) -> Result<ServerString, ParseError> {
        ServerString::of_fields(self.arguments.text(), &self.fields)
    }

    /// As [`server_string`](Self::server_string), of a client.
    ///
    /// # Errors
    ///
    /// As [`server_string`](Self::server_string).
    pub(crate) fn client_string(&self) -> Result<ClientString, ParseError> {
        ClientString::of_fields(self.arguments.text(), &self.fields)
    }

    /// The wrapped server, which the same registry parses.
    ///
    /// # Errors
    ///
    /// Its mistakes, at their place in the whole string.
    pub fn server(self) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let (registry, text) = (self.arguments.registry(), self.arguments.text());
        let parsed = registry.server_of(text, self.fields);
        parsed.map_err(|error| misplaced(error, self.arguments.kind(), &self.options))
    }

    /// As [`server`](Self::server), for a client.
    ///
    /// # Errors
    ///
    /// As [`server`](Self::server).
    pub fn client(self) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let (registry, text) = (self.arguments.registry(), self.arguments.text());
        let parsed = registry.client_of(text, self.fields);
        parsed.map_err(|error| misplaced(error, self.arguments.kind(), &self.options))
    }
}

/// The mistake with a hint, if it is an option of the wrapping kind that stands behind the wrapped one.
fn misplaced(error: ParseError, kind: &'static str, options: &[&'static str]) -> ParseError {
    let Problem::UnknownOption { option, kind: wrapped, .. } = error.problem() else {
        return error;
    };
    match options.iter().find(|known| *known == option) {
        Some(option) if *wrapped != kind => {
            let hint = format!("`{option}=` is of `{kind}`, and stands before `{wrapped}`");
            error.suggesting(None).hinting(Some(hint.into()))
        }
        _ => error,
    }
}

impl<'a> Arguments<'a> {
    /// Binds the options of a kind that wraps the rest of its string, as in `haproxy:trust=…:tcp:80`. They
    /// stand before the wrapped kind, by name; every other field is the wrapped endpoint's.
    ///
    /// ```
    /// # use std::rc::Rc;
    /// # use interfaces::StreamServerEndpoint;
    /// # use ropewalk_endpoints::{Arguments, ParseError, Parsed, ServerParser};
    /// /// `log:tcp:80`
    /// struct Log;
    ///
    /// # fn logged(inner: Rc<dyn StreamServerEndpoint>, _: &str) -> Rc<dyn StreamServerEndpoint> { inner }
    /// impl ServerParser for Log {
    ///     fn kind(&self) -> &'static str {
    ///         "log"
    ///     }
    ///
    ///     fn parse(
    ///         &self,
    ///         arguments: Arguments<'_>,
    ///     ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
    ///         let ([level], wrapped) = arguments.bind_wrapper(["level"]);
    ///         let level = level.text_or("info")?;
    ///         let inner = wrapped.server()?;
    ///         let endpoint = logged(inner.endpoint, level);
    ///         Ok(arguments.parsed_around(endpoint, "log", inner.description))
    ///     }
    /// }
    /// ```
    ///
    /// A string without a rest is a mistake that [`Wrapped`] finds.
    pub fn bind_wrapper<const O: usize>(
        &self,
        options: [&'static str; O],
    ) -> ([Argument<'_>; O], Wrapped<'_>) {
        options.into_iter().map(Parameter::named).for_each(|it| self.take(it));
        self.list(options.iter().copied());
        let (own, rest) = self.split_own(&options);
        let bound = options.map(|option| {
            let named =
                |field: &&&Field<'a>| field.name.as_ref().is_some_and(|name| name.text == option);
            let value = own.iter().rev().find(named).map(|field| &field.value);
            Argument::new(self, option, value)
        });
        let fields = rest.into_iter().cloned().collect();
        (bound, Wrapped { arguments: self, fields, options: options.to_vec() })
    }

    /// The endpoint of a kind that wraps another one, with the description of both. `layer` is on top of
    /// the layers of the wrapped one.
    pub fn parsed_around<E: ?Sized>(
        self,
        endpoint: Rc<E>,
        layer: &'static str,
        wrapped: Description,
    ) -> Parsed<E> {
        let layers = core::iter::once(layer.into()).chain(wrapped.layers.iter().cloned());
        let mut parsed = self.parsed(endpoint, layers.collect::<Vec<_>>());
        parsed.description.wrapped = Some(Box::new(wrapped));
        parsed
    }

    /// The fields with these names before the first value by position, and all others.
    fn split_own(&self, options: &[&'static str]) -> (Vec<&Field<'a>>, Vec<&Field<'a>>) {
        let kind = self.fields().iter().position(|field| field.name.is_none());
        let before = kind.unwrap_or(self.fields().len());
        let mut index = 0;
        self.fields().iter().partition(|field| {
            index += 1;
            let is_named = field.name.as_ref().is_some_and(|name| options.contains(&&*name.text));
            index <= before && is_named
        })
    }
}
