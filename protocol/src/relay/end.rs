//! One of a pair's two connections: its stage.
//!
//! Invariant: it has a transport exactly in the stages Open and ReadEnded.
//!
//! ```text
//! each end:   Waiting ──made──▶ Open ──read_ended──▶ ReadEnded ──lost──▶ Lost
//!                │                └───────────────lost─────────────────────▲
//!                └──────────────────────not connected──────────────────────┘
//! ```

use alloc::rc::Rc;
use core::cell::Cell;
use core::ops::Deref;

use interfaces::Transport;

use super::consumer_slot::ConsumerSlot;

/// One of the two connections of a pair.
#[derive(Default)]
pub(super) struct RelayEnd {
    slot: ConsumerSlot,
    stage: Cell<EndStage>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum EndStage {
    #[default]
    Waiting,
    Open,
    ReadEnded,
    Lost,
}

impl RelayEnd {
    pub(super) fn open(&self, transport: &Rc<dyn Transport>) {
        self.stage.set(EndStage::Open);
        self.slot.fill(transport);
    }

    /// Returns the stage before.
    pub(super) fn close(&self) -> EndStage {
        self.slot.clear();
        self.stage.replace(EndStage::Lost)
    }

    pub(super) fn read_ended(&self) {
        self.stage.set(EndStage::ReadEnded);
    }

    pub(super) fn stage(&self) -> EndStage {
        self.stage.get()
    }

    /// Whether bytes may come from this side and go to it. Of a connection that broke while it was paused
    /// its protocol has not heard.
    pub(super) fn is_open(&self) -> bool {
        let is_broken = || self.transport().is_some_and(|transport| transport.is_broken());
        self.stage() == EndStage::Open && !is_broken()
    }
}

impl Deref for RelayEnd {
    type Target = ConsumerSlot;

    #[inline(always)]
    fn deref(&self) -> &ConsumerSlot {
        &self.slot
    }
}
