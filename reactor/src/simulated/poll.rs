//! [`Sys`] for [`Simulated`]: the clock, the poll, the waker, signals.
//!
//! Invariant: time passes in a poll alone.

use std::io;
use std::time::Duration;

use super::edge::Scope;
use super::kind::ChoiceKind;
use super::nanos::Nanos;
use super::network::Simulated;
use super::trace::SystemCall;
use super::world::{World, errno};
use crate::sys::{Ready, Report, Sys, Token};

/// The longest that a fault holds a report back or cuts a wait short.
pub(super) const DELAY_MAX: Duration = Duration::from_millis(5);

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    Over,
    /// Nothing can happen unless another thread does something.
    Stuck,
}

/// The state of the other threads when a wait begins.
#[derive(Clone, Copy, Debug)]
struct Threads {
    /// A thread woke the reactor.
    woke: bool,
    /// A thread holds the clock.
    hold: bool,
}

impl Sys for Simulated {
    type Events = Vec<Ready>;

    fn now(&self) -> Duration {
        self.world.borrow().clock.now().into()
    }

    fn reports(events: &Vec<Ready>) -> impl Iterator<Item = impl Report> {
        events.iter().copied()
    }

    fn poll(&self, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        ready.clear();
        let deadline = self.world.borrow_mut().begin_wait(timeout.map(Nanos::from));
        let result = loop {
            // The hold first: a thread wakes the reactor and then drops its hold, so a poll that sees
            // no hold sees the wake.
            let hold = self.outside.is_held();
            let threads = Threads { woke: self.outside.take_woken(), hold };
            let wait = self.world.borrow_mut().wait(deadline, threads, ready);
            match wait {
                Wait::Over => break Ok(()),
                Wait::Stuck if threads.hold => self.outside.wait(),
                Wait::Stuck => break Err(deadlock()),
            }
        };
        self.do_due_work();
        let count = ready.len() as i64;
        self.world.borrow_mut().noted(SystemCall::Poll, 0, result, |()| count)
    }

    fn waker(&self) -> Box<dyn Fn() + Send + Sync> {
        let outside = self.outside.clone();
        Box::new(move || outside.wake())
    }

    fn take_work(&self, work: Box<dyn FnOnce() + Send>) -> Option<Box<dyn FnOnce() + Send>> {
        self.take(work)
    }

    fn watch_signal(&self, signal: i32) -> io::Result<()> {
        self.world.borrow_mut().watch_signal(signal)
    }

    fn signal_came(&self) -> bool {
        // Nothing fails on the way of a simulated signal's report.
        false
    }

    fn take_signals(&self) -> Vec<i32> {
        std::mem::take(&mut self.world.borrow_mut().signals.pending)
    }
}

impl World {
    /// Draws the cost of a wait, and returns the time at which it ends at the latest.
    fn begin_wait(&mut self, timeout: Option<Nanos>) -> Option<Nanos> {
        let start = self.clock.now();
        self.clock.tick();
        let (chance, most) = (self.faults.clock_jump, self.faults.clock_jump_at_most);
        if let Some(jump) = self.choices.delay(ChoiceKind::ClockJump, chance, most) {
            self.clock.advance_to(start.saturating_add(jump));
        }
        self.all_meet();
        let deadline = timeout.map(|timeout| start.saturating_add(timeout));
        let chance = self.faults.interrupted;
        let Some(delay) = self.choices.delay(ChoiceKind::InterruptedPoll, chance, DELAY_MAX) else {
            return deadline;
        };
        self.all_meet();
        let interrupted = start.saturating_add(delay);
        Some(deadline.map_or(interrupted, |deadline| deadline.min(interrupted)))
    }

    /// Waits until `deadline` at the latest, and appends what is ready.
    fn wait(&mut self, deadline: Option<Nanos>, threads: Threads, ready: &mut Vec<Ready>) -> Wait {
        let before = ready.len();
        loop {
            self.run_due();
            self.collect(threads.woke, ready);
            if ready.len() > before || self.has_due_work() {
                return Wait::Over;
            }
            match (self.clock.next(), deadline) {
                (_, Some(deadline)) if deadline <= self.clock.now() => return Wait::Over,
                (Some(next), None) => self.clock.advance_to(next),
                (Some(next), Some(deadline)) if next <= deadline => self.clock.advance_to(next),
                (_, Some(_)) if threads.hold => return Wait::Stuck,
                (_, Some(deadline)) => self.clock.advance_to(deadline),
                (None, None) => return Wait::Stuck,
            }
        }
    }

    /// Moves the listed reports into `ready`, in an order that is drawn.
    fn collect(&mut self, woke: bool, ready: &mut Vec<Ready>) {
        if woke {
            ready.push(reserved(Token::WAKER));
        }
        if std::mem::take(&mut self.signals.is_due) {
            ready.push(reserved(Token::SIGNALS));
        }
        if self.reports.is_empty() {
            return;
        }
        let mut sources = std::mem::take(&mut self.reports);
        for place in 0..sources.len() {
            let other = self.choices.index(ChoiceKind::ReportOrder, sources.len() - place);
            sources.swap(place, place + other);
            let source = sources[place];
            let is_narrow = self.choices.coin(ChoiceKind::ReportScope);
            self.meets(source);
            let scope = if is_narrow { Scope::Change } else { Scope::All };
            if let Some(report) = self.report(source, scope) {
                let flags = [report.readable, report.read_closed, report.writable];
                let flags = flags.into_iter().fold(0, |all, flag| all << 1 | i64::from(flag));
                self.trace.note(self.clock.now(), SystemCall::Ready, source.number(), flags);
                ready.push(report);
            }
        }
        // Nothing in here lists a source, so the list is still empty: it gets its storage back.
        sources.clear();
        self.reports = sources;
    }

    fn watch_signal(&mut self, signal: i32) -> io::Result<()> {
        let result = match signal {
            libc::SIGKILL | libc::SIGSTOP => Err(errno(libc::EINVAL)),
            1..=64 => Ok(()),
            _ => Err(errno(libc::EINVAL)),
        };
        if result.is_ok() {
            self.signals.watched.insert(signal);
        }
        self.noted(SystemCall::Sigaction, signal as u64, result, |()| 0)
    }
}

fn reserved(token: Token) -> Ready {
    Ready { token, readable: true, read_closed: false, writable: false }
}

fn deadlock() -> io::Error {
    let words =
        "the simulated network waits for ever: nothing is under way and no timeout was given";
    io::Error::new(io::ErrorKind::Deadlock, words)
}
