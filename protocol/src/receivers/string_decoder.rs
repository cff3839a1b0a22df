//! [`StringDecoder`]: strings with their length before them, and what can be wrong with them.
//!
//! Invariant: what a decoder accepts from its peer is bounded by its longest string.

use alloc::vec::Vec;
use core::error::Error;
use core::fmt;

use super::decoder::Decoder;

/// The default of a string's longest length, in bytes; Twisted's `MAX_LENGTH`.
pub(super) const STRING_MAX: usize = 99_999;

/// A decoder of strings with their length before them, and how such strings are sent.
///
/// # Errors
///
/// After a [`StringError`] the decoder drops all bytes, for no frame can be found in them any more.
pub trait StringDecoder: for<'a> Decoder<Error<'a> = StringError> + Default {
    /// Behind each string on the wire.
    const TRAILER: &'static [u8];

    /// With another length of the longest string, in bytes. It is the limit of what is received, not of
    /// what is sent.
    #[must_use]
    fn with_max_length(self, max_length: usize) -> Self;

    /// The bytes before a string of this length.
    ///
    /// # Errors
    ///
    /// The length cannot be written there.
    fn header(length: usize) -> Result<StringHeader, StringTooLong>;

    /// Appends a string with its header and trailer.
    ///
    /// # Errors
    ///
    /// The string is too long for the header, and nothing is appended.
    fn encode(string: &[u8], out: &mut Vec<u8>) -> Result<(), StringTooLong> {
        let header = Self::header(string.len())?;
        out.reserve(header.len() + string.len() + Self::TRAILER.len());
        out.extend_from_slice(&header);
        out.extend_from_slice(string);
        out.extend_from_slice(Self::TRAILER);
        Ok(())
    }
}

/// The bytes before a string, without an allocation.
#[derive(Clone, Copy, Debug)]
pub struct StringHeader {
    bytes: [u8; HEADER_MAX],
    begin: usize,
}

/// The decimal digits of any length, and a colon.
const HEADER_MAX: usize = 21;

impl StringHeader {
    /// The last bytes of this array.
    pub(super) fn ending_with(end: &[u8]) -> Self {
        let mut header = Self { bytes: [0; HEADER_MAX], begin: HEADER_MAX };
        end.iter().rev().for_each(|byte| header.push_front(*byte));
        header
    }

    /// Another byte before the others; one that has no room is left out.
    pub(super) fn push_front(&mut self, byte: u8) {
        if let Some(begin) = self.begin.checked_sub(1) {
            self.begin = begin;
            self.bytes[begin] = byte;
        }
    }
}

impl core::ops::Deref for StringHeader {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.begin..]
    }
}

/// The mistakes in a stream of strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StringError {
    /// The peer announced more than is allowed. Twisted's `lengthLimitExceeded`.
    LengthLimitExceeded {
        /// The announced length, in bytes; of a netstring's, the digits that have come.
        length: u64,
        /// The longest string that is allowed, in bytes.
        max_length: usize,
    },
    /// A netstring begins with something else than a decimal number without leading zeros, and a colon.
    NoLength {
        /// The first byte that is wrong.
        byte: u8,
    },
    /// A netstring does not end with a comma.
    NoComma {
        /// The byte at its place.
        byte: u8,
    },
}

impl fmt::Display for StringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LengthLimitExceeded { length, max_length } => write!(
                f,
                "cannot receive a string of {length} bytes: at most {max_length} are allowed"
            ),
            Self::NoLength { byte } => write!(
                f,
                "cannot receive a netstring: expected its length and a colon, and got \"{}\"",
                byte.escape_ascii()
            ),
            Self::NoComma { byte } => write!(
                f,
                "cannot receive a netstring: expected a comma at its end, and got \"{}\"",
                byte.escape_ascii()
            ),
        }
    }
}

impl Error for StringError {}

/// A string cannot be sent: its length does not fit before it. Twisted's `StringTooLongError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StringTooLong {
    /// The length of the string, in bytes.
    pub length: usize,
    /// The longest that can be sent, in bytes.
    pub max_length: u64,
}

impl fmt::Display for StringTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { length, max_length } = self;
        write!(f, "cannot send a string of {length} bytes: its prefix counts up to {max_length}")
    }
}

impl Error for StringTooLong {}
