//! Paths in endpoint strings.
//!
//! Invariant: a path is not empty, and has no NUL byte, so that the system takes it.

use endpoints::{Argument, ParseError};

/// A path, if it is given.
pub(super) fn file<'a>(argument: &Argument<'a>) -> Result<Option<&'a str>, ParseError> {
    match argument.text()? {
        Some(path) if path.is_empty() || path.contains('\0') => {
            Err(argument.error("the path of a file or directory"))
        }
        path => Ok(path),
    }
}

/// A path, or `default` if it is not given.
pub(super) fn file_or<'a>(
    argument: &Argument<'a>,
    default: &'a str,
) -> Result<&'a str, ParseError> {
    match file(argument)? {
        Some(path) => Ok(path),
        None => argument.text_or(default),
    }
}
