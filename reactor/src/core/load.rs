//! [`Load`]: the number of a reactor's streams, where the other reactors of a group read it.
//!
//! Invariant: it changes when a stream begins or ends, and at no other event of a connection.

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of streams; absent from a reactor that is in no group.
#[derive(Default)]
pub(crate) struct Load(OnceCell<StreamCount>);

/// A number of streams that several threads read and change. It orders no other memory.
#[derive(Clone, Default)]
pub(crate) struct StreamCount(Arc<AtomicUsize>);

impl Load {
    /// Counts in `count` from now on; a second call changes nothing.
    pub(crate) fn count_in(&self, count: StreamCount) {
        // The first one is kept.
        let _ = self.0.set(count);
    }

    /// A stream begins.
    pub(crate) fn opened(&self) {
        if let Some(count) = self.0.get() {
            count.add();
        }
    }

    /// A stream has ended.
    pub(crate) fn closed(&self) {
        if let Some(count) = self.0.get() {
            count.subtract();
        }
    }
}

impl StreamCount {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}
