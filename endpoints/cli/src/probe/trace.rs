//! The look-ups and the attempts of one connect, with their times.
//!
//! Invariant: each one is entered when it begins, and gets its outcome once.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::Duration;

use deferred::{Cancelled, Chain, Failure};
use interfaces::ReactorTime as _;
use reactor::Reactor;

use super::findings::{Attempt, LookUp};

/// Times are counted from its making.
pub(crate) struct Trace {
    reactor: Reactor,
    began: Duration,
    look_ups: RefCell<Vec<LookUp>>,
    attempts: RefCell<Vec<Attempt>>,
}

impl Trace {
    pub(crate) fn new(reactor: &Reactor) -> Self {
        Self {
            reactor: reactor.clone(),
            began: reactor.now(),
            look_ups: RefCell::default(),
            attempts: RefCell::default(),
        }
    }

    /// The seconds since its making.
    pub(super) fn seconds(&self) -> f64 {
        let microseconds = self.reactor.now().saturating_sub(self.began).as_micros();
        u32::try_from(microseconds).map_or(f64::INFINITY, |it| f64::from(it) / 1e6)
    }

    /// A look-up begins; its number.
    pub(super) fn look_up_begins(&self, name: &str) -> usize {
        let look_up = LookUp { name: name.into(), at: self.seconds(), ..LookUp::default() };
        let mut look_ups = self.look_ups.borrow_mut();
        look_ups.push(look_up);
        look_ups.len() - 1
    }

    pub(super) fn look_up_ends(&self, number: usize, outcome: Result<&[SocketAddr], &Failure>) {
        let now = self.seconds();
        let addresses = outcome.unwrap_or_default().iter().map(|it| it.ip().to_string()).collect();
        let error = outcome.err().map(told);
        let mut look_ups = self.look_ups.borrow_mut();
        let Some(look_up) = look_ups.get_mut(number) else { return };
        look_up.seconds = between(look_up.at, now);
        (look_up.addresses, look_up.error) = (addresses, error);
    }

    /// An attempt begins; its number.
    pub(super) fn attempt_begins(&self, address: String) -> usize {
        let attempt = Attempt { address, at: self.seconds(), ..Attempt::default() };
        let mut attempts = self.attempts.borrow_mut();
        attempts.push(attempt);
        attempts.len() - 1
    }

    /// The connection of an attempt stands; the layers above it begin.
    pub(super) fn attempt_stands(&self, number: usize) {
        let now = self.seconds();
        let mut attempts = self.attempts.borrow_mut();
        let Some(attempt) = attempts.get_mut(number) else { return };
        attempt.connected = true;
        attempt.seconds = between(attempt.at, now);
    }

    pub(super) fn attempt_ends(&self, number: usize, outcome: Result<(), &Failure>) {
        let (now, error) = (self.seconds(), outcome.err().map(told));
        let mut attempts = self.attempts.borrow_mut();
        let Some(attempt) = attempts.get_mut(number) else { return };
        if !attempt.connected {
            attempt.seconds = between(attempt.at, now);
        }
        attempt.error = error;
    }

    pub(super) fn look_ups(&self) -> Vec<LookUp> {
        self.look_ups.borrow().clone()
    }

    pub(super) fn attempts(&self) -> Vec<Attempt> {
        self.attempts.borrow().clone()
    }
}

/// The seconds between two times, to the microsecond.
pub(super) fn between(from: f64, to: f64) -> f64 {
    ((to - from) * 1e6).round() / 1e6
}

/// Why it failed.
fn told(failure: &Failure) -> String {
    if failure.check::<Cancelled>() {
        return "given up, as another one connected or the time was over".into();
    }
    Chain(failure.as_error()).to_string()
}
