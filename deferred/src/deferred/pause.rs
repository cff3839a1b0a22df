//! [`PauseHandle`]: holding a result back at a place of a chain; Twisted's `pause` and `unpause`.
//!
//! Invariant: a handle that is dropped leaves no pause behind.

use alloc::rc::Rc;
use core::fmt;

use super::Deferred;
use crate::chain::gate::{Gate, Hold};
use crate::chain::node::{self, Node, OutputNode, State};
use crate::chain::result_cell::Reader;
use crate::error::DeferredError;

/// Holds back what comes out of a [`Deferred`]. Made with it by [`Deferred::pausable`].
///
/// Pauses nest: two pauses need two unpauses. Dropping the handle undoes its pauses.
///
/// # Differences from Twisted
///
/// It holds the result back at the place in the chain where it was made: callbacks that were added
/// before run, those that are added after it wait. An unpause too many does nothing.
pub struct PauseHandle {
    gate: Rc<dyn Hold>,
}

impl<T: 'static, E: DeferredError> Deferred<T, E> {
    /// This Deferred, and a handle that can hold its result back, whether it is there or not.
    ///
    /// # Examples
    ///
    /// ```
    /// use ropewalk_deferred::Deferred;
    ///
    /// let (deferred, promise) = Deferred::<u32>::new();
    /// let (deferred, handle) = deferred.pausable();
    /// handle.pause();
    /// promise.callback(5);
    /// let next = deferred.add_callback(|n| Ok(n + 1));
    /// assert!(!next.is_fired());
    /// handle.unpause();
    /// assert_eq!(next.try_into_result().unwrap().unwrap(), 6);
    /// ```
    pub fn pausable(self) -> (Deferred<T, E>, PauseHandle) {
        let gate = Gate::new();
        match self.into_state() {
            State::Fired(result) => gate.cell().put(result),
            State::Pending(node) => {
                node.cell().attach(Reader::Callback(gate.clone()));
                gate.wait_for(Some(node));
            }
        }
        (Deferred::at(gate.clone()), PauseHandle { gate })
    }
}

impl PauseHandle {
    /// From now on results are held back. Twisted's `Deferred.pause`.
    ///
    /// A result that has come through already and was not taken yet is held again, so a
    /// Deferred can be paused after it has fired.
    pub fn pause(&self) {
        let pauses = self.gate.pauses();
        pauses.set(pauses.get().saturating_add(1));
        self.gate.hold();
    }

    /// Undoes one [`pause`](PauseHandle::pause). If it was the last and a result is held, the
    /// callbacks that wait for it run before this returns. Twisted's `Deferred.unpause`.
    pub fn unpause(&self) {
        let pauses = self.gate.pauses();
        match pauses.get() {
            0 => {}
            1 => {
                pauses.set(0);
                node::advance(Rc::clone(&self.gate).release());
            }
            more => pauses.set(more - 1),
        }
    }

    /// Whether results are held back now.
    pub fn is_paused(&self) -> bool {
        self.gate.pauses().get() > 0
    }
}

impl Drop for PauseHandle {
    fn drop(&mut self) {
        self.gate.pauses().set(0);
        node::advance(Rc::clone(&self.gate).release());
    }
}

impl fmt::Debug for PauseHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PauseHandle").field("pauses", &self.gate.pauses().get()).finish()
    }
}
