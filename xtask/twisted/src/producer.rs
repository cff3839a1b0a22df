//! A producer in Python as one of ours; Twisted's `IPushProducer` and `IPullProducer`.
//!
//! Invariant: an exception of a producer ends its connection, and nothing else.

use std::rc::Rc;

use interfaces::{Producer, PullProducer, PushProducer};
use pyo3::prelude::*;

use crate::connection::{Connection, ProducerState};

/// A producer, and the connection that it is registered with.
struct PyProducer {
    producer: Py<PyAny>,
    connection: Py<Connection>,
}

/// The Python object `producer` as a producer for `connection`.
pub(crate) fn producer(
    producer: Py<PyAny>,
    connection: Py<Connection>,
    streaming: bool,
) -> Producer {
    let producer = Rc::new(PyProducer { producer, connection });
    if streaming { Producer::Push(producer) } else { Producer::Pull(producer) }
}

impl PyProducer {
    /// Calls a method, of which the connection takes note first.
    fn call(&self, method: &str, state: ProducerState) {
        Python::attach(|py| {
            let connection = self.connection.bind(py);
            let call = || {
                connection.get().set_producer_state(state)?;
                self.producer.call_method0(py, method)?;
                connection.get().end_producer()
            };
            if let Err(error) = call() {
                crate::wire::broke(connection, error);
            }
        });
    }
}

impl PushProducer for PyProducer {
    fn pause_producing(&self) {
        self.call("pauseProducing", ProducerState::Paused);
    }

    fn resume_producing(&self) {
        self.call("resumeProducing", ProducerState::Pushing);
    }

    fn stop_producing(&self) {
        self.call("stopProducing", ProducerState::Stopped);
    }
}

impl PullProducer for PyProducer {
    fn resume_producing(&self) {
        self.call("resumeProducing", ProducerState::NotPushing);
    }

    fn stop_producing(&self) {
        self.call("stopProducing", ProducerState::Stopped);
    }
}
