//! One side of a pair as the producer of the other one.
//!
//! Invariant: it keeps neither the pair nor a transport alive.

use alloc::rc::{Rc, Weak};

use interfaces::{PushProducer, Transport};

use super::event::RelaySide;
use super::pair::RelayPair;

/// Pauses the reading of one side while the other one has unsent bytes.
pub(super) struct Feed {
    pair: Weak<RelayPair>,
    /// The side that is read.
    side: RelaySide,
}

impl Feed {
    pub(super) fn of(pair: &Rc<RelayPair>, side: RelaySide) -> Rc<dyn PushProducer> {
        Rc::new(Self { pair: Rc::downgrade(pair), side })
    }

    fn with(&self, call: impl FnOnce(&RelayPair, &Rc<dyn Transport>)) {
        if let Some(pair) = self.pair.upgrade()
            && let Some(transport) = pair.end(self.side).transport()
        {
            call(&pair, &transport);
        }
    }
}

impl PushProducer for Feed {
    fn pause_producing(&self) {
        self.with(|_, transport| transport.pause_producing());
    }

    /// The other side has taken bytes: the pair is not silent.
    fn resume_producing(&self) {
        self.with(|pair, transport| {
            pair.silence.broken();
            transport.resume_producing();
        });
    }

    /// The other side is gone, of which the pair hears by its protocol.
    fn stop_producing(&self) {}
}
