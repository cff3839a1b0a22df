//! One of a pair's two connections: its stage, and whether the other one is its producer.
//!
//! Invariant: it has a transport exactly in the stages Open and ReadEnded, and each close unregisters
//! the producer first, so that it does not wait for it.
//!
//! ```text
//! each end:   Waiting ──made──▶ Open ──read_ended──▶ ReadEnded ──lost──▶ Lost
//!                │                └───────────────lost─────────────────────▲
//!                └──────────────────────not connected──────────────────────┘
//! ```

use alloc::rc::Rc;
use core::cell::{Cell, RefCell};

use interfaces::{Producer, PushProducer, Transport};

/// One of the two connections of a pair.
#[derive(Default)]
pub(super) struct RelayEnd {
    transport: RefCell<Option<Rc<dyn Transport>>>,
    stage: Cell<EndStage>,
    /// Whether the other connection is registered as this one's producer.
    fed: Cell<bool>,
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
        self.transport.replace(Some(transport.clone()));
    }

    /// Returns the stage before.
    pub(super) fn close(&self) -> EndStage {
        let transport = self.transport.take();
        drop(transport);
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

    #[inline(always)]
    pub(super) fn transport(&self) -> Option<Rc<dyn Transport>> {
        self.transport.borrow().clone()
    }

    pub(super) fn feed_from(&self, producer: Rc<dyn PushProducer>) {
        if let Some(transport) = self.transport() {
            self.fed.set(transport.register_producer(Producer::Push(producer)).is_ok());
        }
    }

    fn unfeed(&self) -> Option<Rc<dyn Transport>> {
        let transport = self.transport()?;
        if self.fed.take() {
            transport.unregister_producer();
        }
        Some(transport)
    }

    /// Sends the end of file after the queued bytes.
    pub(super) fn end_writing(&self) {
        if let Some(transport) = self.unfeed() {
            match transport.as_half_closeable() {
                Some(half_closeable) => half_closeable.lose_write_connection(),
                None => transport.lose_connection(),
            }
        }
    }

    pub(super) fn lose(&self) {
        if let Some(transport) = self.unfeed() {
            transport.lose_connection();
        }
    }

    /// Sends what is queued, and then a reset.
    pub(super) fn lose_with_reset(&self) {
        if let Some(transport) = self.unfeed() {
            transport.lose_connection_with_reset();
        }
    }

    pub(super) fn abort(&self) {
        if let Some(transport) = self.unfeed() {
            transport.abort_connection();
        }
    }
}
