//! Every argument of an endpoint with its effective value: for `ropewalk check` and for logs.
//!
//! Invariant: a description printed and parsed again is the same description.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use interfaces::BACKLOG_MAX;

use crate::{quote_positional_argument, quote_string_argument};

/// The backlog that stands for as many connections as the kernel allows.
pub(crate) const BACKLOG_WORD: &str = "max";

/// An endpoint from a string, and its description. Made by
/// [`Arguments::parsed`](crate::Arguments::parsed); no socket and no port is opened.
#[non_exhaustive]
pub struct Parsed<E: ?Sized> {
    /// The endpoint.
    pub endpoint: Rc<E>,
    /// Every argument with its effective value.
    pub description: Description,
}

/// Every argument of an endpoint with its effective value.
///
/// `Display` is the canonical endpoint string: every argument that is not absent, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// The kind, as registered.
    pub kind: &'static str,
    /// The arguments in the order in which the kind binds them, defaults filled in.
    pub arguments: Vec<(&'static str, Value)>,
    /// The layers from the application to the wire, for example `["tls", "tcp"]`.
    pub layers: Vec<Cow<'static, str>>,
    /// The endpoint behind a kind that wraps the rest of its string, as `tcp:80` in `haproxy:tcp:80`.
    pub wrapped: Option<Box<Description>>,
    /// The endpoints behind a kind that chooses one of several for each connection, as `sni` does.
    pub routes: Vec<RouteDescription>,
    /// Every argument that the kind takes, given or not, as its parser binds them; empty unless the registry lists them.
    pub(crate) parameters: Vec<Parameter>,
}

/// An argument that a kind takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    /// Whether it may be given by position, too: in the order of the parameters for which this is so.
    pub(crate) by_position: bool,
}

impl Parameter {
    pub(crate) fn positional(name: &'static str) -> Self {
        Self { name, by_position: true }
    }

    pub(crate) fn named(name: &'static str) -> Self {
        Self { name, by_position: false }
    }
}

/// One endpoint of a kind that chooses one of several.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouteDescription {
    /// The connections that it takes, as `for=` has them.
    pub takes: Vec<String>,
    /// The endpoint.
    pub endpoint: Description,
}

/// The effective value of one argument.
///
/// `Display` is the form that an endpoint string takes, without quoting; absent shows as nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// Not given, and without a default.
    Absent,
    /// A host, a path, a name.
    Text(Cow<'static, str>),
    /// A port, a backlog.
    Number(u64),
    /// Permission bits, shown in octal: `0600`.
    Mode(u32),
    /// A time, shown in seconds, or with `ms` when it has a fraction.
    Seconds(Duration),
    /// A switch, shown as `1` or `0`.
    Flag(bool),
}

impl Value {
    /// A text, or nothing.
    pub fn text_or_absent(text: Option<&str>) -> Self {
        text.map_or(Self::Absent, |text| Self::Text(String::from(text).into()))
    }

    /// The value that [`Argument::backlog`](crate::Argument::backlog) reads as this number.
    pub fn backlog(backlog: u32) -> Self {
        match backlog {
            BACKLOG_MAX => Self::Text(BACKLOG_WORD.into()),
            number => Self::Number(number.into()),
        }
    }
}

impl<E: ?Sized> Clone for Parsed<E> {
    fn clone(&self) -> Self {
        Self { endpoint: Rc::clone(&self.endpoint), description: self.description.clone() }
    }
}

impl<E: ?Sized> fmt::Debug for Parsed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Parsed").field(&self.description).finish()
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quote_positional_argument(self.kind))?;
        for (name, value) in &self.arguments {
            if *value != Value::Absent {
                let text = alloc::format!("{value}");
                write!(f, ":{name}={}", quote_string_argument(&text))?;
            }
        }
        if let Some(wrapped) = &self.wrapped {
            write!(f, ":{wrapped}")?;
        }
        for route in &self.routes {
            for pattern in &route.takes {
                write!(f, ":for={}", quote_string_argument(pattern))?;
            }
            write!(f, ":{}", route.endpoint)?;
        }
        Ok(())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => Ok(()),
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
            Self::Mode(bits) => write!(f, "{bits:04o}"),
            Self::Seconds(time) if time.subsec_nanos() == 0 => time.as_secs().fmt(f),
            Self::Seconds(time) => write!(f, "{}ms", time.as_millis()),
            Self::Flag(set) => f.write_str(if *set { "1" } else { "0" }),
        }
    }
}
