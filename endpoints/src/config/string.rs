//! [`ServerString`] and [`ClientString`]: an endpoint of whatever kind, as a value.
//!
//! Invariant: the text has fields, and one of them is the kind; which kinds there are a registry knows.

use alloc::borrow::Cow;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::str::FromStr;

use interfaces::{StreamClientEndpoint, StreamServerEndpoint};

use super::formats::{clap_text, serde_text};
use crate::grammar::{Field, Form};
use crate::registry::{fields, split};
use crate::secrets::without_secrets;
use crate::{ParseError, Registry, Side, quote_positional_argument, quote_string_argument};

/// A string of a server of any kind, as a configuration holds it. Two are equal that have the same kind and the
/// same fields behind it; how they are escaped does not count.
///
/// `from_str` checks the grammar alone, so it needs no registry and no reactor; [`server`](Self::server) checks the
/// rest. `Display` is the string as it was written, and `Debug` leaves the value of `password` out.
///
/// # Examples
///
/// ```
/// use ropewalk_endpoints::ServerString;
///
/// let listen: ServerString = "tcp:8080:interface=127.0.0.1".parse()?;
/// assert_eq!(listen.as_str(), "tcp:8080:interface=127.0.0.1");
/// assert!(r"unix:/run/socket\".parse::<ServerString>().is_err());
/// # Ok::<(), ropewalk_endpoints::ParseError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServerString(WrittenString);

/// A string of a client of any kind, as [`ServerString`] is one of a server.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClientString(WrittenString);

impl ServerString {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0.written
    }

    /// The endpoint of this string.
    ///
    /// # Errors
    ///
    /// [`ParseError`], as [`Registry::server`].
    pub fn server(&self, registry: &Registry) -> Result<Rc<dyn StreamServerEndpoint>, ParseError> {
        registry.server(self.as_str())
    }

    pub(crate) fn of_fields(text: &str, fields: &[Field<'_>]) -> Result<Self, ParseError> {
        let written = canonical(text, fields, Side::Server)?;
        Ok(Self(WrittenString { canonical: written.clone(), written }))
    }

    /// With the kind first, as a kind that wraps it has to have it.
    pub(crate) fn canonical(&self) -> &str {
        &self.0.canonical
    }
}

impl ClientString {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0.written
    }

    /// The endpoint of this string.
    ///
    /// # Errors
    ///
    /// [`ParseError`], as [`Registry::client`].
    pub fn client(&self, registry: &Registry) -> Result<Rc<dyn StreamClientEndpoint>, ParseError> {
        registry.client(self.as_str())
    }

    pub(crate) fn of_fields(text: &str, fields: &[Field<'_>]) -> Result<Self, ParseError> {
        let written = canonical(text, fields, Side::Client)?;
        Ok(Self(WrittenString { canonical: written.clone(), written }))
    }

    /// With the kind first, as a kind that wraps it has to have it.
    pub(crate) fn canonical(&self) -> &str {
        &self.0.canonical
    }
}

/// The text, and the one form that all texts with the same fields have.
#[derive(Clone)]
struct WrittenString {
    written: String,
    canonical: String,
}

impl WrittenString {
    fn parse(text: &str, side: Side) -> Result<Self, ParseError> {
        let canonical = canonical(text, &fields(text)?, side)?;
        Ok(Self { written: text.into(), canonical })
    }
}

impl PartialEq for WrittenString {
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }
}

impl Eq for WrittenString {}

impl Hash for WrittenString {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical.hash(state);
    }
}

/// The fields, the kind first, with no escape that is not needed.
fn canonical(text: &str, fields: &[Field<'_>], side: Side) -> Result<String, ParseError> {
    let (kind, rest) = split(text, fields.to_vec(), side)?;
    let mut canonical = quote_positional_argument(&kind.name).into_owned();
    for field in &rest {
        canonical.push(':');
        canonical.push_str(&written(field));
    }
    Ok(canonical)
}

fn written(field: &Field<'_>) -> String {
    let value = match (field.value.form, &field.name) {
        (Form::Literal, _) => Cow::Borrowed(&*field.value.text),
        (Form::Plain, Some(_)) => quote_string_argument(&field.value.text),
        (Form::Plain, None) => quote_positional_argument(&field.value.text),
    };
    match &field.name {
        Some(name) => format!("{}={value}", quote_positional_argument(&name.text)),
        None => value.into_owned(),
    }
}

impl FromStr for ServerString {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        WrittenString::parse(text, Side::Server).map(Self)
    }
}

impl FromStr for ClientString {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        WrittenString::parse(text, Side::Client).map(Self)
    }
}

impl fmt::Display for ServerString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for ClientString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ServerString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServerString").field(&without_secrets(self.as_str())).finish()
    }
}

impl fmt::Debug for ClientString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientString").field(&without_secrets(self.as_str())).finish()
    }
}

impl AsRef<str> for ServerString {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for ClientString {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

serde_text!(ServerString);
clap_text!(ServerString);
serde_text!(ClientString);
clap_text!(ClientString);
