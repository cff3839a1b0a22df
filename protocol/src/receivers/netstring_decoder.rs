//! [`NetstringDecoder`]: strings as `5:hello,` (D. J. Bernstein, Netstrings, 1997); what `NetstringReceiver`
//! is in Twisted without its connection.
//!
//! Invariant: a length that is too large is refused at the digit that makes it so.
//!
//! ```text
//!  Length ──colon──▶ Payload ──comma──▶ Length
//!     └────────────────┴─────error────▶ Broken
//! ```

use alloc::vec::Vec;

use super::decoder::Decoder;
use super::exact_decoder::ExactDecoder;
use super::string_decoder::{STRING_MAX, StringDecoder, StringError, StringHeader, StringTooLong};

/// Cuts a stream into netstrings. See [`Decoder`] for the loop.
///
/// # Errors
///
/// [`StringError`]: a length that is no decimal number, has leading zeros or is too large; no comma at
/// the end. After it all bytes are dropped.
///
/// # Differences from Twisted
///
/// A byte that cannot belong to a length is refused when it comes, also a line feed behind the digits, and a
/// longest length of 0 allows empty strings.
#[derive(Debug)]
pub struct NetstringDecoder {
    max_length: usize,
    stage: NetstringStage,
    payload: ExactDecoder,
}

#[derive(Clone, Copy, Debug)]
enum NetstringStage {
    /// The number that the digits make so far; `None` before the first one.
    Length(Option<usize>),
    /// The length of the string whose payload comes.
    Payload(usize),
    Broken,
}

impl NetstringDecoder {
    /// Strings of at most 99,999 bytes.
    pub const fn new() -> Self {
        Self {
            max_length: STRING_MAX,
            stage: NetstringStage::Length(None),
            payload: ExactDecoder::new(),
        }
    }

    /// Takes the digits and the colon off the front of the input, and returns the next stage: the same
    /// one when the input ends before the colon.
    #[inline]
    fn length(
        &self,
        mut length: Option<usize>,
        input: &mut &[u8],
    ) -> Result<NetstringStage, StringError> {
        while let Some((&byte, rest)) = input.split_first() {
            match (byte, length) {
                (b':', Some(length)) => {
                    *input = rest;
                    return Ok(NetstringStage::Payload(length));
                }
                (b'0'..=b'9', Some(0)) | (..=b'/' | b':'.., _) => {
                    return Err(StringError::NoLength { byte });
                }
                (b'0'..=b'9', before) => {
                    let digit = usize::from(byte - b'0');
                    let now =
                        before.unwrap_or(0).checked_mul(10).and_then(|it| it.checked_add(digit));
                    let Some(now) = now.filter(|now| *now <= self.max_length) else {
                        return Err(StringError::LengthLimitExceeded {
                            length: now.map_or(u64::MAX, |now| now as u64),
                            max_length: self.max_length,
                        });
                    };
                    length = Some(now);
                }
            }
            *input = rest;
        }
        Ok(NetstringStage::Length(length))
    }
}

impl Decoder for NetstringDecoder {
    type Error<'a> = StringError;
    type Sending = ();

    #[inline]
    fn next_frame<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
    ) -> Option<Result<&'a [u8], StringError>> {
        if let NetstringStage::Length(begun) = self.stage {
            match self.length(begun, input) {
                Ok(stage) => self.stage = stage,
                Err(error) => {
                    self.stage = NetstringStage::Broken;
                    *input = &[];
                    return Some(Err(error));
                }
            }
        }
        let NetstringStage::Payload(length) = self.stage else {
            *input = &[];
            return None;
        };
        let frame = self.payload.next_exact(length.saturating_add(1), input)?;
        match frame.split_last() {
            Some((b',', string)) => {
                self.stage = NetstringStage::Length(None);
                Some(Ok(string))
            }
            other => {
                self.stage = NetstringStage::Broken;
                *input = &[];
                let byte = other.map_or(0, |(byte, _)| *byte);
                Some(Err(StringError::NoComma { byte }))
            }
        }
    }

    fn take_rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.stage {
            NetstringStage::Length(None) | NetstringStage::Broken => return rest,
            NetstringStage::Length(Some(length)) => {
                rest.extend_from_slice(&header(length));
                // The colon has not come.
                rest.pop();
            }
            NetstringStage::Payload(length) => rest.extend_from_slice(&header(length)),
        }
        rest.append(&mut self.payload.take_rest());
        self.stage = NetstringStage::Length(None);
        rest
    }

    fn sending(&self) {}
}

impl StringDecoder for NetstringDecoder {
    const TRAILER: &'static [u8] = b",";

    fn with_max_length(mut self, max_length: usize) -> Self {
        self.max_length = max_length;
        self
    }

    fn header(length: usize) -> Result<StringHeader, StringTooLong> {
        Ok(header(length))
    }
}

impl Default for NetstringDecoder {
    fn default() -> Self {
        Self::new()
    }
}

/// The length in decimal digits, and a colon.
fn header(length: usize) -> StringHeader {
    let mut header = StringHeader::ending_with(b":");
    let mut left = length;
    loop {
        header.push_front(b'0' + (left % 10) as u8);
        left /= 10;
        if left == 0 {
            return header;
        }
    }
}
