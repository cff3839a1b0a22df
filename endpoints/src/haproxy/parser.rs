//! [`ProxyHeaderParser`]: takes the bytes of a connection until its header is whole; Twisted's
//! `V1Parser` and `V2Parser`.
//!
//! Invariant: each byte is looked for the end of the header once, at most one header is held, and bytes
//! behind the header are not taken.

use alloc::vec::Vec;

use super::v1::{self, LINE_BYTES_MAX, PREFIX};
use super::v2::{self, FIXED_BYTES, SIGNATURE};
use super::{InvalidProxyHeader, ProxyHeader};

/// The most bytes behind the first 16 of version 2, unless the parser has another limit.
pub const HEADER_BYTES_MAX: usize = 4096;

/// Reads one header of either version, in pieces of any size. Works without a connection:
///
/// ```
/// use ropewalk_endpoints::haproxy::{Progress, ProxyHeaderParser};
///
/// let mut parser = ProxyHeaderParser::new();
/// assert_eq!(parser.push(b"PROXY TCP4 192.0.2.1 ")?, Progress::Incomplete);
/// let Progress::Complete { header, used } = parser.push(b"192.0.2.2 56324 443\r\nGET /")? else {
///     panic!("it is complete");
/// };
/// assert_eq!(header.addresses.map(|it| it.source.to_string()).as_deref(), Some("192.0.2.1:56324"));
/// assert_eq!(used, b"192.0.2.2 56324 443\r\n".len());
/// # Ok::<(), ropewalk_endpoints::haproxy::InvalidProxyHeader>(())
/// ```
///
/// # Differences from Twisted
///
/// - The first piece may be as small as any other; in Twisted it has 8 bytes of version 1 or 16 of
///   version 2, or the connection is closed.
/// - Addresses and ports are checked, fields too many are mistakes, and `PROXY UNKNOWN` needs nothing
///   behind it.
/// - A line has at most 107 bytes, also when its end arrives with it.
/// - TLVs are kept, and a checksum is checked.
#[doc(alias = "V1Parser")]
#[doc(alias = "V2Parser")]
#[derive(Debug)]
pub struct ProxyHeaderParser {
    held: Vec<u8>,
    limit: usize,
}

/// How far a parser has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All bytes were taken, and more are needed.
    Incomplete,
    /// The header is whole.
    Complete {
        /// The header.
        header: ProxyHeader,
        /// How many bytes of the last piece belong to it; those behind are the client's.
        used: usize,
    },
}

/// The bytes that a header has, as far as its beginning tells.
enum Extent {
    /// It is whole, and has this many.
    Whole(usize),
    /// No more than this many are needed to tell more.
    AtMost(usize),
}

impl ProxyHeaderParser {
    /// A parser that has seen nothing, with the limit [`HEADER_BYTES_MAX`].
    pub fn new() -> Self {
        Self::with_limit(HEADER_BYTES_MAX)
    }

    /// As [`new`](Self::new), with another limit on the bytes behind the first 16 of version 2.
    pub fn with_limit(limit: usize) -> Self {
        Self { held: Vec::new(), limit }
    }

    /// Whether bytes were taken.
    pub fn has_begun(&self) -> bool {
        !self.held.is_empty()
    }

    /// Takes the next bytes of the connection. After an error, or when it is complete, it begins anew.
    ///
    /// # Errors
    ///
    /// [`InvalidProxyHeader`], as soon as the bytes cannot become a header.
    pub fn push(&mut self, data: &[u8]) -> Result<Progress, InvalidProxyHeader> {
        let progress = match self.held.is_empty() {
            true => self.first(data),
            false => self.next(data),
        };
        if !matches!(progress, Ok(Progress::Incomplete)) {
            self.held = Vec::new();
        }
        progress
    }

    /// A header that is whole in the first piece is not copied.
    fn first(&mut self, data: &[u8]) -> Result<Progress, InvalidProxyHeader> {
        match self.extent(data, 0)? {
            Extent::Whole(used) => Ok(Progress::Complete { header: parse(&data[..used])?, used }),
            Extent::AtMost(_) => {
                self.held.extend(data);
                Ok(Progress::Incomplete)
            }
        }
    }

    fn next(&mut self, data: &[u8]) -> Result<Progress, InvalidProxyHeader> {
        let mut used = 0;
        let mut extent = self.extent(&self.held, self.held.len())?;
        loop {
            let wanted = match extent {
                Extent::Whole(_) => 0,
                Extent::AtMost(bytes) => bytes.saturating_sub(self.held.len()),
            };
            let seen = self.held.len();
            let taken = wanted.min(data.len() - used);
            self.held.extend(&data[used..used + taken]);
            used += taken;
            extent = self.extent(&self.held, seen)?;
            match extent {
                Extent::Whole(length) => {
                    let header = parse(&self.held[..length])?;
                    // A line is taken up to its limit, as only its end tells its length.
                    return Ok(Progress::Complete {
                        header,
                        used: used - (self.held.len() - length),
                    });
                }
                Extent::AtMost(_) if used == data.len() => return Ok(Progress::Incomplete),
                Extent::AtMost(_) => {}
            }
        }
    }

    /// The extent of the header that begins with `bytes`, of which the first `seen` had no end.
    fn extent(&self, bytes: &[u8], seen: usize) -> Result<Extent, InvalidProxyHeader> {
        match bytes.first() {
            None => Ok(Extent::AtMost(FIXED_BYTES)),
            Some(b'P') => line_extent(bytes, seen),
            Some(_) => self.block_extent(bytes),
        }
    }

    fn block_extent(&self, bytes: &[u8]) -> Result<Extent, InvalidProxyHeader> {
        let Some((fixed, _)) = bytes.split_first_chunk::<FIXED_BYTES>() else {
            return match begins_alike(bytes, SIGNATURE) {
                true => Ok(Extent::AtMost(FIXED_BYTES)),
                false => Err(InvalidProxyHeader::NoHeader),
            };
        };
        let length = v2::announced(fixed)?;
        if length > self.limit {
            return Err(InvalidProxyHeader::TooLong { length, limit: self.limit });
        }
        let whole = FIXED_BYTES + length;
        Ok(if bytes.len() < whole { Extent::AtMost(whole) } else { Extent::Whole(whole) })
    }
}

impl Default for ProxyHeaderParser {
    fn default() -> Self {
        Self::new()
    }
}

fn line_extent(bytes: &[u8], seen: usize) -> Result<Extent, InvalidProxyHeader> {
    if !begins_alike(bytes, PREFIX) {
        return Err(InvalidProxyHeader::NoHeader);
    }
    // The CR may have been the last byte that was seen.
    let from = seen.saturating_sub(1).min(bytes.len());
    let within = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
    let end = within.get(from..).and_then(|new| new.windows(2).position(|two| two == b"\r\n"));
    match end {
        Some(position) => Ok(Extent::Whole(from + position + 2)),
        None if bytes.len() > LINE_BYTES_MAX => Err(InvalidProxyHeader::LineTooLong),
        // One more, so that a line which is too long is found out.
        None => Ok(Extent::AtMost(LINE_BYTES_MAX + 1)),
    }
}

fn begins_alike(bytes: &[u8], expected: &[u8]) -> bool {
    bytes.iter().zip(expected).all(|(byte, expected)| byte == expected)
}

fn parse(header: &[u8]) -> Result<ProxyHeader, InvalidProxyHeader> {
    match header.strip_suffix(b"\r\n") {
        Some(line) if line.starts_with(b"P") => v1::parse(line),
        _ => v2::parse(header),
    }
}
