//! A transport as the producer of the other one.
//!
//! Invariant: its end is the joint's to decide.

use std::rc::Rc;

use interfaces::{PushProducer, Transport};

/// Pauses the reading of one side while the other one has unsent bytes.
pub(super) struct Feed(pub(super) Rc<dyn Transport>);

impl PushProducer for Feed {
    fn pause_producing(&self) {
        self.0.pause_producing();
    }

    fn resume_producing(&self) {
        self.0.resume_producing();
    }

    fn stop_producing(&self) {}
}
