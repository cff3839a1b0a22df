//! Time limits around any protocol; Twisted's `TimeoutFactory`.
//!
//! Invariant: a limit that is `None` sets no timer.

use alloc::rc::Rc;
use core::cell::Cell;
use core::fmt;
use core::time::Duration;

use interfaces::{Address, Deliver, Factory, KeepAliveTimes, ReactorTime};

use super::time_limits::TimeLimits;
use crate::layer::WrappingFactory;

/// Ends the connections of a factory whose peers keep a server waiting. Such a connection is aborted,
/// and its protocol hears [`Reason::TimedOut`](interfaces::Reason::TimedOut) with the deadline.
///
/// # Differences from Twisted
///
/// - Twisted's closes in order, which waits for a peer that does not read, and for a producer.
/// - A first byte has a limit of its own.
/// - The limits begin when the connection is made; Twisted's when its protocol is built.
/// - The default is 5 minutes, and half an hour in Twisted.
pub struct TimeoutFactory {
    wrapping: Rc<WrappingFactory<TimeLimits>>,
    context: Rc<TimeoutContext>,
}

/// The clock and the limits, which all connections of one factory share.
pub(super) struct TimeoutContext {
    pub(super) clock: Rc<dyn ReactorTime>,
    pub(super) timeouts: Timeouts,
    /// The limit on the silence of a connection while the server drains.
    pub(super) draining: Cell<Option<Duration>>,
}

/// Ends the silent connections of a [`TimeoutFactory`], for a server that is about to stop; a clone is
/// the same.
#[derive(Clone)]
pub struct DrainHandle {
    wrapping: Rc<WrappingFactory<TimeLimits>>,
    context: Rc<TimeoutContext>,
}

impl DrainHandle {
    /// Closes each connection, those made later too, once nothing was received or written on it for
    /// `silence`: in order, so its peer gets all that was written; a producer is
    /// unregistered. A peer that takes nothing of that, nor says goodbye over TLS, is aborted when the
    /// same silence has passed once more; one whose TLS handshake is not done, at once. It replaces
    /// [`Timeouts::idle`].
    pub fn drain(&self, silence: Duration) {
        self.context.draining.set(Some(silence));
        for connection in self.wrapping.connections() {
            connection.layer().drain(&connection, silence);
        }
    }

    /// Closes every connection now, as [`drain`](Self::drain) does, silent or not. Called before the
    /// reactor is stopped, so that a layer such as TLS can say goodbye.
    pub fn stop(&self) {
        for connection in self.wrapping.connections() {
            connection.layer().close(&connection);
        }
    }
}

/// The time limits of a [`TimeoutFactory`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// How long a peer may take to send its first byte. `None` is no limit, as for a protocol whose
    /// client has nothing to say. Default 30 s.
    pub first_byte: Option<Duration>,
    /// How long nothing may be received or written; noticed at most a quarter of it later. Twisted's
    /// `timeoutPeriod`. Default 5 minutes.
    pub idle: Option<Duration>,
    /// How long a connection may last, whatever passes on it. Default: no limit.
    pub total: Option<Duration>,
    /// When a silent peer is probed, so that one that has vanished is noticed, on TCP; `None` leaves
    /// the option of the socket alone. Default: after 60 s, then four times 15 s apart.
    pub keep_alive: Option<KeepAliveTimes>,
}

impl Timeouts {
    /// With another [`first_byte`](Self::first_byte).
    #[must_use]
    pub fn with_first_byte(mut self, first_byte: Option<Duration>) -> Self {
        self.first_byte = first_byte;
        self
    }

    /// With another [`idle`](Self::idle).
    #[must_use]
    pub fn with_idle(mut self, idle: Option<Duration>) -> Self {
        self.idle = idle;
        self
    }

    /// With another [`total`](Self::total) time.
    #[must_use]
    pub fn with_total(mut self, total: Option<Duration>) -> Self {
        self.total = total;
        self
    }

    /// With other [`keep_alive`](Self::keep_alive) times.
    #[must_use]
    pub fn with_keep_alive(mut self, keep_alive: Option<KeepAliveTimes>) -> Self {
        self.keep_alive = keep_alive;
        self
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            first_byte: Some(Duration::from_secs(30)),
            idle: Some(Duration::from_secs(5 * 60)),
            total: None,
            keep_alive: Some(KeepAliveTimes::default()),
        }
    }
}

impl TimeoutFactory {
    /// The default limits around the protocols of `factory`.
    pub fn new(factory: Rc<dyn Factory>, clock: impl ReactorTime + 'static) -> Self {
        Self::with_timeouts(factory, clock, Timeouts::default())
    }

    /// These limits around the protocols of `factory`.
    pub fn with_timeouts(
        factory: Rc<dyn Factory>,
        clock: impl ReactorTime + 'static,
        timeouts: Timeouts,
    ) -> Self {
        let context = TimeoutContext { clock: Rc::new(clock), timeouts, draining: Cell::new(None) };
        let context = Rc::new(context);
        let shared = context.clone();
        let wrapping = WrappingFactory::new(factory, move |_peer| TimeLimits::new(shared.clone()));
        Self { wrapping: Rc::new(wrapping), context }
    }

    /// The handle that ends the silent connections. A server that stops calls it beside closing its
    /// ports.
    pub fn drain_handle(&self) -> DrainHandle {
        DrainHandle { wrapping: self.wrapping.clone(), context: self.context.clone() }
    }

    /// Done: what endpoints take.
    pub fn into_rc(self) -> Rc<dyn Factory> {
        Rc::new(self)
    }
}

impl Factory for TimeoutFactory {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        self.wrapping.build_protocol(peer)
    }

    fn wrapped(&self) -> Option<&dyn Factory> {
        self.wrapping.wrapped()
    }
}

impl fmt::Debug for TimeoutFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeoutFactory")
            .field("timeouts", &self.context.timeouts)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for DrainHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DrainHandle").finish_non_exhaustive()
    }
}
