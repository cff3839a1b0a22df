//! The result of a case, and the checks that return it.
//!
//! Invariant: a failure has the values that contradict the claim.

use std::fmt;

use deferred::Failure;

/// The result of a case: nothing, or the contradiction of its claim.
pub type Outcome = Result<(), Failed>;

/// The contradiction of a case's claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed(String);

impl Failed {
    /// A failure with this text.
    pub fn new(found: impl Into<String>) -> Self {
        Self(found.into())
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failed {}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self(format!("{failure:#}"))
    }
}

/// Succeeds if `claim` holds.
///
/// # Errors
///
/// Otherwise, with the text `otherwise`.
pub fn ensure(claim: bool, otherwise: &str) -> Outcome {
    if claim { Ok(()) } else { Err(Failed::new(otherwise)) }
}

/// Succeeds if both values are equal.
///
/// # Errors
///
/// Otherwise, with both values.
pub fn same<T: PartialEq<U> + fmt::Debug, U: fmt::Debug>(what: &str, is: T, want: U) -> Outcome {
    if is == want {
        return Ok(());
    }
    Err(Failed::new(format!("{what}: is {is:?}, and should be {want:?}")))
}

/// Succeeds if both slices are equal.
///
/// # Errors
///
/// Otherwise, with both lengths and the first difference.
pub fn same_bytes(what: &str, is: &[u8], want: &[u8]) -> Outcome {
    if is == want {
        return Ok(());
    }
    let (is_bytes, want_bytes) = (is.len(), want.len());
    let at = is.iter().zip(want).position(|(is, want)| is != want);
    let at = at.unwrap_or(is_bytes.min(want_bytes));
    let around = |bytes: &[u8]| bytes[at..].iter().take(12).copied().collect::<Vec<_>>();
    Err(Failed::new(format!(
        "{what}: {is_bytes} bytes, and should be {want_bytes}; from byte {at} on it is \"{}\", and should be \"{}\"",
        around(is).escape_ascii(),
        around(want).escape_ascii(),
    )))
}
