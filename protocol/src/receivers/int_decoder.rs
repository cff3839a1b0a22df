//! [`IntDecoder`]: strings behind their length in 1, 2 or 4 bytes in network byte order; what
//! `Int8StringReceiver`, `Int16StringReceiver` and `Int32StringReceiver` are in Twisted without a connection.
//!
//! Invariant: a length that is too large is refused before any byte of its string is kept.
//!
//! ```text
//!  Prefix ──the last byte──▶ Payload ──the last byte──▶ Prefix
//!     └───────too long──────▶ Broken
//! ```

use alloc::vec::Vec;

use super::decoder::Decoder;
use super::exact_decoder::ExactDecoder;
use super::string_decoder::{STRING_MAX, StringDecoder, StringError, StringHeader, StringTooLong};

/// Strings of up to 255 bytes. Twisted's `Int8StringReceiver`.
pub type Int8Decoder = IntDecoder<1>;

/// Strings of up to 65,535 bytes. Twisted's `Int16StringReceiver`.
pub type Int16Decoder = IntDecoder<2>;

/// Strings of up to 4 GiB. Twisted's `Int32StringReceiver`.
pub type Int32Decoder = IntDecoder<4>;

/// Cuts a stream into strings behind a length of `BYTES` bytes, at most 8. See [`Decoder`] for the loop.
///
/// # Errors
///
/// [`StringError::LengthLimitExceeded`] when the length has come. After it all bytes are dropped.
#[derive(Debug)]
pub struct IntDecoder<const BYTES: usize> {
    max_length: usize,
    stage: IntStage,
    bytes: ExactDecoder,
}

#[derive(Clone, Copy, Debug)]
enum IntStage {
    Prefix,
    /// The length of the string whose payload comes.
    Payload(usize),
    Broken,
}

impl<const BYTES: usize> IntDecoder<BYTES> {
    /// Strings of at most 99,999 bytes.
    pub const fn new() -> Self {
        const { assert!(BYTES >= 1 && BYTES <= 8, "a length has 1 to 8 bytes") };
        Self { max_length: STRING_MAX, stage: IntStage::Prefix, bytes: ExactDecoder::new() }
    }

    /// The longest string that the prefix can count, in bytes.
    const CAPACITY: u64 = u64::MAX >> (64 - 8 * BYTES);

    #[cold]
    fn refuse(&mut self, length: u64) -> StringError {
        self.stage = IntStage::Broken;
        StringError::LengthLimitExceeded { length, max_length: self.max_length }
    }
}

impl<const BYTES: usize> Decoder for IntDecoder<BYTES> {
    type Error<'a> = StringError;
    type Sending = ();

    #[inline]
    fn next_frame<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
    ) -> Option<Result<&'a [u8], StringError>> {
        let length = match self.stage {
            IntStage::Payload(length) => length,
            IntStage::Prefix => {
                let prefix = self.bytes.next_exact(BYTES, input)?;
                let length = prefix.iter().fold(0, |length, byte| length << 8 | u64::from(*byte));
                match usize::try_from(length) {
                    Ok(length) if length <= self.max_length => length,
                    Ok(_) | Err(_) => {
                        *input = &[];
                        return Some(Err(self.refuse(length)));
                    }
                }
            }
            IntStage::Broken => {
                *input = &[];
                return None;
            }
        };
        self.stage = IntStage::Payload(length);
        let string = self.bytes.next_exact(length, input)?;
        self.stage = IntStage::Prefix;
        Some(Ok(string))
    }

    fn take_rest(&mut self) -> Vec<u8> {
        let mut rest = match self.stage {
            IntStage::Payload(length) => {
                Self::header(length).map_or_else(|_| Vec::new(), |it| it.to_vec())
            }
            IntStage::Prefix => Vec::new(),
            IntStage::Broken => return Vec::new(),
        };
        rest.append(&mut self.bytes.take_rest());
        self.stage = IntStage::Prefix;
        rest
    }

    fn sending(&self) {}
}

impl<const BYTES: usize> StringDecoder for IntDecoder<BYTES> {
    const TRAILER: &'static [u8] = b"";

    fn with_max_length(mut self, max_length: usize) -> Self {
        self.max_length = max_length;
        self
    }

    fn header(length: usize) -> Result<StringHeader, StringTooLong> {
        let counted = length as u64;
        if counted > Self::CAPACITY {
            return Err(StringTooLong { length, max_length: Self::CAPACITY });
        }
        Ok(StringHeader::ending_with(&counted.to_be_bytes()[8 - BYTES..]))
    }
}

impl<const BYTES: usize> Default for IntDecoder<BYTES> {
    fn default() -> Self {
        Self::new()
    }
}
