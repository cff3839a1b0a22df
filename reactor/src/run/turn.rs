//! One turn of the loop, phase by phase.
//!
//! ```text
//!   1. calls from threads      those that came before the turn
//!   2. due timers              one reading of the clock; a new zero-delay call waits a turn
//!   3. flush                   what the first two wrote, so that nothing waits through the poll
//!   4. poll                    as long as nothing else is to be done
//!   5. events                  slot looked up, generation checked, cloned out, called
//!   6. flush                   what became dirty
//!   7. closings                the ends that were decided before the turn
//! ```
//!
//! Tasks run after each foreign call. Invariant: each phase does what was there when it began, so
//! nothing that asks for more of itself can keep the others from their turn.

use std::cell::RefCell;
use std::io;
use std::mem;
use std::time::Duration;

use crate::core::{Core, Rare, Slot};
use crate::stream::Running;
use crate::sys::{Ready, Report, Sys, Token};

impl<S: Sys> Core<S> {
    /// One turn, which waits for `wait_at_most` (`None`: for ever) if there is nothing to do.
    pub(crate) fn turn(&self, wait_at_most: Option<Duration>) -> io::Result<()> {
        let outer = self.queue_outbox();
        let closings = take_all(&self.agenda.closings);
        self.run_remote_calls();
        self.run_due_timers();
        self.flush_dirty();
        let mut events = self.agenda.events.take().unwrap_or_default();
        let mut buffer = self.take_read_buffer();
        let still_ready = take_all(&self.agenda.still_ready);
        let idle = closings.is_empty() && still_ready.is_empty();
        let timeout = if idle { self.timeout(wait_at_most) } else { Some(Duration::ZERO) };
        let polled = self.sys.poll(timeout, &mut events);
        if polled.is_ok() {
            S::reports(&events).for_each(|report| self.dispatch(&report, &mut buffer));
        }
        self.agenda.events.set(Some(events));
        self.dispatch_still_ready(still_ready, &mut buffer);
        self.read_buffer.set(buffer);
        self.flush_dirty();
        self.close_doomed(closings);
        self.desk.outbox.end(outer);
        polled
    }

    /// A turn inside a callback sends what that has written so far, and the outbox is nobody's then;
    /// answers whose it was.
    fn queue_outbox(&self) -> Token {
        let owner = self.desk.outbox.owner();
        if owner != Token::NOBODY {
            self.queue_written(owner);
            self.desk.dirty.borrow_mut().push(owner);
        }
        self.desk.outbox.begin(Token::NOBODY)
    }

    /// How long a poll may wait.
    fn timeout(&self, wait_at_most: Option<Duration>) -> Option<Duration> {
        let waiting = !self.desk.dirty.borrow().is_empty()
            || !self.agenda.closings.borrow().is_empty()
            || self.tasks.is_ready()
            || self.shared.is_woken()
            || self.can_advance();
        if waiting {
            return Some(Duration::ZERO);
        }
        let next = self.timers.borrow_mut().next_time();
        let until_next = next.map(|time| time.saturating_sub(self.sys.now()));
        match (until_next, wait_at_most) {
            (Some(until_next), Some(at_most)) => Some(until_next.min(at_most)),
            (only, None) | (None, only) => only,
        }
    }

    fn run_due_timers(&self) {
        self.run_woken_tasks();
        self.timers.borrow_mut().begin_phase();
        let next = self.timers.borrow_mut().next_time();
        let Some(next) = next else { return };
        let now = self.sys.now();
        if next > now {
            return;
        }
        loop {
            let call = self.timers.borrow_mut().pop_due(now);
            let Some(call) = call else { return };
            // A panic was observed, and the other calls go on.
            drop(self.call("timer", None, call));
        }
    }

    /// The buffer that all connections read into. A turn inside a turn makes itself another.
    pub(crate) fn take_read_buffer(&self) -> Box<[u8]> {
        let buffer = self.read_buffer.take();
        if buffer.is_empty() { vec![0; self.limits.read_buffer_bytes].into() } else { buffer }
    }

    #[inline]
    fn dispatch(&self, report: &impl Report, buffer: &mut [u8]) {
        let slots = self.slots.borrow();
        if let Some(Slot::Stream(running)) = slots.find(report.token()) {
            let running = running.clone();
            drop(slots);
            self.stream_ready(&running, report, buffer);
            self.release(running);
        } else {
            drop(slots);
            self.dispatch_rare(report.ready(), buffer);
        }
    }

    #[inline(never)]
    fn dispatch_rare(&self, ready: Ready, buffer: &mut [u8]) {
        match ready.token {
            Token::WAKER => {}
            Token::SIGNALS => self.run_signal_handlers(),
            token => self.dispatch_to(token, ready, buffer),
        }
    }

    fn dispatch_to(&self, token: Token, ready: Ready, buffer: &mut [u8]) {
        let slots = self.slots.borrow();
        match slots.find(token) {
            Some(Slot::Rare(Rare::Port(port))) => {
                let port = port.clone();
                drop(slots);
                self.accept(&port);
            }
            Some(Slot::Rare(Rare::Attempt(attempt))) => {
                let attempt = attempt.clone();
                drop(slots);
                self.attempt_ready(&attempt, ready, buffer);
                self.let_go("factory", attempt);
            }
            Some(Slot::Rare(Rare::Lingering(lingering))) => {
                let lingering = lingering.clone();
                drop(slots);
                self.lingering_ready(&lingering, ready, buffer);
            }
            // A late event for somebody who is gone.
            Some(Slot::Rare(Rare::Vacant) | Slot::Stream(_)) | None => {}
        }
    }

    fn dispatch_still_ready(&self, still_ready: Vec<Token>, buffer: &mut [u8]) {
        for token in &still_ready {
            let token = *token;
            self.unlist(token);
            let read = |running: &Running<S>| {
                if running.stream.io.readable.get() {
                    self.read_again(running, buffer);
                }
            };
            if !self.with_running(token, read) {
                let ready = Ready { token, readable: true, read_closed: false, writable: true };
                self.dispatch_to(token, ready, buffer);
            }
        }
        reuse(&self.agenda.still_ready, still_ready);
    }

    /// It is not on the list of those that are still ready any more.
    fn unlist(&self, token: Token) {
        match self.slots.borrow().find(token) {
            Some(Slot::Stream(running)) => running.stream.io.listed.set(false),
            Some(Slot::Rare(Rare::Port(port))) => port.listed.set(false),
            Some(Slot::Rare(Rare::Lingering(lingering))) => lingering.listed.set(false),
            Some(Slot::Rare(Rare::Attempt(_)) | Slot::Rare(Rare::Vacant)) | None => {}
        }
    }

    fn run_signal_handlers(&self) {
        for signal in self.sys.take_signals() {
            let handlers: Vec<_> = {
                let handlers = self.signal_handlers.borrow();
                let of_this = handlers.iter().filter(|(of, _)| *of == signal);
                of_this.map(|(_, handler)| handler.clone()).collect()
            };
            for handler in handlers {
                drop(self.call("signal handler", None, || handler()));
            }
        }
    }
}

/// Takes what is on a list now. Mostly that is nothing, and then its storage stays where it is.
#[inline]
pub(crate) fn take_all<T>(list: &RefCell<Vec<T>>) -> Vec<T> {
    let mut list = list.borrow_mut();
    if list.is_empty() { Vec::new() } else { mem::take(&mut *list) }
}

/// Gives a list its storage back, so that a steady state allocates nothing.
#[inline]
pub(crate) fn reuse<T>(list: &RefCell<Vec<T>>, mut spare: Vec<T>) {
    if spare.capacity() == 0 {
        return;
    }
    spare.clear();
    let mut list = list.borrow_mut();
    if list.is_empty() {
        *list = spare;
    }
}
