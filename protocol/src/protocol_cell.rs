//! A protocol that transports can call: the one allocation behind every [`ProtocolRef`](crate::ProtocolRef).
//!
//! Invariant: the protocol is out of its cell exactly while it runs, and whatever comes then waits
//! in the mailbox; a panic puts it back.
//!
//! ```text
//!             ConnectionMade               ConnectionLost
//!  Waiting ──────────────────▶ Connected ──────────────────▶ Ended
//!     └───────────────── ConnectionLost ───────────────────────▲
//! ```

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::cell::Cell;
use core::mem;

use interfaces::{Deliver, Event, Protocol, Reason, Transport};

use crate::mailbox::{Letter, Mailbox};

pub(crate) struct Running<P: Protocol> {
    protocol: Cell<Option<P>>,
    transport: Cell<Option<Rc<dyn Transport>>>,
    mailbox: Mailbox<P>,
    phase: Cell<Phase>,
    half_closeable: Cell<bool>,
    claimed: Cell<bool>,
}

/// Where the connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Waiting,
    Connected,
    Ended,
}

impl<P: Protocol> Running<P> {
    pub(crate) fn new(protocol: P) -> Self {
        Self {
            protocol: Cell::new(Some(protocol)),
            transport: Cell::new(None),
            mailbox: Mailbox::new(),
            phase: Cell::new(Phase::Waiting),
            half_closeable: Cell::new(false),
            claimed: Cell::new(false),
        }
    }

    pub(crate) fn enter(&self, call: impl FnOnce(&mut P) + 'static) {
        match self.begin() {
            // The closure is dropped on return, when the protocol is free again.
            Some(turn) if self.phase.get() == Phase::Ended => drop(turn),
            Some(mut turn) if self.mailbox.is_empty() => {
                turn.call(call);
                turn.drain();
            }
            turn => self.post(turn, Letter::Call(Box::new(call))),
        }
    }

    pub(crate) fn enter_with(&self, call: impl FnOnce(&mut P, &Rc<dyn Transport>) + 'static) {
        match self.begin() {
            Some(turn) if self.phase.get() != Phase::Connected => drop(turn),
            Some(mut turn) if self.mailbox.is_empty() => {
                turn.call_with(call);
                turn.drain();
            }
            turn => self.post(turn, Letter::CallWith(Box::new(call))),
        }
    }

    pub(crate) fn try_with<R>(&self, look: impl FnOnce(&P) -> R) -> Option<R> {
        let mut turn = self.begin()?;
        let seen = look(turn.protocol());
        turn.drain();
        Some(seen)
    }

    #[inline(always)]
    pub(crate) fn transport(&self) -> Option<Rc<dyn Transport>> {
        let transport = self.transport.take();
        let copy = transport.clone();
        // It replaces what was taken a line before, so there is nothing to drop.
        mem::forget(self.transport.replace(transport));
        copy
    }

    /// Whether the caller is the first to promise it a connection.
    pub(crate) fn claim(&self) -> bool {
        self.phase.get() == Phase::Waiting && !self.claimed.replace(true)
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Takes the protocol out of its cell, or finds that it is running.
    #[inline(always)]
    fn begin(&self) -> Option<Turn<'_, P>> {
        Some(Turn { running: self, protocol: Some(self.protocol.take()?) })
    }

    #[cold]
    fn post_event(&self, event: Event<'_>) {
        if let Some(letter) = Letter::of(event) {
            self.post(self.begin(), letter);
        }
    }

    /// Queues a letter behind what waits already. Something waits without a turn running only after
    /// a panic, and then this turn catches up.
    fn post(&self, turn: Option<Turn<'_, P>>, letter: Letter<P>) {
        self.mailbox.post(letter);
        if let Some(mut turn) = turn {
            turn.drain();
        }
    }
}

impl<P: Protocol> Deliver for Running<P> {
    fn deliver(&self, event: Event<'_>) {
        if self.mailbox.is_empty()
            && let Some(mut turn) = self.begin()
        {
            turn.event(event);
            turn.drain();
            // The usual end of a turn: what the drop does, in line.
            turn.put_back();
            mem::forget(turn);
        } else {
            self.post_event(event);
        }
    }

    fn is_half_closeable(&self) -> bool {
        if let Some(mut turn) = self.begin() {
            turn.ask_half_closeable();
            turn.drain();
        }
        self.half_closeable.get()
    }
}

/// The time in which a protocol runs. Its end puts the protocol back, also when unwinding.
struct Turn<'a, P: Protocol> {
    running: &'a Running<P>,
    protocol: Option<P>,
}

impl<P: Protocol> Turn<'_, P> {
    #[inline]
    fn protocol(&mut self) -> &mut P {
        self.protocol.as_mut().expect("only the end of the turn takes the protocol out")
    }

    #[inline(always)]
    fn drain(&mut self) {
        if !self.running.mailbox.is_empty() {
            self.read_letters();
        }
    }

    #[inline(never)]
    fn read_letters(&mut self) {
        while !self.running.mailbox.is_empty() && self.running.phase.get() != Phase::Ended {
            if let Some(letter) = self.running.mailbox.next() {
                self.read(letter);
            }
        }
    }

    fn read(&mut self, letter: Letter<P>) {
        match letter {
            Letter::ConnectionMade(transport) => self.event(Event::ConnectionMade(&transport)),
            Letter::DataReceived(mut data) => self.event(Event::DataReceived(&mut data)),
            Letter::ReadConnectionLost => self.event(Event::ReadConnectionLost),
            Letter::WriteConnectionLost => self.event(Event::WriteConnectionLost),
            Letter::HandshakeCompleted => self.event(Event::HandshakeCompleted),
            Letter::ConnectionLost(reason) => self.event(Event::ConnectionLost(&reason)),
            Letter::Call(call) => self.call(call),
            Letter::CallWith(call) => self.call_with(call),
        }
    }

    /// One step of the life drawn above; what does not fit the phase is dropped.
    #[inline(always)]
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::DataReceived(data) => {
                self.call_with(|protocol, transport| protocol.data_received(transport, data));
            }
            event => self.rare_event(event),
        }
    }

    #[inline(never)]
    fn rare_event(&mut self, event: Event<'_>) {
        match (self.running.phase.get(), event) {
            (Phase::Connected, Event::ReadConnectionLost) => {
                self.call_with(|protocol, transport| {
                    if let Some(role) = protocol.as_half_closeable() {
                        role.read_connection_lost(transport);
                    }
                })
            }
            (Phase::Connected, Event::WriteConnectionLost) => {
                self.call_with(|protocol, transport| {
                    if let Some(role) = protocol.as_half_closeable() {
                        role.write_connection_lost(transport);
                    }
                });
            }
            (Phase::Connected, Event::HandshakeCompleted) => {
                self.call_with(|protocol, transport| {
                    if let Some(role) = protocol.as_handshake_listener() {
                        role.handshake_completed(transport);
                    }
                })
            }
            (Phase::Waiting, Event::ConnectionMade(transport)) => self.made(transport),
            (Phase::Connected, Event::ConnectionLost(reason)) => self.lost(reason),
            // Nobody was told that it began, so nobody is told that it ended.
            (Phase::Waiting, Event::ConnectionLost(_)) => self.running.phase.set(Phase::Ended),
            (Phase::Waiting | Phase::Connected | Phase::Ended, _) => {}
        }
    }

    fn made(&mut self, transport: &Rc<dyn Transport>) {
        self.running.transport.set(Some(transport.clone()));
        self.running.phase.set(Phase::Connected);
        self.protocol().connection_made(transport);
        self.ask_half_closeable();
    }

    /// The phase changes first, so that a panic in the call cannot make it happen twice.
    fn lost(&mut self, reason: &Reason) {
        self.running.phase.set(Phase::Ended);
        if let Some(transport) = self.running.transport() {
            self.protocol().connection_lost(&transport, reason);
        }
    }

    fn ask_half_closeable(&mut self) {
        let answer = self.protocol().as_half_closeable().is_some();
        self.running.half_closeable.set(answer);
    }

    fn call(&mut self, call: impl FnOnce(&mut P)) {
        if self.running.phase.get() != Phase::Ended {
            call(self.protocol());
        }
    }

    #[inline(always)]
    fn call_with(&mut self, call: impl FnOnce(&mut P, &Rc<dyn Transport>)) {
        if self.running.phase.get() == Phase::Connected
            && let Some(transport) = self.running.transport()
        {
            call(self.protocol(), &transport);
        }
    }
}

impl<P: Protocol> Drop for Turn<'_, P> {
    fn drop(&mut self) {
        self.put_back();
    }
}

impl<P: Protocol> Turn<'_, P> {
    #[inline(always)]
    fn put_back(&mut self) {
        if let Some(protocol) = self.protocol.take() {
            self.running.protocol.set(Some(protocol));
        }
        if self.running.phase.get() == Phase::Ended {
            // Dropping these runs foreign code, which finds the protocol free and all at rest.
            drop((self.running.transport.take(), self.running.mailbox.take_all()));
        }
    }
}
