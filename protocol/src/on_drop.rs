//! [`OnDrop`]: work that is done however a call of foreign code ends.
//!
//! Invariant: the closure is called once, also when a panic unwinds.

/// Calls its closure when it is dropped; `core::mem::forget` keeps it from that.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
