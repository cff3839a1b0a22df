//! The wait for the first client of any port, which stays in the kernel's queue.
//!
//! Invariant: no connection is accepted.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Poll, Waker};

use deferred::{Deferred, Promise};
use interfaces::{Address, Deliver, Factory};

/// The factory of ports that only wait: it never has a place.
pub(crate) struct FirstClient {
    promise: RefCell<Option<Promise<()>>>,
}

impl FirstClient {
    /// The factory, and what fires when a port has a client.
    pub(crate) fn new() -> (Rc<Self>, Deferred<()>) {
        let (came, promise) = Deferred::new();
        (Rc::new(Self { promise: RefCell::new(Some(promise)) }), came)
    }
}

impl Factory for FirstClient {
    fn build_protocol(&self, _: &Address) -> Option<Rc<dyn Deliver>> {
        None
    }

    /// A port asks when a client waits.
    fn poll_ready(&self, _: usize, _: &Waker) -> Poll<()> {
        let promise = self.promise.take();
        if let Some(promise) = promise {
            promise.callback(());
        }
        Poll::Pending
    }
}
