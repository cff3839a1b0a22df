//! [`WatchedProducer`]: a push producer that moves from one transport to another.
//!
//! Invariant: whether it is paused is known here, so that the next transport neither pauses it again nor
//! leaves it paused.

use std::cell::Cell;
use std::rc::Rc;

use interfaces::PushProducer;

/// A push producer of the protocol, as the transport below knows it before TLS.
pub(super) struct WatchedProducer {
    pub(super) producer: Rc<dyn PushProducer>,
    pub(super) paused: Cell<bool>,
}

impl PushProducer for WatchedProducer {
    fn pause_producing(&self) {
        self.paused.set(true);
        self.producer.pause_producing();
    }

    fn resume_producing(&self) {
        self.paused.set(false);
        self.producer.resume_producing();
    }

    fn stop_producing(&self) {
        self.producer.stop_producing();
    }

    fn has_finished(&self) -> bool {
        self.producer.has_finished()
    }
}
