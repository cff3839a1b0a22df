//! A protocol that owns the buffer which its bytes are read into; asyncio's `BufferedProtocol`, Twisted has
//! none.
//!
//! Invariant: the bytes between two calls of `buffer_updated` lie where the last `get_buffer` said.

use alloc::rc::Rc;

use crate::Transport;

/// The role of a protocol whose bytes are read straight into a buffer of its own, such as the ring of a
/// parser: no copy is made between the system and that buffer.
///
/// A transport that has the bytes in memory already (a layer that decrypts, a protocol that was running
/// when they came) calls [`data_received`](crate::Protocol::data_received) instead; a protocol with this role
/// forwards that to [`copy_in`](Self::copy_in).
///
/// ```
/// use std::rc::Rc;
/// use ropewalk_interfaces::{BufferedProtocol, Protocol, Transport};
///
/// struct Lines {
///     buffer: Vec<u8>,
///     filled: usize,
/// }
///
/// impl Protocol for Lines {
///     fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
///         self.copy_in(transport, data);
///     }
///
///     fn as_buffered(&mut self) -> Option<&mut dyn BufferedProtocol> {
///         Some(self)
///     }
/// }
///
/// impl BufferedProtocol for Lines {
///     fn get_buffer(&mut self) -> &mut [u8] {
///         if self.filled == self.buffer.len() {
///             self.buffer.resize(self.filled * 2 + 1024, 0);
///         }
///         &mut self.buffer[self.filled..]
///     }
///
///     fn buffer_updated(&mut self, transport: &Rc<dyn Transport>, length: usize) {
///         self.filled += length;
///         while let Some(end) = self.buffer[..self.filled].iter().position(|byte| *byte == b'\n') {
///             transport.write(&self.buffer[..=end]);
///             self.buffer.copy_within(end + 1..self.filled, 0);
///             self.filled -= end + 1;
///         }
///     }
/// }
/// ```
pub trait BufferedProtocol {
    /// The place for the next bytes, which may hold anything. Called before each read. An empty one has the
    /// bytes come by [`data_received`](crate::Protocol::data_received).
    fn get_buffer(&mut self) -> &mut [u8];

    /// The first `length` bytes of the buffer were filled; at least one.
    fn buffer_updated(&mut self, transport: &Rc<dyn Transport>, length: usize);

    /// Copies bytes that are in memory already, as if they had been read. What comes when
    /// [`get_buffer`](Self::get_buffer) is empty is dropped; returns how many bytes were copied.
    fn copy_in(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) -> usize {
        let mut copied = 0;
        while copied < data.len() {
            let buffer = self.get_buffer();
            let length = buffer.len().min(data.len() - copied);
            if length == 0 {
                break;
            }
            buffer[..length].copy_from_slice(&data[copied..copied + length]);
            copied += length;
            self.buffer_updated(transport, length);
        }
        copied
    }
}
