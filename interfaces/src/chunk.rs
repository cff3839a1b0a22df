//! A piece of bytes that a transport owns after `write_sequence`, without copying it.
//!
//! Invariant: the bytes of a chunk do not change after its construction.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::ops::Deref;

/// Bytes that a transport takes over: owned, shared between connections, or static.
///
/// A server that sends one message to a thousand peers makes one `Rc<[u8]>` and hands a clone of
/// it to each.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Chunk {
    /// Owned by the chunk.
    Owned(Vec<u8>),
    /// Shared: a clone costs a reference count.
    Shared(Rc<[u8]>),
    /// Compiled into the program.
    Static(&'static [u8]),
}

impl Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Shared(bytes) => bytes,
            Self::Static(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl From<Vec<u8>> for Chunk {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Owned(bytes)
    }
}

impl From<Box<[u8]>> for Chunk {
    fn from(bytes: Box<[u8]>) -> Self {
        Self::Owned(bytes.into_vec())
    }
}

impl From<Rc<[u8]>> for Chunk {
    fn from(bytes: Rc<[u8]>) -> Self {
        Self::Shared(bytes)
    }
}

impl From<&'static [u8]> for Chunk {
    fn from(bytes: &'static [u8]) -> Self {
        Self::Static(bytes)
    }
}

impl<const N: usize> From<&'static [u8; N]> for Chunk {
    fn from(bytes: &'static [u8; N]) -> Self {
        Self::Static(bytes)
    }
}
