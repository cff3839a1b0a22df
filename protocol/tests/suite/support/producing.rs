//! A consumer and a producer that note what is done with them.
//!
//! Invariant: neither does anything by itself.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use interfaces::{AlreadyProducing, Producer, PullProducer, PushProducer};
use ropewalk_protocol::producers::Consumer;

/// A consumer that notes all calls.
#[derive(Default)]
pub(crate) struct Noting {
    calls: RefCell<Vec<String>>,
    producer: RefCell<Option<Producer>>,
}

impl Noting {
    pub(crate) fn take(&self) -> Vec<String> {
        self.calls.take()
    }

    fn note(&self, call: &str) {
        self.calls.borrow_mut().push(call.into());
    }

    fn producer(&self) -> Producer {
        self.producer.borrow().clone().expect("one is registered")
    }

    pub(crate) fn resume(&self) {
        match self.producer() {
            Producer::Push(producer) => producer.resume_producing(),
            Producer::Pull(producer) => producer.resume_producing(),
        }
    }

    pub(crate) fn pause(&self) {
        match self.producer() {
            Producer::Push(producer) => producer.pause_producing(),
            Producer::Pull(_) => panic!("a pull producer is not paused"),
        }
    }

    pub(crate) fn stop(&self) {
        let producer = self.producer.take();
        producer.expect("one is registered").stop_producing();
    }
}

impl Consumer for Noting {
    fn write(&self, data: &[u8]) {
        self.note(str::from_utf8(data).expect("a text"));
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        self.note(match &producer {
            Producer::Push(_) => "register push",
            Producer::Pull(_) => "register pull",
        });
        drop(self.producer.replace(Some(producer)));
        Ok(())
    }

    fn unregister_producer(&self) {
        self.note("unregister");
    }

    fn finish(&self) {
        self.note("finish");
    }
}

/// A producer that notes all calls, and writes a number at each pull while it has some.
#[derive(Default)]
pub(crate) struct Source {
    calls: RefCell<Vec<&'static str>>,
    pub(crate) pulls_left: Cell<u32>,
    pub(crate) to: RefCell<Option<Rc<dyn Consumer>>>,
}

impl Source {
    pub(crate) fn take(&self) -> Vec<&'static str> {
        self.calls.take()
    }

    pub(crate) fn as_push(self: &Rc<Self>) -> Producer {
        Producer::Push(self.clone())
    }

    pub(crate) fn as_pull(self: &Rc<Self>) -> Producer {
        Producer::Pull(self.clone())
    }
}

impl PushProducer for Source {
    fn pause_producing(&self) {
        self.calls.borrow_mut().push("pause");
    }

    fn resume_producing(&self) {
        self.calls.borrow_mut().push("resume");
    }

    fn stop_producing(&self) {
        self.calls.borrow_mut().push("stop");
    }
}

impl PullProducer for Source {
    fn resume_producing(&self) {
        self.calls.borrow_mut().push("pull");
        let to = self.to.borrow().clone();
        if let (Some(to), 1..) = (to, self.pulls_left.get()) {
            self.pulls_left.set(self.pulls_left.get() - 1);
            to.write(self.pulls_left.get().to_string().as_bytes());
        }
    }

    fn stop_producing(&self) {
        self.calls.borrow_mut().push("stop");
    }
}
