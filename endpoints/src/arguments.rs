//! The fields of an endpoint string after its kind, and the record of the values read from them.
//!
//! Invariant: the record lists the names of the last binding, in its order, but for unlisted ones.

use alloc::borrow::Cow;
use alloc::rc::Rc;
#[cfg(feature = "std")]
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::ops::Range;

use crate::description::Parameter;
use crate::grammar::{self, Field, Piece};
use crate::hints::Mistaken;
use crate::{Description, ParseError, Parsed, Problem, Registry, Side, Value};

/// The fields of one endpoint string. Made by [`Registry`]; a parser binds them, reads each
/// [`Argument`](crate::Argument), and turns the endpoint into [`Parsed`].
///
/// # Examples
///
/// ```
/// # use interfaces::StreamServerEndpoint;
/// # use ropewalk_endpoints::{Arguments, ParseError, Parsed};
/// # type Endpoint = std::rc::Rc<dyn StreamServerEndpoint>;
/// fn parse(
///     arguments: Arguments<'_>,
///     serial: impl Fn(u64, u64) -> Endpoint,
/// ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
///     let [port, speed] = arguments.bind(["port", "speed"])?;
///     let endpoint = serial(port.number(0..=9)?, speed.number_or(300..=115_200, 9600)?);
///     Ok(arguments.parsed(endpoint, ["serial"]))
/// }
/// ```
#[derive(Debug)]
pub struct Arguments<'a> {
    text: &'a str,
    end: usize,
    side: Side,
    kind: &'static str,
    fields: Vec<Field<'a>>,
    registry: &'a Registry,
    /// The bound names in order, each with what was recorded for it.
    described: RefCell<Vec<(&'static str, Value)>>,
    /// The names of the last binding, those that are not described included.
    parameters: RefCell<Vec<Parameter>>,
}

impl<'a> Arguments<'a> {
    /// Those of an endpoint whose last field ends at this byte of the text.
    pub(crate) fn new(
        (text, end): (&'a str, usize),
        (side, kind): (Side, &'static str),
        fields: Vec<Field<'a>>,
        registry: &'a Registry,
    ) -> Self {
        let (described, parameters) = (RefCell::default(), RefCell::default());
        Self { text, end, side, kind, fields, registry, described, parameters }
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

    /// The endpoint with its description: every bound argument with the value that reading it
    /// recorded, and the layers from the application to the wire.
    pub fn parsed<E: ?Sized>(
        self,
        endpoint: Rc<E>,
        layers: impl IntoIterator<Item = impl Into<Cow<'static, str>>>,
    ) -> Parsed<E> {
        let description = Description {
            kind: self.kind,
            arguments: self.described.into_inner(),
            layers: layers.into_iter().map(Into::into).collect(),
            wrapped: None,
            routes: Vec::new(),
            parameters: self.parameters.into_inner(),
        };
        Parsed { endpoint, description }
    }

    /// Takes out the values that a kind with any number of them has behind its first value by position: those
    /// by position, and those of this name, in the order in which they stand.
    ///
    /// # Errors
    ///
    /// [`ParseError`] at a literal in brackets, and at a text with a NUL byte.
    #[cfg(feature = "std")]
    pub(crate) fn take_words(&mut self, name: &'static str) -> Result<Vec<String>, ParseError> {
        let (mut words, mut rest, mut has_first) = (Vec::new(), Vec::new(), self.gives("program"));
        for field in core::mem::take(&mut self.fields) {
            let is_word = match &field.name {
                Some(given) => given.text == name,
                None => core::mem::replace(&mut has_first, true),
            };
            if !is_word {
                rest.push(field);
                continue;
            }
            let word = crate::Argument::new(self, name, Some(&field.value)).required()?;
            if word.contains('\0') {
                let argument = crate::Argument::new(self, name, Some(&field.value));
                return Err(argument.error("text without a NUL byte"));
            }
            words.push(String::from(word));
        }
        self.fields = rest;
        Ok(words)
    }

    /// Whether an option of this name is given.
    #[cfg(feature = "std")]
    fn gives(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name.as_ref().is_some_and(|it| it.text == name))
    }

    /// Where a missing argument would stand: behind the last field of this endpoint.
    pub(crate) fn end(&self) -> usize {
        self.end
    }

    pub(crate) fn registry(&self) -> &'a Registry {
        self.registry
    }

    pub(crate) fn fields(&self) -> &[Field<'a>] {
        &self.fields
    }

    /// Begins the record anew: every name is absent until it is read.
    pub(crate) fn list(&self, names: impl Iterator<Item = &'static str>) {
        self.described.replace(names.map(|name| (name, Value::Absent)).collect());
    }

    /// Records that the kind takes this argument, where that is asked for.
    pub(crate) fn take(&self, parameter: Parameter) {
        if !self.registry.lists_parameters() {
            return;
        }
        let mut parameters = self.parameters.borrow_mut();
        if parameters.iter().all(|known| known.name != parameter.name) {
            parameters.push(parameter);
        }
    }

    /// Puts the value into the description, if the description lists the argument.
    pub(crate) fn record(&self, name: &'static str, value: Value) {
        let mut described = self.described.borrow_mut();
        if let Some(entry) = described.iter_mut().find(|(listed, _)| *listed == name) {
            entry.1 = value;
        }
    }

    /// Takes the argument out of the description.
    pub(crate) fn unlist(&self, name: &'static str) {
        self.described.borrow_mut().retain(|(listed, _)| *listed != name);
    }

    pub(crate) fn error(&self, span: Range<usize>, problem: Problem) -> ParseError {
        let hint = self.mistaken(span.clone()).hint(&problem);
        ParseError::new(self.text, span, problem).hinting(hint)
    }

    /// Where a mistake is, to look for its cause.
    pub(crate) fn mistaken(&self, span: Range<usize>) -> Mistaken<'_, 'a> {
        let Self { text, side, kind, fields, registry, .. } = self;
        Mistaken { text, kind, side: *side, fields, span, registry }
    }

    /// Where a byte of an unescaped value stands in the whole string.
    pub(crate) fn written_offset(&self, value: &Piece<'_>, unescaped: usize) -> usize {
        let written = self.text.get(value.span.clone()).unwrap_or("");
        value.span.start + grammar::written_offset(written, unescaped)
    }
}
