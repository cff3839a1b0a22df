//! [`watched`]: the end of the one connection that a process was started for, also where no protocol is built for
//! it yet.
//!
//! Invariant: the Deferred fires when the last owner of the factory has let go of it.

use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;
use std::task::{Poll, Waker};

use deferred::{Deferred, Failure, Promise};
use interfaces::{Address, Deliver, Factory};

/// The factory, and a Deferred that fires when every other owner of it is gone: the endpoint of one connection
/// keeps it for as long as it may still build a protocol, as behind a PROXY header that has not come.
pub(crate) fn watched(factory: &Rc<dyn Factory>) -> (Rc<dyn Factory>, Deferred<()>) {
    let (ended, promise) = Deferred::new();
    let promise = Cell::new(Some(promise));
    (Rc::new(WatchedFactory { factory: factory.clone(), promise }), ended)
}

struct WatchedFactory {
    factory: Rc<dyn Factory>,
    promise: Cell<Option<Promise<()>>>,
}

impl Factory for WatchedFactory {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        self.factory.build_protocol(peer)
    }

    fn wrapped(&self) -> Option<&dyn Factory> {
        Some(&*self.factory)
    }

    fn poll_ready(&self, on_the_way: usize, waker: &Waker) -> Poll<()> {
        self.factory.poll_ready(on_the_way, waker)
    }

    fn log_prefix(&self) -> Cow<'static, str> {
        self.factory.log_prefix()
    }

    fn do_start(&self) {
        self.factory.do_start();
    }

    fn do_stop(&self) -> Result<(), Failure> {
        self.factory.do_stop()
    }
}

impl Drop for WatchedFactory {
    fn drop(&mut self) {
        if let Some(promise) = self.promise.take() {
            promise.callback(());
        }
    }
}
