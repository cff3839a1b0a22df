//! The mistakes that an endpoint string can have.
//!
//! Invariant: the message of each is one line, whatever the string holds.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use crate::picture::{sentence, shown};

/// The kinds of mistakes in an endpoint string.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The string ends in a lone backslash.
    #[error("the backslash at the end escapes nothing")]
    DanglingEscape,
    /// Every field has a name, so none tells the kind.
    #[error("the kind of the {side} is missing: every field is an option")]
    NoKind {
        /// The side.
        side: Side,
    },
    /// No kind of this name is registered.
    #[error("{}", unknown(.kind))]
    UnknownKind {
        /// The name given.
        kind: String,
    },
    /// The kind exists, but only for the other side.
    #[error("`{}` is a kind of {}, not of {side}", shown(.kind), side.other())]
    WrongSide {
        /// The name given.
        kind: String,
        /// The side.
        side: Side,
    },
    /// The kind has no option of this name.
    #[error("unknown option `{}` for a `{kind}` {side}", shown(.option))]
    UnknownOption {
        /// The name given.
        option: String,
        /// The kind.
        kind: &'static str,
        /// The side.
        side: Side,
    },
    /// An argument without a default is missing.
    #[error("`{argument}` is missing for a `{kind}` {side}")]
    Missing {
        /// Its name.
        argument: &'static str,
        /// The kind.
        kind: &'static str,
        /// The side.
        side: Side,
    },
    /// More values by position than the kind takes.
    #[error("`{}` is one value too many for a `{kind}` {side}", shown(.given))]
    Surplus {
        /// The first value too many.
        given: String,
        /// The kind.
        kind: &'static str,
        /// The side.
        side: Side,
    },
    /// One argument by position and by name.
    #[error("`{argument}` is given twice to a `{kind}` {side}, by position and by name")]
    GivenTwice {
        /// Its name.
        argument: &'static str,
        /// The kind.
        kind: &'static str,
        /// The side.
        side: Side,
    },
    /// Two arguments that exclude each other.
    #[error("`{argument}` cannot be given together with `{other}`")]
    Excluded {
        /// The later one.
        argument: &'static str,
        /// The other.
        other: &'static str,
    },
    /// A value of the wrong form or out of its range.
    #[error("{argument} {} {}", refused(.given), sentence(.expected))]
    Invalid {
        /// The argument's name.
        argument: &'static str,
        /// The value given.
        given: String,
        /// The kind of value that was expected.
        expected: Cow<'static, str>,
    },
    /// A name with more bytes than the system takes.
    #[error("{argument} has {length} bytes, and the limit is {limit}")]
    TooLong {
        /// The argument's name.
        argument: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The most there can be.
        limit: usize,
    },
    /// A message of the kind's own parser.
    #[error("{}", sentence(.message))]
    Refused {
        /// One line, lower case, without a full stop.
        message: String,
    },
}

/// The side of a connection that an endpoint is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Side {
    /// Listens.
    Server,
    /// Connects.
    Client,
}

impl Side {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Server => Self::Client,
            Self::Client => Self::Server,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "server",
            Self::Client => "client",
        })
    }
}

fn unknown(kind: &str) -> String {
    match kind {
        "" => "the kind of endpoint is empty".into(),
        _ => alloc::format!("unknown endpoint kind `{}`", shown(kind)),
    }
}

/// "`80a0` is not", and for an empty value "is empty, and not".
fn refused(given: &str) -> String {
    match given {
        "" => "is empty, and not".into(),
        _ => alloc::format!("`{}` is not", shown(given)),
    }
}
