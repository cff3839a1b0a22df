//! One of the two transports of a [`Joint`](super::Joint), and whether the other one is its producer.
//!
//! Invariant: a producer is unregistered once, and before each close, which would wait for it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use interfaces::{Producer, PushProducer, Transport};

/// One side.
#[derive(Default)]
pub(super) struct JointEnd {
    transport: RefCell<Option<Rc<dyn Transport>>>,
    fed: Cell<bool>,
}

impl JointEnd {
    pub(super) fn open(&self, transport: &Rc<dyn Transport>) {
        self.transport.replace(Some(transport.clone()));
    }

    pub(super) fn transport(&self) -> Option<Rc<dyn Transport>> {
        self.transport.borrow().clone()
    }

    pub(super) fn is_open(&self) -> bool {
        self.transport.borrow().is_some()
    }

    /// The transport is gone.
    pub(super) fn lost(&self) {
        let transport = self.transport.take();
        drop(transport);
    }

    pub(super) fn write(&self, data: &[u8]) {
        if let Some(transport) = self.transport() {
            transport.write(data);
        }
    }

    /// Makes the other side's transport the producer of this one.
    pub(super) fn feed_from(&self, other: &Rc<dyn Transport>) {
        if let Some(transport) = self.transport() {
            let producer = Producer::Push(Rc::new(Feed(other.clone())));
            self.fed.set(transport.register_producer(producer).is_ok());
        }
    }

    /// The other side brings no more.
    pub(super) fn unfeed(&self) -> Option<Rc<dyn Transport>> {
        let transport = self.transport()?;
        if self.fed.take() {
            transport.unregister_producer();
        }
        Some(transport)
    }

    /// Closes this direction behind its bytes, or all where there is no half.
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

/// A transport as the producer of the other one. Its end is the joint's to decide.
struct Feed(Rc<dyn Transport>);

impl PushProducer for Feed {
    fn pause_producing(&self) {
        self.0.pause_producing();
    }

    fn resume_producing(&self) {
        self.0.resume_producing();
    }

    fn stop_producing(&self) {}
}
