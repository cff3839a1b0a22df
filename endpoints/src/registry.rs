//! The registered kinds of endpoint strings, where Twisted looks among its plugins.
//!
//! Invariant: of two parsers for one kind the one that was registered first stays, and a string is read to a
//! depth that the stack holds.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use interfaces::{StreamClientEndpoint, StreamServerEndpoint};

use crate::grammar::{self, Field};
use crate::hints::kind_hint;
use crate::nearest::{listed, nearest};
use crate::{Arguments, ClientParser, ParseError, Parsed, Problem, ServerParser, Side};

/// Turns strings of the registered kinds into endpoints; Twisted's `serverFromString` and
/// `clientFromString`. A clone is cheap and shares the parsers.
#[derive(Clone, Default)]
#[doc(alias = "clientFromString")]
#[doc(alias = "serverFromString")]
pub struct Registry {
    kinds: Rc<Kinds>,
    /// How many endpoints of a string are around the one that is read with this clone.
    depth: usize,
    /// Whether descriptions have all parameters of their kinds.
    lists_parameters: bool,
}

/// The most endpoints of a string that are inside each other; reading is recursive.
const DEPTH_MAX: usize = 32;

#[derive(Clone, Default)]
struct Kinds {
    servers: Vec<Rc<dyn ServerParser>>,
    clients: Vec<Rc<dyn ClientParser>>,
}

/// The error of registering a kind of a name that is taken; of [`Registry::add_server`] and
/// [`Registry::add_client`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot register a second kind `{kind}` of {side}: the first one stays")]
#[non_exhaustive]
pub struct DuplicateKind {
    /// The name.
    pub kind: &'static str,
    /// The side.
    pub side: Side,
}

impl Registry {
    /// A registry without kinds.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a kind of server, unless there is one of its name already, which stays.
    #[must_use]
    pub fn with_server(mut self, parser: impl ServerParser + 'static) -> Self {
        // A program that wants to know calls `add_server`.
        let _ = self.add_server(parser);
        self
    }

    /// Adds a kind of client, unless there is one of its name already, which stays.
    #[must_use]
    pub fn with_client(mut self, parser: impl ClientParser + 'static) -> Self {
        let _ = self.add_client(parser);
        self
    }

    /// Adds a kind of server. Strings that are parsed from now on can be of it; clones that were made before
    /// do not know it.
    ///
    /// # Errors
    ///
    /// [`DuplicateKind`] when there is one of its name already, in any case. That one stays: no kind,
    /// built in or not, is replaced. Twisted's second plugin of a name is never reached, without a word.
    pub fn add_server(&mut self, parser: impl ServerParser + 'static) -> Result<(), DuplicateKind> {
        self.is_free(parser.kind(), Side::Server)?;
        Rc::make_mut(&mut self.kinds).servers.push(Rc::new(parser));
        Ok(())
    }

    /// As [`add_server`](Self::add_server), a kind of client. One name can be a kind of both.
    ///
    /// # Errors
    ///
    /// As [`add_server`](Self::add_server).
    pub fn add_client(&mut self, parser: impl ClientParser + 'static) -> Result<(), DuplicateKind> {
        self.is_free(parser.kind(), Side::Client)?;
        Rc::make_mut(&mut self.kinds).clients.push(Rc::new(parser));
        Ok(())
    }

    fn is_free(&self, kind: &'static str, side: Side) -> Result<(), DuplicateKind> {
        match self.kinds(side).iter().any(|known| known.eq_ignore_ascii_case(kind)) {
            true => Err(DuplicateKind { kind, side }),
            false => Ok(()),
        }
    }

    /// The server endpoint that a string describes; Twisted's `serverFromString`.
    ///
    /// # Errors
    ///
    /// [`ParseError`].
    #[doc(alias = "serverFromString")]
    pub fn server(&self, text: &str) -> Result<Rc<dyn StreamServerEndpoint>, ParseError> {
        Ok(self.parse_server(text)?.endpoint)
    }

    /// As [`server`](Self::server), with the description of what the string means.
    ///
    /// # Errors
    ///
    /// [`ParseError`].
    pub fn parse_server(&self, text: &str) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        self.server_of(text, fields(text)?)
    }

    /// The server that these fields of a string describe.
    pub(crate) fn server_of(
        &self,
        text: &str,
        fields: Vec<Field<'_>>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let (kind, fields) = split(text, fields, Side::Server)?;
        match self.kinds.servers.iter().find(|parser| parser.is_kind(&kind.name)) {
            Some(parser) => parser.parse(Arguments::new(
                (text, kind.end),
                (Side::Server, parser.kind()),
                fields,
                &self.inside(text, &kind)?,
            )),
            None => Err(self.unknown(text, kind, Side::Server)),
        }
    }

    /// The client endpoint that a string describes; Twisted's `clientFromString`.
    ///
    /// # Errors
    ///
    /// [`ParseError`].
    #[doc(alias = "clientFromString")]
    pub fn client(&self, text: &str) -> Result<Rc<dyn StreamClientEndpoint>, ParseError> {
        Ok(self.parse_client(text)?.endpoint)
    }

    /// As [`client`](Self::client), with the description of what the string means.
    ///
    /// # Errors
    ///
    /// [`ParseError`].
    pub fn parse_client(&self, text: &str) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        self.client_of(text, fields(text)?)
    }

    /// The client that these fields of a string describe.
    pub(crate) fn client_of(
        &self,
        text: &str,
        fields: Vec<Field<'_>>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let (kind, fields) = split(text, fields, Side::Client)?;
        match self.kinds.clients.iter().find(|parser| parser.is_kind(&kind.name)) {
            Some(parser) => parser.parse(Arguments::new(
                (text, kind.end),
                (Side::Client, parser.kind()),
                fields,
                &self.inside(text, &kind)?,
            )),
            None => Err(self.unknown(text, kind, Side::Client)),
        }
    }

    pub(crate) fn server_parsers(&self) -> impl Iterator<Item = &dyn ServerParser> {
        self.kinds.servers.iter().map(|parser| &**parser)
    }

    pub(crate) fn client_parsers(&self) -> impl Iterator<Item = &dyn ClientParser> {
        self.kinds.clients.iter().map(|parser| &**parser)
    }

    /// The kinds of servers, in the order of their registration.
    pub fn server_kinds(&self) -> impl Iterator<Item = &'static str> {
        self.kinds.servers.iter().map(|parser| parser.kind())
    }

    /// The kinds of clients, in the order of their registration.
    pub fn client_kinds(&self) -> impl Iterator<Item = &'static str> {
        self.kinds.clients.iter().map(|parser| parser.kind())
    }

    fn kinds(&self, side: Side) -> Vec<&'static str> {
        match side {
            Side::Server => self.server_kinds().collect(),
            Side::Client => self.client_kinds().collect(),
        }
    }

    /// The registry whose descriptions have all parameters of their kinds.
    pub(crate) fn listing_parameters(&self) -> Self {
        Self { lists_parameters: true, ..self.clone() }
    }

    /// Whether descriptions have all parameters of their kinds.
    pub(crate) fn lists_parameters(&self) -> bool {
        self.lists_parameters
    }

    /// The registry for what this kind's endpoint is around.
    fn inside(&self, text: &str, kind: &Kind) -> Result<Self, ParseError> {
        match self.depth {
            DEPTH_MAX.. => {
                let message =
                    alloc::format!("more than {DEPTH_MAX} endpoints are inside each other");
                Err(ParseError::new(text, kind.span.clone(), Problem::Refused { message }))
            }
            depth => Ok(Self { depth: depth + 1, ..self.clone() }),
        }
    }

    fn unknown(&self, text: &str, kind: Kind, side: Side) -> ParseError {
        let known = self.kinds(side);
        let knows =
            |side| self.kinds(side).iter().any(|known| known.eq_ignore_ascii_case(&kind.name));
        let expected = match known.is_empty() {
            true => "no kind: none is registered".into(),
            false => alloc::format!("one of {}", listed(known.iter().copied())),
        };
        let (problem, near) = if knows(side.other()) && !knows(side) {
            (Problem::WrongSide { kind: kind.name.clone(), side }, None)
        } else {
            let near = nearest(&kind.name, known.iter().copied());
            (Problem::UnknownKind { kind: kind.name.clone() }, near)
        };
        let is_quoted = kind.name.split_once(':').is_some_and(|(first, _)| known.contains(&first));
        let hint = match is_quoted {
            true => Some("a `:` behind a backslash separates nothing: `tcp:80`".into()),
            false => kind_hint(text, &kind.name, side, &known),
        };
        let near = if hint.is_some() { None } else { near };
        ParseError::new(text, kind.span, problem).expecting(expected).suggesting(near).hinting(hint)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("servers", &self.kinds(Side::Server))
            .field("clients", &self.kinds(Side::Client))
            .finish()
    }
}

/// The field that tells the kind.
pub(crate) struct Kind {
    pub(crate) name: String,
    pub(crate) span: core::ops::Range<usize>,
    /// The end of the last field of the endpoint, be it the kind's or another.
    pub(crate) end: usize,
}

/// The fields of a string.
pub(crate) fn fields(text: &str) -> Result<Vec<Field<'_>>, ParseError> {
    grammar::fields(text).map_err(|offset| {
        ParseError::new(text, offset..text.len(), Problem::DanglingEscape)
            .expecting("a character after the backslash; `\\\\` means a backslash")
    })
}

/// The kind is the first field without a name, wherever it stands, as in Twisted.
pub(crate) fn split<'a>(
    text: &str,
    mut fields: Vec<Field<'a>>,
    side: Side,
) -> Result<(Kind, Vec<Field<'a>>), ParseError> {
    let end = fields.iter().map(|field| field.value.span.end).max().unwrap_or(text.len());
    match fields.iter().position(|field| field.name.is_none()) {
        Some(index) => {
            let field = fields.remove(index);
            let kind = Kind { name: field.value.text.into_owned(), span: field.value.span, end };
            Ok((kind, fields))
        }
        // Behind a kind that wraps another one, where that is missing.
        None if fields.is_empty() => {
            let (end, problem) = (text.len(), Problem::UnknownKind { kind: String::new() });
            Err(ParseError::new(text, end..end, problem)
                .expecting("the kind that is wrapped, as in `haproxy:tcp:80`"))
        }
        None => Err(ParseError::new(text, 0..0, Problem::NoKind { side })
            .expecting("a kind first, as in `tcp:80`")),
    }
}
