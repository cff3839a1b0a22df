//! Connections through a policy, made by hand.

use std::rc::Rc;

use interfaces::{Deliver, Event, Factory, Reason, Transport};
use ropewalk_protocol::factory_fn;
use ropewalk_protocol::testing::{Record, Recorder, StringTransport};

/// A factory whose protocols share one record.
pub(crate) fn recording(record: &Record) -> Rc<dyn Factory> {
    let record = record.clone();
    factory_fn(move |_| Recorder::new(&record).half_closeable())
}

/// One connection of a factory over a string transport.
pub(crate) struct Made {
    pub(crate) running: Rc<dyn Deliver>,
    pub(crate) wire: Rc<StringTransport>,
}

impl Made {
    /// # Panics
    ///
    /// When the factory refuses.
    pub(crate) fn by(factory: &dyn Factory) -> Self {
        let wire = StringTransport::new();
        let running = factory.build_protocol(&wire.peer()).expect("it refuses none");
        running.deliver(Event::ConnectionMade(&wire.as_transport()));
        Self { running, wire }
    }

    pub(crate) fn receive(&self, data: &[u8]) {
        self.running.deliver(Event::DataReceived(&mut data.to_owned()));
    }

    pub(crate) fn lose(&self) {
        self.running.deliver(Event::ConnectionLost(&Reason::Done));
    }
}
