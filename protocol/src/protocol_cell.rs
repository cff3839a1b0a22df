//! A protocol that transports can call: the one allocation behind every [`ProtocolRef`](crate::ProtocolRef).
//!
//! Invariant: the protocol is lent exactly while it runs, what comes then waits in the mailbox, and
//! the loan ends, also by a panic, before the mailbox of an ended connection is emptied.
//!
//! ```text
//!             ConnectionMade               ConnectionLost
//!  Waiting ──────────────────▶ Connected ──────────────────▶ Ended
//!     └──────────── ConnectionLost, withdraw() ────────────────▲
//! ```

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::cell::{RefCell, RefMut};

use interfaces::{Deliver, Event, Protocol, ReadingRoles, Reason, Transport};

use crate::lost_waiters::LostWaiter;
use crate::mailbox::{Mailbox, Phase, Queued};

pub(crate) struct ProtocolCell<P: Protocol> {
    /// Its guard is the one that is alive while foreign code runs: a second entry asks with
    /// `try_borrow_mut`, and is queued when it is refused.
    protocol: RefCell<P>,
    mailbox: Mailbox<P>,
}

impl<P: Protocol> ProtocolCell<P> {
    pub(crate) fn new(protocol: P) -> Self {
        Self { protocol: RefCell::new(protocol), mailbox: Mailbox::new() }
    }

    pub(crate) fn enter(&self, call: impl FnOnce(&mut P) + 'static) {
        match self.try_enter() {
            // The closure is dropped on return, when the protocol is free again.
            Some(entered) if self.mailbox.phase() == Phase::Ended => drop(entered),
            Some(mut entered) if self.mailbox.is_empty() => {
                entered.call(call);
                entered.drain();
            }
            entered => self.post(entered, Queued::Call(Box::new(call))),
        }
    }

    pub(crate) fn enter_with(&self, call: impl FnOnce(&mut P, &Rc<dyn Transport>) + 'static) {
        match self.try_enter() {
            Some(entered) if self.mailbox.phase() != Phase::Connected => drop(entered),
            Some(mut entered) if self.mailbox.is_empty() => {
                entered.call_with(call);
                entered.drain();
            }
            entered => self.post(entered, Queued::CallWith(Box::new(call))),
        }
    }

    pub(crate) fn try_with<R>(&self, look: impl FnOnce(&P) -> R) -> Option<R> {
        let mut entered = self.try_enter()?;
        let seen = look(&entered.protocol);
        entered.drain();
        Some(seen)
    }

    pub(crate) fn transport(&self) -> Option<Rc<dyn Transport>> {
        self.mailbox.transport()
    }

    /// Whether the caller is the first to promise a connection to the protocol.
    pub(crate) fn claim(&self) -> bool {
        self.mailbox.claim()
    }

    pub(crate) fn phase(&self) -> Phase {
        self.mailbox.phase()
    }

    /// The reason, once `connection_lost` has returned.
    pub(crate) fn reason(&self) -> Option<Reason> {
        self.mailbox.reason()
    }

    /// Tells `waiter` when the connection is lost. Returns the number by which it leaves.
    pub(crate) fn add_waiter(&self, waiter: Rc<dyn LostWaiter>) -> u64 {
        self.mailbox.add_waiter(waiter)
    }

    pub(crate) fn remove_waiter(&self, number: u64) {
        let waiter = self.mailbox.remove_waiter(number);
        drop(waiter);
    }

    /// The promised connection is not wanted any more: it is aborted when it comes. Only before
    /// `connection_made`.
    pub(crate) fn withdraw(&self) {
        if self.mailbox.phase() == Phase::Waiting {
            self.mailbox.lose(Reason::Aborted);
            self.mailbox.clear().tell_after(|| {}, &Reason::Aborted);
        }
    }

    /// Borrows the protocol, unless it is running.
    #[inline(always)]
    fn try_enter(&self) -> Option<Entered<'_, P>> {
        let protocol = self.protocol.try_borrow_mut().ok()?;
        Some(Entered { protocol, exit: Exit { mailbox: &self.mailbox } })
    }

    #[inline(never)]
    fn deliver_or_post(&self, event: Event<'_>) {
        match self.try_enter() {
            Some(mut entered) if self.mailbox.is_empty() => {
                entered.event(event);
                entered.drain();
            }
            entered => self.post(entered, Queued::Event(event.into_owned())),
        }
    }

    /// Queues an entry behind those that wait already. Entries wait while the protocol is free only
    /// after a panic, and then this call catches up.
    fn post(&self, entered: Option<Entered<'_, P>>, entry: Queued<P>) {
        self.mailbox.post(entry);
        if let Some(mut entered) = entered {
            entered.drain();
        }
    }
}

impl<P: Protocol> Deliver for ProtocolCell<P> {
    fn deliver(&self, event: Event<'_>) {
        match event {
            Event::DataReceived(data) => {
                // The path of each message: connected, not running, nothing queued.
                if self.mailbox.is_idle()
                    && let Some(mut entered) = self.try_enter()
                {
                    entered.data_received(data);
                    if !self.mailbox.is_idle() {
                        entered.drain();
                    }
                } else {
                    self.deliver_or_post(Event::DataReceived(data));
                }
            }
            event => self.deliver_or_post(event),
        }
    }

    fn log_prefix(&self) -> &'static str {
        P::log_prefix()
    }

    fn is_half_closeable(&self) -> bool {
        match self.try_enter() {
            Some(mut entered) => {
                let answer = entered.ask_half_closeable();
                entered.drain();
                answer
            }
            None => self.mailbox.half_closeable(),
        }
    }

    fn reading_roles(&self) -> ReadingRoles {
        match self.try_enter() {
            Some(mut entered) => {
                let roles = ReadingRoles::of(&mut *entered.protocol);
                entered.drain();
                roles
            }
            None => ReadingRoles::default(),
        }
    }
}

/// The time in which a protocol runs. Dropping it, also when unwinding, first ends the loan of the
/// protocol and then lets go of an ended connection: the order of the fields.
struct Entered<'a, P: Protocol> {
    protocol: RefMut<'a, P>,
    exit: Exit<'a, P>,
}

/// Empties the mailbox when the connection has ended.
struct Exit<'a, P> {
    mailbox: &'a Mailbox<P>,
}

impl<P: Protocol> Entered<'_, P> {
    /// Runs what was queued meanwhile.
    fn drain(&mut self) {
        while self.exit.mailbox.phase() != Phase::Ended {
            match self.exit.mailbox.next() {
                Some(Queued::Event(mut event)) => self.event(event.as_event()),
                Some(Queued::Call(call)) => self.call(call),
                Some(Queued::CallWith(call)) => self.call_with(call),
                None => return,
            }
        }
    }

    /// One step of the life drawn above; an event that does not fit the phase is dropped. The wildcard
    /// stands for all events that leave the phase as it is, those added later included.
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::ConnectionMade(transport) => self.connection_made(transport),
            Event::ConnectionLost(reason) => self.connection_lost(reason),
            event => self.call_with(|protocol, transport| event.dispatch(protocol, transport)),
        }
    }

    #[inline(always)]
    fn data_received(&mut self, data: &[u8]) {
        self.call_with(|protocol, transport| protocol.data_received(transport, data));
    }

    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        if self.exit.mailbox.phase() == Phase::Waiting {
            self.exit.mailbox.connect(transport);
            self.protocol.connection_made(transport);
            self.ask_half_closeable();
        } else if self.exit.mailbox.phase() == Phase::Ended {
            transport.abort_connection();
        }
    }

    /// The phase changes first, so that a panic in the call cannot make it happen twice. A protocol
    /// that never heard of its connection does not hear of the end.
    fn connection_lost(&mut self, reason: &Reason) {
        let connected = self.exit.mailbox.connected();
        self.exit.mailbox.end();
        let ending = LossGuard { mailbox: self.exit.mailbox, reason };
        if let Some(transport) = connected {
            self.protocol.connection_lost(&transport, reason);
        }
        drop(ending);
    }

    fn ask_half_closeable(&mut self) -> bool {
        let answer = self.protocol.as_half_closeable().is_some();
        self.exit.mailbox.set_half_closeable(answer);
        answer
    }

    fn call(&mut self, call: impl FnOnce(&mut P)) {
        if self.exit.mailbox.phase() != Phase::Ended {
            call(&mut self.protocol);
        }
    }

    #[inline(always)]
    fn call_with(&mut self, call: impl FnOnce(&mut P, &Rc<dyn Transport>)) {
        if let Some(transport) = self.exit.mailbox.connected() {
            call(&mut self.protocol, &transport);
        }
    }
}

impl<P> Drop for Exit<'_, P> {
    #[inline(always)]
    fn drop(&mut self) {
        if !self.mailbox.is_idle() {
            self.let_go();
        }
    }
}

impl<P> Exit<'_, P> {
    #[cold]
    fn let_go(&self) {
        if let Some((reason, transport)) = self.mailbox.take_lost() {
            let remains = self.mailbox.clear();
            remains.tell_after(move || drop(transport), &reason);
        }
    }
}

/// The time in which `connection_lost` runs. Dropping it, also when unwinding, notes the reason.
struct LossGuard<'a, P> {
    mailbox: &'a Mailbox<P>,
    reason: &'a Reason,
}

impl<P> Drop for LossGuard<'_, P> {
    fn drop(&mut self) {
        self.mailbox.lose(self.reason.clone());
    }
}
