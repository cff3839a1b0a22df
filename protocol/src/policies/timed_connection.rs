//! One connection under time limits; Twisted's `TimeoutProtocol`.
//!
//! Invariant: after `connection_lost` no timer is pending, and a deadline that has passed is the reason
//! that the protocol hears.

use alloc::boxed::Box;
use alloc::rc::{Rc, Weak};
use core::any::Any;
use core::cell::{Cell, RefCell};
use core::time::Duration;

use interfaces::{Deadline, DelayedCall, Deliver, Event, ReadingRoles, Reason, Transport};

use super::Silence;
use super::timed_transport::TimedTransport;
use super::timeout_factory::TimeoutContext;

/// A running protocol, and the limits on its peer.
pub(super) struct TimedConnection {
    me: Weak<Self>,
    protocol: Rc<dyn Deliver>,
    context: Rc<TimeoutContext>,
    silence: Rc<Silence>,
    first_byte: RefCell<Option<DelayedCall>>,
    transport: RefCell<Option<Rc<TimedTransport>>>,
    passed: Cell<Option<Deadline>>,
    /// It was closed because the server drains.
    is_closing: Cell<bool>,
    /// Its number among the open ones.
    number: Cell<Option<u64>>,
}

impl TimedConnection {
    pub(super) fn around(
        protocol: Rc<dyn Deliver>,
        context: &Rc<TimeoutContext>,
    ) -> Rc<dyn Deliver> {
        Rc::new_cyclic(|me| Self {
            me: me.clone(),
            protocol,
            context: context.clone(),
            silence: Rc::new(Silence::new(context.clock.clone())),
            first_byte: RefCell::default(),
            transport: RefCell::default(),
            passed: Cell::new(None),
            is_closing: Cell::new(false),
            number: Cell::new(None),
        })
    }

    fn connection_made(&self, below: &Rc<dyn Transport>) {
        let transport = TimedTransport::over(below, &self.silence);
        let before = self.transport.replace(Some(transport.clone()));
        drop(before);
        let timeouts = &self.context.timeouts;
        if let (Some(times), Some(tcp)) = (timeouts.keep_alive, below.as_tcp()) {
            tcp.set_tcp_keep_alive_times(times);
        }
        if let Some(limit) = timeouts.first_byte {
            let me = self.me.clone();
            let call = self.context.clock.call_later(
                limit,
                Box::new(move || {
                    if let Some(this) = me.upgrade() {
                        this.pass(Deadline::FirstByte);
                    }
                }),
            );
            self.first_byte.replace(Some(call));
        }
        self.number.set(Some(self.context.open.add(&self.me)));
        if let Some(limit) = self.context.draining.get().or(timeouts.idle) {
            self.silence.watch(limit, Self::look(&self.me));
        }
        let transport: Rc<dyn Transport> = transport;
        self.protocol.deliver(Event::ConnectionMade(&transport));
    }

    fn data_received(&self, data: &mut [u8]) {
        self.bytes_came();
        self.protocol.deliver(Event::DataReceived(data));
    }

    fn data_waits(&self, read: &mut dyn FnMut(&mut [u8]) -> usize) {
        self.protocol.deliver(Event::DataWaits(&mut |buffer| {
            let length = read(buffer);
            if length > 0 {
                self.bytes_came();
            }
            length
        }));
    }

    fn bytes_came(&self) {
        self.silence.broken();
        if self.first_byte.borrow().is_some() {
            self.cancel_first_byte();
        }
    }

    fn connection_lost(&self, reason: &Reason) {
        self.silence.stop();
        self.cancel_first_byte();
        if let Some(number) = self.number.take() {
            self.context.open.remove(number);
        }
        match (self.passed.take(), reason) {
            (Some(deadline), Reason::Aborted) => {
                self.protocol.deliver(Event::ConnectionLost(&Reason::TimedOut(deadline)));
            }
            _ => self.protocol.deliver(Event::ConnectionLost(reason)),
        }
        let transport = self.transport.take();
        drop(transport);
    }

    fn cancel_first_byte(&self) {
        let call = self.first_byte.take();
        if let Some(call) = call {
            // One that has run is not pending.
            let _ = call.cancel();
        }
    }

    fn look(me: &Weak<Self>) -> impl FnOnce() + 'static {
        let me = me.clone();
        move || {
            if let Some(this) = me.upgrade() {
                if this.silence.is_over(|| this.undelivered()) {
                    this.silent();
                } else {
                    this.silence.look_again(Self::look(&this.me));
                }
            }
        }
    }

    fn undelivered(&self) -> usize {
        let transport = self.transport.borrow().clone();
        transport.map_or(0, |transport| transport.undelivered_bytes())
    }

    /// The server stops soon: from here on this silence is too long.
    pub(super) fn drain(&self, silence: Duration) {
        self.silence.watch(silence, Self::look(&self.me));
    }

    /// Nothing has passed for as long as is allowed.
    fn silent(&self) {
        let Some(silence) = self.context.draining.get() else { return self.pass(Deadline::Idle) };
        if self.is_closing.replace(true) {
            // It takes nothing, or does not answer the goodbye of its layer.
            return self.abort();
        }
        self.silence.watch(silence, Self::look(&self.me));
        self.close();
    }

    fn abort(&self) {
        let transport = self.transport.borrow().clone();
        if let Some(transport) = transport {
            transport.abort_connection();
        }
    }

    /// The server is done with this connection.
    pub(super) fn close(&self) {
        let transport = self.transport.borrow().clone();
        match transport {
            // Its close would wait for the handshake, before which nothing can have been said.
            Some(transport) if is_handshaking(&*transport) => transport.abort_connection(),
            Some(transport) => transport.close(),
            None => {}
        }
    }

    /// The first deadline that passes counts.
    fn pass(&self, deadline: Deadline) {
        let transport = self.transport.borrow().clone();
        if let (Some(transport), None) = (transport, self.passed.get()) {
            self.passed.set(Some(deadline));
            transport.abort_connection();
        }
    }
}

impl Drop for TimedConnection {
    fn drop(&mut self) {
        self.silence.stop();
        if let Some(number) = self.number.take() {
            self.context.open.remove(number);
        }
    }
}

impl Deliver for TimedConnection {
    fn deliver(&self, event: Event<'_>) {
        match event {
            Event::ConnectionMade(below) => self.connection_made(below),
            Event::DataReceived(data) => self.data_received(data),
            Event::DataWaits(read) => self.data_waits(read),
            Event::ConnectionLost(reason) => self.connection_lost(reason),
            // Every other event passes, those added later included.
            event => self.protocol.deliver(event),
        }
    }

    fn log_prefix(&self) -> &'static str {
        self.protocol.log_prefix()
    }

    fn is_half_closeable(&self) -> bool {
        self.protocol.is_half_closeable()
    }

    fn socket_guard(&self) -> Option<Rc<dyn Any>> {
        self.protocol.socket_guard()
    }

    fn reading_roles(&self) -> ReadingRoles {
        self.protocol.reading_roles()
    }
}

/// Whether this is TLS before the end of its handshake.
pub(crate) fn is_handshaking(transport: &dyn Transport) -> bool {
    transport.as_tls().is_some_and(|tls| tls.version().is_none())
}
