//! [`ReadHalf`]: what the peer sends, as calls to be awaited.
//!
//! Invariant: a read that is dropped before it is done leaves all bytes to the next one.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::fmt;
use core::future::poll_fn;

use interfaces::Address;

use super::StreamError;
use super::shared::StreamShared;

/// The half that reads.
pub struct ReadHalf {
    shared: Rc<StreamShared>,
}

impl ReadHalf {
    pub(super) fn new(shared: Rc<StreamShared>) -> Self {
        Self { shared }
    }

    /// Reads some bytes: at least one, unless the stream has ended or the buffer is empty; answers how many.
    ///
    /// # Errors
    ///
    /// [`StreamError::Lost`] behind the last byte, unless the stream ended in order.
    pub async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StreamError> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = poll_fn(|context| {
            self.shared.poll_incoming(context, 1, |held| {
                let length = held.take_into(buffer);
                (length > 0).then_some(length)
            })
        });
        Ok(read.await?.unwrap_or(0))
    }

    /// Reads this many bytes. They are held until all are there.
    ///
    /// # Errors
    ///
    /// [`StreamError::UnexpectedEnd`] when the stream ends before, and [`StreamError::Lost`] when it
    /// does not end in order. The bytes that came can still be read.
    pub async fn read_exactly(&mut self, length: usize) -> Result<Vec<u8>, StreamError> {
        let read = poll_fn(|context| {
            self.shared.poll_incoming(context, length, |held| {
                (held.len() >= length).then(|| held.take(length))
            })
        });
        self.or_end(read.await?)
    }

    /// Reads up to a delimiter, and it, too. Until it comes, at most `limit` bytes are held, of which
    /// the delimiter is a part. Without a delimiter any byte is one.
    ///
    /// # Errors
    ///
    /// [`StreamError::TooLong`] beyond the limit, and as [`read_exactly`](Self::read_exactly). The bytes
    /// that came can still be read.
    pub async fn read_until(
        &mut self,
        delimiter: &[u8],
        limit: usize,
    ) -> Result<Vec<u8>, StreamError> {
        let mut searched = 0;
        let read = poll_fn(|context| {
            self.shared.poll_incoming(context, limit, |held| {
                let bytes = held.as_slice();
                let found = find(bytes, delimiter, searched).filter(|end| *end <= limit);
                if let Some(end) = found {
                    return Some(Ok(held.take(end)));
                }
                searched = bytes.len().saturating_sub(delimiter.len().saturating_sub(1));
                (bytes.len() >= limit).then_some(Err(StreamError::TooLong { limit }))
            })
        });
        match read.await? {
            Some(line) => line,
            None => self.or_end(None),
        }
    }

    /// The remote address; `None` before the connection is made.
    pub fn peer(&self) -> Option<Address> {
        self.shared.transport().map(|transport| transport.peer())
    }

    fn or_end(&self, read: Option<Vec<u8>>) -> Result<Vec<u8>, StreamError> {
        read.ok_or_else(|| StreamError::UnexpectedEnd { held: self.shared.held() })
    }

    #[cfg(feature = "futures-io")]
    pub(super) fn shared(&self) -> &StreamShared {
        &self.shared
    }
}

/// The end of the first delimiter that begins at `from` or later.
fn find(bytes: &[u8], delimiter: &[u8], from: usize) -> Option<usize> {
    let Some(first) = delimiter.first() else { return (!bytes.is_empty()).then_some(1) };
    let mut begin = from;
    while let Some(at) = bytes.get(begin..)?.iter().position(|byte| byte == first) {
        if bytes.get(begin + at..)?.starts_with(delimiter) {
            return Some(begin + at + delimiter.len());
        }
        begin += at + 1;
    }
    None
}

impl Drop for ReadHalf {
    fn drop(&mut self) {
        self.shared.reader_gone();
    }
}

impl fmt::Debug for ReadHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadHalf").field("held", &self.shared.held()).finish_non_exhaustive()
    }
}
