//! Lists of pinned keys.
//!
//! Invariant: a pin that is misspelt is an error at its argument, never a key that no peer has.

use endpoints::{Argument, ParseError};

use super::session_strings::list;
use crate::verification::KeyPin;

/// The keys that an argument pins, if it is given.
pub(super) fn key_pins(argument: &Argument<'_>) -> Result<Vec<KeyPin>, ParseError> {
    let expected = "hashes of public keys with commas between them, each `sha256/` and 44 characters \
                    of base64, or 64 hexadecimal digits";
    let pins: Result<_, _> = list(argument, expected)?.into_iter().map(str::parse).collect();
    pins.map_err(|_| argument.error(expected))
}
