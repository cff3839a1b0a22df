//! A pull producer that records its calls; Twisted's `FakeProducer`.
//!
//! Invariant: a call is recorded before the producer acts on it.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use interfaces::PullProducer;
use protocol::testing::ProducerCall;

/// A pull producer that runs a closure with the number of earlier requests.
pub struct PullProbe {
    calls: RefCell<Vec<ProducerCall>>,
    produce: Box<dyn Fn(usize)>,
}

impl PullProbe {
    /// A producer that runs `produce` on each request.
    pub fn new(produce: impl Fn(usize) + 'static) -> Rc<Self> {
        Rc::new(Self { calls: RefCell::default(), produce: Box::new(produce) })
    }

    /// The calls so far, in order.
    pub fn calls(&self) -> Vec<ProducerCall> {
        self.calls.borrow().clone()
    }
}

impl PullProducer for PullProbe {
    fn resume_producing(&self) {
        let before = self.calls.borrow().len();
        self.calls.borrow_mut().push(ProducerCall::Resume);
        (self.produce)(before);
    }

    fn stop_producing(&self) {
        self.calls.borrow_mut().push(ProducerCall::Stop);
    }
}

impl fmt::Debug for PullProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PullProbe").field("calls", &self.calls.borrow()).finish_non_exhaustive()
    }
}
