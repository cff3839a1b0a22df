//! [`ClientHelloParser`]: takes the bytes of a connection until its ClientHello is whole, across records and
//! pieces of any size.
//!
//! Invariant: each byte is copied at most twice, and at most the limit and the heads of its records are held.

use alloc::vec::Vec;

use super::{ClientHello, InvalidClientHello};

/// The most bytes of a ClientHello, unless the parser has another limit: as many as nginx reads.
pub const HELLO_BYTES_MAX: usize = 16 * 1024;

const RECORD_HEAD_BYTES: usize = 5;
const RECORD_BYTES_MAX: usize = 1 << 14;
const MESSAGE_HEAD_BYTES: usize = 4;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// Reads the ClientHello at the beginning of a connection, without any I/O:
///
/// ```
/// use ropewalk_endpoints::sni::{ClientHelloParser, Hello};
///
/// let mut parser = ClientHelloParser::new();
/// assert_eq!(parser.push(b"GET / HTTP/1.1\r\n")?, Hello::NotTls);
/// # Ok::<(), ropewalk_endpoints::sni::InvalidClientHello>(())
/// ```
#[derive(Debug)]
pub struct ClientHelloParser {
    /// Every byte that was taken.
    taken: Vec<u8>,
    /// The head of the first record in `taken` that is not whole.
    record: usize,
    /// The whole records without their heads.
    message: Vec<u8>,
    limit: usize,
}

/// How far a [`ClientHelloParser`] has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hello {
    /// More bytes are needed.
    Incomplete,
    /// The ClientHello is whole.
    Complete(ClientHello),
    /// The connection does not begin with TLS.
    NotTls,
}

impl ClientHelloParser {
    /// A parser that has seen nothing, with the limit [`HELLO_BYTES_MAX`].
    pub fn new() -> Self {
        Self::with_limit(HELLO_BYTES_MAX)
    }

    /// As [`new`](Self::new), with another limit on the bytes of the message.
    pub fn with_limit(limit: usize) -> Self {
        Self { taken: Vec::new(), record: 0, message: Vec::new(), limit }
    }

    /// All the bytes that were taken; the server behind is to have them.
    pub fn into_taken(self) -> Vec<u8> {
        self.taken
    }

    /// Whether bytes were taken.
    pub fn has_begun(&self) -> bool {
        !self.taken.is_empty()
    }

    /// Takes the next bytes of the connection, also those behind the ClientHello. Called until it answers
    /// another thing than [`Hello::Incomplete`].
    ///
    /// # Errors
    ///
    /// [`InvalidClientHello`], as soon as the bytes cannot become one.
    pub fn push(&mut self, data: &[u8]) -> Result<Hello, InvalidClientHello> {
        self.taken.extend(data);
        loop {
            let record = self.taken.get(self.record..).unwrap_or_default();
            if let Some(hello) = self.judge(record)? {
                return Ok(hello);
            }
            let Some((&[_, _, _, high, low], rest)) = record.split_first_chunk() else {
                return Ok(Hello::Incomplete);
            };
            let length = usize::from(u16::from_be_bytes([high, low]));
            let Some(payload) = rest.get(..length) else { return Ok(Hello::Incomplete) };
            self.message.extend(payload);
            self.record += RECORD_HEAD_BYTES + length;
            if let Some(hello) = self.message()? {
                return Ok(Hello::Complete(hello));
            }
        }
    }

    /// Whether the bytes of the next record are none of TLS, as far as they go.
    fn judge(&self, record: &[u8]) -> Result<Option<Hello>, InvalidClientHello> {
        let is_handshake =
            record.iter().zip([HANDSHAKE, 3]).all(|(byte, expected)| *byte == expected);
        if !is_handshake && self.record == 0 {
            return Ok(Some(Hello::NotTls));
        }
        let has_right_length = record.get(3..RECORD_HEAD_BYTES).is_none_or(|length| {
            let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            (1..=RECORD_BYTES_MAX).contains(&length)
        });
        match is_handshake && has_right_length {
            true => Ok(None),
            false => Err(InvalidClientHello::Record),
        }
    }

    /// The message, if it is whole.
    fn message(&mut self) -> Result<Option<ClientHello>, InvalidClientHello> {
        if let Some(kind) = self.message.first().copied().filter(|kind| *kind != CLIENT_HELLO) {
            return Err(InvalidClientHello::Message { kind });
        }
        let Some((&[_, high, middle, low], body)) =
            self.message.split_first_chunk::<MESSAGE_HEAD_BYTES>()
        else {
            return Ok(None);
        };
        let announced = u32::from_be_bytes([0, high, middle, low]);
        let length = usize::try_from(announced).unwrap_or(usize::MAX);
        if length > self.limit {
            return Err(InvalidClientHello::TooLong { length, limit: self.limit });
        }
        body.get(..length).map(ClientHello::read).transpose()
    }
}

impl Default for ClientHelloParser {
    fn default() -> Self {
        Self::new()
    }
}
