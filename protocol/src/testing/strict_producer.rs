//! [`StrictProducer`]: a push producer that holds its consumer to the contract; Twisted's `StrictPushProducer`.
//!
//! Invariant: a call is recorded before it is judged.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use interfaces::{Producer, PushProducer};

/// A call of a consumer to its producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProducerCall {
    /// `pause_producing`.
    Pause,
    /// `resume_producing`.
    Resume,
    /// `stop_producing`.
    Stop,
}

/// A push producer that records the calls of its consumer, and panics at one that [`PushProducer`] does not allow:
/// a pause while it is paused, a resume while it is not, and any call after a stop. To test a transport or a
/// consumer with; what it is to produce the test writes itself.
///
/// ```
/// # use ropewalk_protocol as protocol;
/// use interfaces::{BufferLimits, Transport};
/// use protocol::ProtocolRef;
/// use protocol::testing::memory::Pair;
/// use protocol::testing::{ProducerCall, Record, Recorder, StrictProducer};
///
/// let protocols = [(); 2].map(|()| ProtocolRef::new(Recorder::new(&Record::new())));
/// let pair = Pair::new(protocols[0].as_deliver(), protocols[1].as_deliver());
/// let (transport, producer) = (pair.client(), StrictProducer::new());
/// transport.register_producer(producer.as_producer())?;
/// transport.write(&vec![b'x'; BufferLimits::default().high_water + 1]);
/// assert_eq!(producer.calls(), [ProducerCall::Pause]);
/// pair.flush();
/// assert_eq!(producer.calls(), [ProducerCall::Pause, ProducerCall::Resume]);
/// # Ok::<(), interfaces::AlreadyProducing>(())
/// ```
#[derive(Debug, Default)]
pub struct StrictProducer {
    calls: RefCell<Vec<ProducerCall>>,
    is_paused: Cell<bool>,
    has_stopped: Cell<bool>,
}

impl StrictProducer {
    /// A producer that produces.
    pub fn new() -> Rc<Self> {
        Rc::default()
    }

    /// What a consumer registers.
    pub fn as_producer(self: &Rc<Self>) -> Producer {
        Producer::Push(self.clone())
    }

    /// The calls so far, in order.
    pub fn calls(&self) -> Vec<ProducerCall> {
        self.calls.borrow().clone()
    }

    /// Whether it is to wait.
    pub fn is_paused(&self) -> bool {
        self.is_paused.get()
    }

    fn record(&self, call: ProducerCall) {
        self.calls.borrow_mut().push(call);
        assert!(!self.has_stopped.get(), "the producer was stopped before: {:?}", self.calls());
    }
}

impl PushProducer for StrictProducer {
    fn pause_producing(&self) {
        self.record(ProducerCall::Pause);
        assert!(!self.is_paused.replace(true), "it was paused before: {:?}", self.calls());
    }

    fn resume_producing(&self) {
        self.record(ProducerCall::Resume);
        assert!(self.is_paused.replace(false), "it was not paused: {:?}", self.calls());
    }

    fn stop_producing(&self) {
        self.record(ProducerCall::Stop);
        self.has_stopped.set(true);
    }
}
