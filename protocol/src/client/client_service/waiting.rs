//! Those who wait for a client service: for its connection, and for its stop.
//!
//! Invariant: all are taken out before the first of them is told, so one that asks again meanwhile waits
//! for the next time.

use alloc::vec::Vec;
use core::cell::RefCell;

use deferred::{Cancelled, Deferred, Failure, Promise};
use interfaces::Protocol;

use crate::ProtocolRef;

/// Those who wait for the connection.
pub(super) struct Waiters<P: Protocol> {
    waiters: RefCell<Vec<Waiter<P>>>,
}

struct Waiter<P: Protocol> {
    promise: Promise<ProtocolRef<P>>,
    /// How many failures it still bears; `None` is any number.
    failures: Option<u32>,
}

impl<P: Protocol> Waiters<P> {
    /// Adds one, and lets go of those that were cancelled.
    pub(super) fn add(&self, failures: Option<u32>) -> Deferred<ProtocolRef<P>> {
        let (connected, promise) = Deferred::new();
        let mut waiters = self.waiters.take();
        waiters.retain(|waiter| !waiter.promise.is_cancelled());
        waiters.push(Waiter { promise, failures });
        self.waiters.replace(waiters);
        connected
    }

    pub(super) fn connected(&self, protocol: &ProtocolRef<P>) {
        for waiter in self.waiters.take() {
            waiter.promise.callback(protocol.clone());
        }
    }

    /// An attempt failed; the waiters that bear no more failures are told.
    pub(super) fn failed(&self, failure: &Failure) {
        let (mut over, mut patient) = (Vec::new(), Vec::new());
        for mut waiter in self.waiters.take() {
            match waiter.failures {
                Some(0 | 1) => over.push(waiter),
                Some(failures) => {
                    waiter.failures = Some(failures - 1);
                    patient.push(waiter);
                }
                None => patient.push(waiter),
            }
        }
        self.waiters.replace(patient);
        for waiter in over {
            waiter.promise.errback(failure.clone());
        }
    }

    pub(super) fn stopped(&self) {
        for waiter in self.waiters.take() {
            waiter.promise.errback(Cancelled);
        }
    }
}

impl<P: Protocol> Default for Waiters<P> {
    fn default() -> Self {
        Self { waiters: RefCell::default() }
    }
}

/// Those who wait for the stop.
#[derive(Default)]
pub(super) struct Stopping {
    promises: RefCell<Vec<Promise<()>>>,
}

impl Stopping {
    pub(super) fn add(&self) -> Deferred<()> {
        let (stopped, promise) = Deferred::new();
        self.promises.borrow_mut().push(promise);
        stopped
    }

    pub(super) fn tell(&self) {
        for promise in self.promises.take() {
            promise.callback(());
        }
    }
}
