//! What the reactor tells an operator, in Twisted's log.
//!
//! Invariant: an event becomes one line at the most, and an error of the log ends here.

use interfaces::{Observer, ReactorEvent};
use pyo3::intern;
use pyo3::prelude::*;

/// Twisted's `twisted.python.log`.
pub(crate) struct TwistedLog;

/// The line of an event. What begins and ends in order, the classes in Python tell themselves.
fn line(event: &ReactorEvent<'_>) -> Option<String> {
    match event {
        ReactorEvent::AcceptFailed { address, error, remedy } => {
            Some(format!("could not accept a connection on {address}: {error}; {remedy}"))
        }
        ReactorEvent::CallbackPanicked { callback, message, .. } => {
            Some(format!("a {callback} has panicked: {message}"))
        }
        ReactorEvent::Failed { attempt, error } => Some(format!("could not {attempt}: {error}")),
        _ => None,
    }
}

impl Observer for TwistedLog {
    fn observe(&self, event: &ReactorEvent<'_>) {
        let Some(line) = line(event) else { return };
        Python::attach(|py| {
            let log = py.import(intern!(py, "twisted.python.log"));
            let told = log.and_then(|log| log.call_method1(intern!(py, "msg"), (line,)));
            if let Err(error) = told {
                error.write_unraisable(py, None);
            }
        });
    }
}
