//! A producer in Python as one of ours; Twisted's `IPushProducer` and `IPullProducer`.
//!
//! Invariant: an exception of a producer ends its connection, and nothing else.

use std::rc::Rc;

use interfaces::{Producer, PullProducer, PushProducer};
use pyo3::prelude::*;

use crate::connection::Connection;

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
    fn call(&self, method: &str) {
        Python::attach(|py| {
            if let Err(error) = self.producer.call_method0(py, method) {
                crate::wire::broke(self.connection.bind(py), error);
            }
        });
    }
}

impl PushProducer for PyProducer {
    fn pause_producing(&self) {
        self.call("pauseProducing");
    }

    fn resume_producing(&self) {
        self.call("resumeProducing");
    }

    fn stop_producing(&self) {
        self.call("stopProducing");
    }
}

impl PullProducer for PyProducer {
    fn resume_producing(&self) {
        self.call("resumeProducing");
    }

    fn stop_producing(&self) {
        self.call("stopProducing");
    }
}
