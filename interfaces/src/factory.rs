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
/// write a layer: a layer's factory wraps another factory.
pub trait Factory {
    /// Makes the protocol for an established connection to or from `peer`; `None` refuses it, and the
    /// connection is closed. Called once for each connection, before its `connection_made`.
    #[doc(alias = "buildProtocol")]
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>>;

    /// Whether there is a place for another connection. Called by a port before it accepts one; while the
    /// answer is `Pending` it accepts none, and its clients wait in the kernel's queue. `on_the_way` is the
    /// number of connections that were accepted and for which no protocol is built yet, as a port of several
    /// threads may have some. The factory that answers `Pending` keeps a clone of `waker`, and wakes it, on any
    /// thread, when there may be a place.
    ///
    /// A port that cannot wait does not ask, so `build_protocol` is called also for a connection for which
    /// there is no place. A layer passes on the answer of the factory that it wraps.
    ///
    /// # Differences from Twisted
    ///
    /// Twisted's ports know no limit but that of descriptors; its policies accept and close.
    fn poll_ready(&self, on_the_way: usize, waker: &Waker) -> Poll<()> {
        let _ = (on_the_way, waker);
        Poll::Ready(())
    }

    /// What logs call this factory. Default the name of its type; a layer passes on that of the factory
    /// that it wraps. Twisted's `logPrefix`.
    #[doc(alias = "logPrefix")]
    fn log_prefix(&self) -> Cow<'static, str> {
        Cow::Borrowed(short_type_name::<Self>())
    }

    /// A port or an attempt begins to use this factory. Called once for each.
    #[doc(alias = "doStart")]
    fn do_start(&self) {}

    /// A port or an attempt no longer uses this factory. Called once for each.
    ///
    /// # Errors
    ///
    /// The failure becomes that of the `stop_listening` that caused the call.
    #[doc(alias = "doStop")]
    fn do_stop(&self) -> Result<(), Failure> {
        Ok(())
    }
}
