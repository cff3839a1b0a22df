//! The parsers of one kind of endpoint string; Twisted's `IStreamServerEndpointStringParser` and
//! `IStreamClientEndpointStringParserWithReactor`.
//!
//! Invariant: making an endpoint opens nothing.

use interfaces::{StreamClientEndpoint, StreamServerEndpoint};

use crate::{Arguments, ParseError, Parsed};

/// Reads the strings of one kind of server. Registered once, called for each string.
pub trait ServerParser {
    /// The first field of its strings, in lower case.
    fn kind(&self) -> &'static str;

    /// Whether the first field of a string means this kind. By default case does not count, as
    /// for Twisted's plugins.
    fn is_kind(&self, given: &str) -> bool {
        given.eq_ignore_ascii_case(self.kind())
    }

    /// Strings of this kind: the first one gives what is needed and nothing else. By them
    /// [`Registry::describe_kinds`](crate::Registry::describe_kinds) finds out what the kind takes. Default none;
    /// then its arguments are not listed.
    fn examples(&self) -> &'static [&'static str] {
        &[]
    }

    /// Makes an endpoint without opening anything.
    ///
    /// # Errors
    ///
    /// [`ParseError`], most easily made by the methods of [`Argument`](crate::Argument).
    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError>;
}

/// Reads the strings of one kind of client. Registered once, called for each string.
pub trait ClientParser {
    /// The first field of its strings, in lower case.
    fn kind(&self) -> &'static str;

    /// Whether the first field of a string means this kind. By default case does not count, as
    /// in Twisted.
    fn is_kind(&self, given: &str) -> bool {
        given.eq_ignore_ascii_case(self.kind())
    }

    /// Strings of this kind: the first one gives what is needed and nothing else. By them
    /// [`Registry::describe_kinds`](crate::Registry::describe_kinds) finds out what the kind takes. Default none;
    /// then its arguments are not listed.
    fn examples(&self) -> &'static [&'static str] {
        &[]
    }

    /// Makes an endpoint without opening anything.
    ///
    /// # Errors
    ///
    /// [`ParseError`], most easily made by the methods of [`Argument`](crate::Argument).
    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError>;
}
