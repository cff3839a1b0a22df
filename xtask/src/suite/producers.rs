//! Producers that record their calls; Twisted's `FakeProducer`.
//!
//! Invariant: a call is recorded before the producer acts on it.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use interfaces::{PullProducer, PushProducer};

/// A call of a transport to its producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// `pause_producing`.
    Pause,
    /// `resume_producing`.
    Resume,
    /// `stop_producing`.
    Stop,
}

/// A push producer that only records.
#[derive(Debug, Default)]
pub struct PushProbe(RefCell<Vec<Told>>);

impl PushProbe {
    /// A producer without a record.
    pub fn new() -> Rc<Self> {
        Rc::default()
    }

    /// The calls so far, in order.
    pub fn told(&self) -> Vec<Told> {
        self.0.borrow().clone()
    }
}

impl PushProducer for PushProbe {
    fn pause_producing(&self) {
        self.0.borrow_mut().push(Told::Pause);
    }

    fn resume_producing(&self) {
        self.0.borrow_mut().push(Told::Resume);
    }

    fn stop_producing(&self) {
        self.0.borrow_mut().push(Told::Stop);
    }
}

/// A pull producer that runs a closure with the number of earlier requests.
pub struct PullProbe {
    told: RefCell<Vec<Told>>,
    produce: Box<dyn Fn(usize)>,
}

impl PullProbe {
    /// A producer that runs `produce` on each request.
    pub fn new(produce: impl Fn(usize) + 'static) -> Rc<Self> {
        Rc::new(Self { told: RefCell::default(), produce: Box::new(produce) })
    }

    /// The calls so far, in order.
    pub fn told(&self) -> Vec<Told> {
        self.told.borrow().clone()
    }
}

impl PullProducer for PullProbe {
    fn resume_producing(&self) {
        let before = self.told.borrow().len();
        self.told.borrow_mut().push(Told::Resume);
        (self.produce)(before);
    }

    fn stop_producing(&self) {
        self.told.borrow_mut().push(Told::Stop);
    }
}

impl fmt::Debug for PullProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PullProbe").field("told", &self.told.borrow()).finish_non_exhaustive()
    }
}
