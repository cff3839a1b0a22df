//! [`RateLimitFactory`]: a limit on the bytes a second of each connection, in each direction.
//!
//! Invariant: a connection without bytes beyond its rate has no timer.

use alloc::rc::Rc;
use core::cell::Cell;
use core::fmt;

use interfaces::{Address, Deliver, Factory, ReactorTime};

use super::rate_limit::RateLimit;
use crate::layer::WrappingFactory;

/// Holds each connection of a factory to a number of bytes a second, each way for itself: reading pauses, and so
/// does the producer that writes. The bytes of a tenth of a second pass at once after a silence.
///
/// A read has up to 64 KiB, which are paid for afterwards, so at a small rate bytes come in bursts, and the rate
/// holds over several of them. Writes without a producer pass at once, and are paid for, too. Bytes of TLS
/// count as the protocol reads and writes them, if it is below.
///
/// ```
/// # use ropewalk_protocol as protocol;
/// # use protocol::testing::Clock;
/// use protocol::policies::RateLimitFactory;
/// use protocol::wire::Echo;
///
/// let clock = Clock::new(); // a server's is its reactor
/// let factory = RateLimitFactory::new(protocol::factory_fn(|_| Echo), clock, 1 << 20).into_rc();
/// # drop(factory);
/// ```
///
/// # Differences from Twisted
///
/// [`ThrottlingFactory`](super::ThrottlingFactory) is Twisted's, whose limit is one for all connections together,
/// and is looked at once a second.
#[derive(Clone)]
pub struct RateLimitFactory {
    wrapping: Rc<WrappingFactory<RateLimit>>,
    context: Rc<RateContext>,
}

/// The clock and the rate, which all connections of one factory share.
pub(super) struct RateContext {
    pub(super) clock: Rc<dyn ReactorTime>,
    rate: u64,
    is_lifted: Cell<bool>,
}

impl RateContext {
    /// Bytes a second, while there is a limit.
    pub(super) fn rate(&self) -> Option<u64> {
        (!self.is_lifted.get()).then_some(self.rate)
    }
}

impl RateLimitFactory {
    /// At most `rate` bytes a second each way; 0 counts as 1.
    pub fn new(factory: Rc<dyn Factory>, clock: impl ReactorTime + 'static, rate: u64) -> Self {
        let is_lifted = Cell::new(false);
        let context = Rc::new(RateContext { clock: Rc::new(clock), rate: rate.max(1), is_lifted });
        let shared = context.clone();
        let wrapping = WrappingFactory::new(factory, move |_| RateLimit::new(shared.clone()));
        Self { wrapping: Rc::new(wrapping), context }
    }

    /// Ends the limit, for the connections that stand and those that come. Called by a server that is about
    /// to stop, so that what waits is sent while there is time.
    pub fn lift(&self) {
        self.context.is_lifted.set(true);
        self.wrapping.connections().iter().for_each(|connection| connection.layer().lift());
    }

    /// Done: what endpoints take.
    pub fn into_rc(self) -> Rc<dyn Factory> {
        Rc::new(self)
    }
}

impl Factory for RateLimitFactory {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        self.wrapping.build_protocol(peer)
    }

    fn wrapped(&self) -> Option<&dyn Factory> {
        self.wrapping.wrapped()
    }
}

impl fmt::Debug for RateLimitFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitFactory").field("rate", &self.context.rate).finish_non_exhaustive()
    }
}
