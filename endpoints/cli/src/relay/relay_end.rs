//! One of a relay's two connections: how far it is, and whether the other one feeds it.
//!
//! Invariant: it has a transport exactly while it is open, and no close waits for a producer.
//!
//! ```text
//! each end:   Waiting ──made──▶ Open ──read_ended──▶ ReadEnded ──lost──▶ Lost
//!                │                └───────────────lost─────────────────────▲
//!                └──────────────────────not connected──────────────────────┘
//! ```

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use interfaces::{Producer, Transport};

/// One of the two connections.
#[derive(Default)]
pub(super) struct End {
    transport: RefCell<Option<Rc<dyn Transport>>>,
    stage: Cell<Stage>,
    /// Whether the other connection is registered as this one's producer.
    fed: Cell<bool>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    #[default]
    Waiting,
    Open,
    ReadEnded,
    Lost,
}

impl End {
    pub(super) fn open(&self, transport: &Rc<dyn Transport>) {
        self.stage.set(Stage::Open);
        self.transport.replace(Some(transport.clone()));
    }

    pub(super) fn close(&self) -> Stage {
        let transport = self.transport.take();
        drop(transport);
        self.stage.replace(Stage::Lost)
    }

    pub(super) fn read_ended(&self) {
        self.stage.set(Stage::ReadEnded);
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage.get()
    }

    pub(super) fn transport(&self) -> Option<Rc<dyn Transport>> {
        self.transport.borrow().clone()
    }

    pub(super) fn feed_from(&self, producer: &Rc<dyn Transport>) {
        if let Some(transport) = self.transport() {
            self.fed.set(transport.register_producer(Producer::Push(producer.clone())).is_ok());
        }
    }

    fn unfeed(&self) -> Option<Rc<dyn Transport>> {
        let transport = self.transport()?;
        if self.fed.take() {
            transport.unregister_producer();
        }
        Some(transport)
    }

    /// Nothing more will be written: the end of file follows what is queued.
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

    pub(super) fn abort(&self) {
        if let Some(transport) = self.unfeed() {
            transport.abort_connection();
        }
    }
}
