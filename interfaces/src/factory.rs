//! Makes a protocol for each connection; Twisted's `IProtocolFactory`.
//!
//! Invariant: `do_start` comes before the first `build_protocol` of a port, and `do_stop` after its
//! last.

use alloc::borrow::Cow;
use alloc::rc::Rc;
use core::task::{Poll, Waker};

use deferred::Failure;

use crate::{Address, Deliver, short_type_name};

/// Makes a running protocol for each connection; shared by the ports and attempts that use it.
///
/// Write a closure and give it to `protocol::factory_fn` instead of implementing this, unless you
/// write a layer: a layer's factory wraps another factory, which it names in [`wrapped`](Self::wrapped).
pub trait Factory {
    /// Makes the protocol for an established connection to or from `peer`; `None` refuses it, and the
    /// connection is closed. Called once for each connection, before its `connection_made`.
    #[doc(alias = "buildProtocol")]
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>>;

    /// The factory that a layer's factory wraps: the methods below pass on to it unless they are overridden.
    /// Default none.
    fn wrapped(&self) -> Option<&dyn Factory> {
        None
    }

    /// Whether there is a place for another connection. Called by a port before it accepts one; while the
    /// answer is `Pending` it accepts none, and its clients wait in the kernel's queue. `on_the_way` is the
    /// number of connections that were accepted and for which no protocol is built yet, as a port of several
    /// threads may have some. The factory that answers `Pending` keeps a clone of `waker`, and wakes it, on any
    /// thread, when there may be a place.
    ///
    /// A port that cannot wait does not ask, so `build_protocol` is called also for a connection for which
    /// there is no place.
    ///
    /// # Differences from Twisted
    ///
    /// Twisted's ports know no limit but that of descriptors; its policies accept and close.
    fn poll_ready(&self, on_the_way: usize, waker: &Waker) -> Poll<()> {
        self.wrapped().map_or(Poll::Ready(()), |factory| factory.poll_ready(on_the_way, waker))
    }

    /// What logs call this factory. Default the name of its type, or that of the factory that it wraps.
    /// Twisted's `logPrefix`.
    #[doc(alias = "logPrefix")]
    fn log_prefix(&self) -> Cow<'static, str> {
        match self.wrapped() {
            Some(factory) => factory.log_prefix(),
            None => Cow::Borrowed(short_type_name::<Self>()),
        }
    }

    /// A port or an attempt begins to use this factory. Called once for each.
    #[doc(alias = "doStart")]
    fn do_start(&self) {
        if let Some(factory) = self.wrapped() {
            factory.do_start();
        }
    }

    /// A port or an attempt no longer uses this factory. Called once for each.
    ///
    /// # Errors
    ///
    /// The failure becomes that of the `stop_listening` that caused the call.
    #[doc(alias = "doStop")]
    fn do_stop(&self) -> Result<(), Failure> {
        self.wrapped().map_or(Ok(()), Factory::do_stop)
    }
}
