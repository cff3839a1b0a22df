//! [`UnixName`]: the name of a UNIX socket in a string.
//!
//! Invariant: of the two arguments that name it one is printed.

use alloc::rc::Rc;
use alloc::string::String;

use interfaces::UnixAddress;

use crate::{Argument, ParseError, Value};

/// The option of an abstract name, of both sides.
pub(crate) const ABSTRACT: &str = "abstract";

/// The name of a UNIX socket, as strings have it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum UnixName {
    /// A path of at most 107 bytes.
    Path(String),
    /// A name without a file, as Linux has them (unix(7)), of at most 107 bytes.
    Abstract(String),
}

impl UnixName {
    /// Reads the two arguments that exclude each other. One of them is needed.
    pub(crate) fn read(path: &Argument<'_>, name: &Argument<'_>) -> Result<Self, ParseError> {
        if path.is_given() && name.is_given() {
            let (earlier, later) =
                if path.span().start < name.span().start { (path, name) } else { (name, path) };
            return Err(later.excluded_by(earlier));
        }
        if name.is_given() {
            return abstract_name(name, name.required()?);
        }
        let text = path.required()?;
        if let Some(rest) = text.strip_prefix('\0') {
            path.record(Value::Absent);
            name.record(Value::Text(String::from(rest).into()));
            return abstract_name(path, rest);
        }
        match text {
            "" => Err(path.error("the path of a socket")),
            text if text.contains('\0') => Err(path.error("a path without a NUL byte")),
            text => fitting(path, Self::Path(text.into())),
        }
    }

    /// The values of both.
    pub(crate) fn values(&self) -> [Value; 2] {
        let (path, name) = match self {
            Self::Path(path) => (Some(&**path), None),
            Self::Abstract(name) => (None, Some(&**name)),
        };
        [path, name].map(Value::text_or_absent)
    }

    pub(crate) fn address(&self) -> UnixAddress {
        match self {
            Self::Path(path) => UnixAddress::Path(Rc::from(path.as_bytes())),
            Self::Abstract(name) => UnixAddress::Abstract(Rc::from(name.as_bytes())),
        }
    }

    pub(crate) fn is_path(&self) -> bool {
        matches!(self, Self::Path(_))
    }
}

fn abstract_name(argument: &Argument<'_>, name: &str) -> Result<UnixName, ParseError> {
    match name {
        "" => Err(argument.error("an abstract name of at least one byte")),
        name => fitting(argument, UnixName::Abstract(name.into())),
    }
}

fn fitting(argument: &Argument<'_>, name: UnixName) -> Result<UnixName, ParseError> {
    match name.address().excess_length() {
        Some(length) => Err(argument.too_long(length, UnixAddress::NAME_BYTES_MAX)),
        None => Ok(name),
    }
}
