//! Producers that note what they are told; Twisted's `FakeProducer`.
//!
//! Invariant: a word is noted before anything is done about it.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use interfaces::{PullProducer, PushProducer};

/// What a transport told its producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// `pause_producing`.
    Pause,
    /// `resume_producing`.
    Resume,
    /// `stop_producing`.
    Stop,
}

/// A push producer that only listens.
#[derive(Debug, Default)]
pub struct PushProbe(RefCell<Vec<Told>>);

impl PushProbe {
    /// One that was told nothing yet.
    pub fn new() -> Rc<Self> {
        Rc::default()
    }

    /// What it was told, in order.
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

/// A pull producer that does what a closure says, given how often it was asked before.
pub struct PullProbe {
    told: RefCell<Vec<Told>>,
    produce: Box<dyn Fn(usize)>,
}

impl PullProbe {
    /// One that runs `produce` each time it is asked.
    pub fn new(produce: impl Fn(usize) + 'static) -> Rc<Self> {
        Rc::new(Self { told: RefCell::default(), produce: Box::new(produce) })
    }

    /// What it was told, in order.
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
