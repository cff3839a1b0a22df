//! Which call fails, and how: the calls of a run are counted, and one of them, or several of its kind from
//! there on, answer an error.
//!
//! Invariant: a run without a fault is only counted.

use std::cell::{Cell, RefCell};
use std::io;

use super::call::SystemCall;

/// A fault of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The number of the call, from 0.
    pub(crate) at: usize,
    /// How many calls of its kind fail from there on.
    pub(crate) times: usize,
    pub(crate) error: i32,
}

/// Counts the calls of a run, and fails some.
#[derive(Debug, Default)]
pub(crate) struct FaultPlan {
    calls: RefCell<Vec<SystemCall>>,
    fault: Cell<Option<Fault>>,
    failed: Cell<Option<(SystemCall, usize)>>,
    is_over: Cell<bool>,
}

impl FaultPlan {
    pub(crate) fn new(fault: Option<Fault>) -> Self {
        Self { fault: Cell::new(fault), ..Self::default() }
    }

    /// The calls that were made so far.
    pub(crate) fn calls(&self) -> Vec<SystemCall> {
        self.calls.borrow().clone()
    }

    /// The kind of the call that failed, and how often it did.
    pub(crate) fn failed(&self) -> Option<(SystemCall, usize)> {
        self.failed.get()
    }

    /// No call fails or is counted from now on.
    pub(crate) fn end(&self) {
        self.is_over.set(true);
    }

    /// Counts a call.
    ///
    /// # Errors
    ///
    /// The one that this call is to answer.
    pub(crate) fn check(&self, call: SystemCall) -> io::Result<()> {
        if self.is_over.get() {
            return Ok(());
        }
        let number = self.calls.borrow().len();
        self.calls.borrow_mut().push(call);
        let Some(fault) = self.fault.get() else { return Ok(()) };
        let (kind, count) = match self.failed.get() {
            None if number == fault.at => (call, 0),
            Some((kind, count)) if kind == call && count < fault.times => (kind, count),
            None | Some(_) => return Ok(()),
        };
        self.failed.set(Some((kind, count + 1)));
        Err(io::Error::from_raw_os_error(fault.error))
    }
}
