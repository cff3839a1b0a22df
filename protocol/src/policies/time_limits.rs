//! The time limits of one connection; Twisted's `TimeoutProtocol`.
//!
//! Invariant: after `connection_lost` no timer is pending, and a deadline that has passed is the reason
//! that the protocol hears.

use alloc::boxed::Box;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::fmt;
use core::time::Duration;

use interfaces::{
    AlreadyProducing, Chunk, Deadline, DelayedCall, Deliver, Event, Producer, Query, Reason,
    Transport,
};

use super::Silence;
use super::orderly_close::OrderlyClose;
use super::timeout_factory::TimeoutContext;
use crate::layer::{Layer, LayerTransport};

/// The limits on the peer of one connection.
pub(super) struct TimeLimits {
    context: Rc<TimeoutContext>,
    silence: Silence,
    first_byte: RefCell<Option<DelayedCall>>,
    total: RefCell<Option<DelayedCall>>,
    passed: Cell<Option<Deadline>>,
    orderly: OrderlyClose,
    /// It was closed because the server drains.
    is_closing: Cell<bool>,
}

/// The limits on one connection as its protocol may change them, at any time; Twisted's `TimeoutProtocol` as
/// the transport of the protocol above it.
///
/// ```
/// # use ropewalk_protocol as protocol;
/// # use std::{rc::Rc, time::Duration};
/// # use interfaces::{Protocol, Transport};
/// use protocol::policies::TimeoutHandle;
///
/// /// Logged in, it may be silent for an hour.
/// struct Chat;
///
/// impl Protocol for Chat {
///     fn data_received(&mut self, transport: &Rc<dyn Transport>, _password: &[u8]) {
///         if let Some(timeout) = transport.query::<TimeoutHandle>() {
///             timeout.set_timeout(Some(Duration::from_secs(3600)));
///         }
///     }
/// }
/// ```
///
/// Got with [`query`](trait.Transport.html#method.query), through any number of layers; of two factories
/// with limits the inner one's. It keeps nothing alive, and does nothing once the connection is lost.
#[derive(Clone)]
pub struct TimeoutHandle {
    link: Weak<LayerTransport<TimeLimits>>,
}

impl TimeoutHandle {
    /// Sets another limit on silence, which begins now; `None` is no limit. A server that drains keeps its
    /// own.
    #[doc(alias = "setTimeout")]
    pub fn set_timeout(&self, limit: Option<Duration>) {
        if let Some(link) = self.link.upgrade() {
            link.layer().limit_silence(&link, limit);
        }
    }

    /// Sets no limit any more, neither on silence nor on the time to the first byte; what is read or written
    /// later brings none back.
    #[doc(alias = "cancelTimeout")]
    pub fn cancel_timeout(&self) {
        if let Some(link) = self.link.upgrade() {
            link.layer().cancel_first_byte();
            link.layer().limit_silence(&link, None);
        }
    }
}

impl fmt::Debug for TimeoutHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeoutHandle").finish_non_exhaustive()
    }
}

impl TimeLimits {
    pub(super) fn new(context: Rc<TimeoutContext>) -> Self {
        Self {
            silence: Silence::new(context.clock.clone()),
            context,
            first_byte: RefCell::default(),
            total: RefCell::default(),
            passed: Cell::new(None),
            orderly: OrderlyClose::default(),
            is_closing: Cell::new(false),
        }
    }

    fn connection_made(&self, link: &LayerTransport<Self>) {
        let timeouts = &self.context.timeouts;
        let tcp = link.below().and_then(|below| below.as_tcp());
        if let (Some(times), Some(tcp)) = (timeouts.keep_alive, tcp) {
            tcp.set_tcp_keep_alive_times(times);
        }
        let later = |limit, deadline| self.later(link, limit, deadline);
        self.first_byte.replace(timeouts.first_byte.map(|limit| later(limit, Deadline::FirstByte)));
        self.total.replace(timeouts.total.map(|limit| later(limit, Deadline::Total)));
        self.limit_silence(link, timeouts.idle);
    }

    fn later(
        &self,
        link: &LayerTransport<Self>,
        limit: Duration,
        deadline: Deadline,
    ) -> DelayedCall {
        let link = link.downgrade();
        let pass = move || link.upgrade().into_iter().for_each(|it| it.layer().pass(&it, deadline));
        self.context.clock.call_later(limit, Box::new(pass))
    }

    /// The silence that is too long from here on, unless the server drains.
    fn limit_silence(&self, link: &LayerTransport<Self>, limit: Option<Duration>) {
        match self.context.draining.get().or(limit) {
            Some(limit) => self.silence.watch(limit, Self::look(link)),
            None => self.silence.stop(),
        }
    }

    fn look(link: &LayerTransport<Self>) -> impl FnOnce() + 'static {
        let link = link.downgrade();
        move || {
            let Some(link) = link.upgrade() else { return };
            let silence = &link.layer().silence;
            if silence.is_over(|| link.undelivered_bytes()) {
                link.layer().silent(&link);
            } else {
                silence.look_again(Self::look(&link));
            }
        }
    }

    /// The server stops soon: from here on this silence is too long.
    pub(super) fn drain(&self, link: &LayerTransport<Self>, silence: Duration) {
        self.silence.watch(silence, Self::look(link));
    }

    /// Nothing has passed for as long as is allowed.
    fn silent(&self, link: &LayerTransport<Self>) {
        let Some(silence) = self.context.draining.get() else {
            return self.pass(link, Deadline::Idle);
        };
        if self.is_closing.replace(true) {
            // It takes nothing, or does not answer the goodbye of its layer.
            return link.abort_connection();
        }
        self.silence.watch(silence, Self::look(link));
        self.close(link);
    }

    /// The server is done with this connection. Closes in order, without waiting for a producer to be done.
    pub(super) fn close(&self, link: &LayerTransport<Self>) {
        self.orderly.close(link);
    }

    /// The first deadline that passes counts.
    fn pass(&self, link: &LayerTransport<Self>, deadline: Deadline) {
        if self.passed.get().is_none() {
            self.passed.set(Some(deadline));
            link.abort_connection();
        }
    }

    fn cancel_first_byte(&self) {
        cancel(&self.first_byte);
    }
}

fn cancel(call: &RefCell<Option<DelayedCall>>) {
    let call = call.take();
    if let Some(call) = call {
        // One that has run is not pending.
        let _ = call.cancel();
    }
}

impl Layer for TimeLimits {
    fn deliver(&self, link: &LayerTransport<Self>, above: &dyn Deliver, event: Event<'_>) {
        match event {
            Event::ConnectionMade(_) => self.connection_made(link),
            Event::ConnectionLost(reason) => {
                self.released();
                if let (Some(deadline), Reason::Aborted) = (self.passed.take(), reason) {
                    return above.deliver(Event::ConnectionLost(&Reason::TimedOut(deadline)));
                }
            }
            _ => {}
        }
        above.deliver(event);
    }

    fn received(&self, _: &[u8]) {
        self.silence.broken();
        if self.first_byte.borrow().is_some() {
            self.cancel_first_byte();
        }
    }

    fn released(&self) {
        self.silence.stop();
        self.cancel_first_byte();
        cancel(&self.total);
    }

    fn write(&self, below: &dyn Transport, data: &[u8]) {
        self.silence.broken();
        below.write(data);
    }

    fn write_sequence(&self, below: &dyn Transport, chunks: Vec<Chunk>) {
        self.silence.broken();
        below.write_sequence(chunks);
    }

    fn register_producer(
        &self,
        below: &dyn Transport,
        producer: Producer,
    ) -> Result<(), AlreadyProducing> {
        self.orderly.register_producer(below, producer)
    }

    fn unregister_producer(&self, below: &dyn Transport) {
        self.orderly.unregister_producer(below);
    }

    fn answer(&self, link: &LayerTransport<Self>, query: &mut Query<'_>) {
        query.answer_with(|| TimeoutHandle { link: link.downgrade() });
    }
}
