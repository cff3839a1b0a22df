//! [`LineDecoder`]: lines that end with a delimiter; what `LineReceiver` is in Twisted without its
//! connection.
//!
//! Invariant: the kept bytes have no delimiter in them and are fewer than the window, which is the longest
//! line with its delimiter; each byte is searched once.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::error::Error;
use core::{fmt, mem};

use memchr::memchr;

use super::decoder::Decoder;
use super::partial::Partial;

/// The default of a line's longest length, in bytes; Twisted's `MAX_LENGTH`.
pub(super) const LINE_MAX: usize = 16_384;

/// The default delimiter: carriage return and line feed.
pub(super) const DELIMITER: &[u8] = b"\r\n";

/// Cuts a stream into lines. A line comes without its delimiter.
///
/// A line feed alone is data where the delimiter is CR LF, and with the delimiter LF a carriage return
/// before it stays in the line. See [`Decoder`] for the loop.
///
/// # Errors
///
/// [`LineLengthExceeded`]: a line is longer than it may be, or as many bytes as the longest line and the
/// delimiter have come without a delimiter. The error has all bytes from the beginning of that line to
/// the end of the input, and they are not kept: the next input begins with a new line.
pub struct LineDecoder {
    delimiter: Cow<'static, [u8]>,
    /// The last byte of the delimiter, for which is searched, and the one before it.
    last: u8,
    before_last: u8,
    /// The length of the delimiter.
    width: usize,
    /// The length of the longest line and its delimiter.
    window: usize,
    partial: Partial,
}

/// A line is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineLengthExceeded<'a> {
    /// All bytes from the beginning of the line to the end of the input: perhaps more than the line,
    /// perhaps only its beginning.
    pub bytes: &'a [u8],
    /// The longest line that is allowed, in bytes.
    pub max_length: usize,
}

impl LineDecoder {
    /// Lines that end with CR LF and have at most 16,384 bytes.
    pub const fn new() -> Self {
        Self {
            delimiter: Cow::Borrowed(DELIMITER),
            last: b'\n',
            before_last: b'\r',
            width: DELIMITER.len(),
            window: LINE_MAX + DELIMITER.len(),
            partial: Partial::new(),
        }
    }

    /// With another delimiter. One that is empty is never found, so each line becomes too long.
    #[must_use]
    pub fn with_delimiter(mut self, delimiter: impl Into<Cow<'static, [u8]>>) -> Self {
        let max_length = self.max_length();
        self.delimiter = delimiter.into();
        self.width = self.delimiter.len();
        let mut backwards = self.delimiter.iter().rev().copied();
        self.last = backwards.next().unwrap_or_default();
        self.before_last = backwards.next().unwrap_or_default();
        self.with_max_length(max_length)
    }

    /// With another length of the longest line, in bytes, without the delimiter.
    #[must_use]
    pub fn with_max_length(mut self, max_length: usize) -> Self {
        self.window = max_length.saturating_add(self.width);
        self
    }

    /// The length of the longest line, in bytes.
    pub fn max_length(&self) -> usize {
        self.window - self.width
    }

    /// The end of the first delimiter in `bytes`, which come behind the kept ones.
    #[inline(always)]
    fn find(&self, kept: &[u8], bytes: &[u8]) -> Option<usize> {
        let end = memchr(self.last, bytes)? + 1;
        match self.is_at(kept, bytes, end) {
            true => Some(end),
            false => self.find_from(kept, bytes, end),
        }
    }

    /// As [`find`](Self::find), behind a byte that only looked like the end of a delimiter.
    #[inline(never)]
    fn find_from(&self, kept: &[u8], bytes: &[u8], mut from: usize) -> Option<usize> {
        loop {
            let end = from + memchr(self.last, bytes.get(from..)?)? + 1;
            if self.is_at(kept, bytes, end) {
                return Some(end);
            }
            from = end;
        }
    }

    /// Whether a delimiter ends here, where its last byte is known to be.
    #[inline(always)]
    fn is_at(&self, kept: &[u8], bytes: &[u8], end: usize) -> bool {
        match self.width {
            2 if end >= 2 => bytes[end - 2] == self.before_last,
            1 => true,
            _ => self.is_whole_at(kept, bytes, end),
        }
    }

    #[inline(never)]
    fn is_whole_at(&self, kept: &[u8], bytes: &[u8], end: usize) -> bool {
        let head = match self.width.checked_sub(end) {
            _ if self.width == 0 => return false,
            None => return bytes[..end].ends_with(&self.delimiter),
            Some(head) => head,
        };
        let (head, tail) = self.delimiter.split_at(head);
        &bytes[..end] == tail && kept.ends_with(head)
    }

    /// The input ends before the line does.
    #[cold]
    #[inline(never)]
    fn keep<'i>(&mut self, input: &mut &'i [u8]) -> Option<LineLengthExceeded<'i>> {
        let bytes = mem::take(input);
        if bytes.is_empty() {
            return None;
        }
        if bytes.len() >= self.window {
            return Some(LineLengthExceeded { bytes, max_length: self.max_length() });
        }
        self.partial.keep(bytes);
        None
    }

    /// The next line, whose beginning is kept.
    #[inline(never)]
    fn next_joined(&mut self, input: &mut &[u8]) -> Option<Result<&[u8], LineLengthExceeded<'_>>> {
        let bytes = *input;
        let missing = self.window.saturating_sub(self.partial.len());
        let window = &bytes[..bytes.len().min(missing)];
        let Some(end) = self.find(self.partial.bytes(), window) else {
            *input = &[];
            self.partial.keep(bytes);
            if self.partial.len() < self.window {
                return None;
            }
            let max_length = self.max_length();
            return Some(Err(LineLengthExceeded { bytes: self.partial.lend(), max_length }));
        };
        *input = &bytes[end..];
        match end.checked_sub(self.width) {
            Some(line_end) => self.partial.keep(&bytes[..line_end]),
            None => self.partial.cut(self.width - end),
        }
        Some(Ok(self.partial.lend()))
    }
}

impl Decoder for LineDecoder {
    type Error<'a> = LineLengthExceeded<'a>;
    type Sending = Cow<'static, [u8]>;

    #[inline(always)]
    fn next_frame<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
    ) -> Option<Result<&'a [u8], LineLengthExceeded<'a>>> {
        if !self.partial.is_fresh() {
            return self.next_joined(input);
        }
        let bytes = *input;
        let window = &bytes[..bytes.len().min(self.window)];
        match self.find(&[], window) {
            Some(end) => {
                *input = &bytes[end..];
                Some(Ok(&bytes[..end - self.width]))
            }
            None => self.keep(input).map(Err),
        }
    }

    fn take_rest(&mut self) -> Vec<u8> {
        self.partial.take()
    }

    /// The delimiter.
    fn sending(&self) -> Cow<'static, [u8]> {
        self.delimiter.clone()
    }
}

impl Default for LineDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for LineDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineDecoder")
            .field("delimiter", &format_args!("\"{}\"", self.delimiter.escape_ascii()))
            .field("max_length", &self.max_length())
            .field("kept", &self.partial.len())
            .finish()
    }
}

impl fmt::Display for LineLengthExceeded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot receive a line of more than {} bytes", self.max_length)
    }
}

impl Error for LineLengthExceeded<'_> {}
