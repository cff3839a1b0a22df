//! The bytes of a frame that came in several pieces.
//!
//! Invariant: a frame is cleared when the next one is asked for, so that it can be lent until then; large
//! memory is freed then, too.

use alloc::vec::Vec;
use core::mem;

/// A buffer that is larger than this, in bytes, is freed when its frame is done: idle connections keep
/// none.
const KEPT_BYTES: usize = 1024;

/// The beginning of a frame, or a frame that was lent.
#[derive(Debug, Default)]
pub(super) struct Partial {
    bytes: Vec<u8>,
    /// The frame is complete, and was lent.
    is_lent: bool,
}

impl Partial {
    pub(super) const fn new() -> Self {
        Self { bytes: Vec::new(), is_lent: false }
    }

    /// Whether no frame has begun. Drops one that was lent.
    #[inline(always)]
    pub(super) fn is_fresh(&mut self) -> bool {
        self.bytes.is_empty() || self.drop_lent()
    }

    #[inline(never)]
    fn drop_lent(&mut self) -> bool {
        let was_lent = mem::take(&mut self.is_lent);
        if was_lent {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT_BYTES);
        }
        was_lent
    }

    /// The bytes of the frame so far.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds bytes to the frame.
    pub(super) fn keep(&mut self, bytes: &[u8]) {
        self.is_lent = false;
        self.bytes.extend_from_slice(bytes);
    }

    /// Removes bytes from the end of the frame.
    pub(super) fn cut(&mut self, count: usize) {
        self.bytes.truncate(self.bytes.len().saturating_sub(count));
    }

    /// The complete frame.
    pub(super) fn lend(&mut self) -> &[u8] {
        self.is_lent = true;
        &self.bytes
    }

    /// Takes the bytes of a frame that is not complete.
    pub(super) fn take(&mut self) -> Vec<u8> {
        match mem::take(&mut self.is_lent) {
            true => {
                self.bytes.clear();
                Vec::new()
            }
            false => mem::take(&mut self.bytes),
        }
    }
}
