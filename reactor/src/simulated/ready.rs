//! Who is ready: from changes to reports to a poll.
//!
//! Invariant: whatever makes a socket ready one way calls [`watching`](World::watching) for that way,
//! or one of the functions here that end with it.

use std::time::Duration;

use super::clock::Happening;
use super::connection::{EndId, Wire};
use super::edge::{Level, Scope, Watch, Way};
use super::listener::Listening;
use super::nanos::Nanos;
use super::trace::Call;
use super::world::World;
use crate::sys::{Ready, Token};

/// The longest that a fault holds a report back.
const DELAY_MAX: Duration = Duration::from_millis(5);

/// What can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    End(EndId),
    Listener(u64),
}

impl Source {
    fn number(self) -> u64 {
        match self {
            Self::End(id) => id.number(),
            Self::Listener(id) => id * 2,
        }
    }
}

/// How a wait came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    Over,
    /// Nothing can happen unless another thread does something.
    Stuck,
}

/// What is known of other threads when a wait begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Threads {
    /// One of them woke the reactor.
    pub(super) woke: bool,
    /// The clock stands still for one of them.
    pub(super) hold: bool,
}

impl World {
    /// Waits until `deadline` at the latest, and appends what is ready.
    pub(super) fn wait(
        &mut self,
        deadline: Option<Nanos>,
        threads: Threads,
        ready: &mut Vec<Ready>,
    ) -> Wait {
        let before = ready.len();
        loop {
            self.happen();
            self.collect(threads.woke, ready);
            if ready.len() > before {
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

    /// The time that a wait costs at least, and the latest that it may last.
    pub(super) fn begin_wait(&mut self, timeout: Option<Nanos>) -> Option<Nanos> {
        let start = self.clock.now();
        self.clock.tick();
        if self.dice.happens(self.faults.clock_jump) {
            let jump = self.dice.duration(&(Duration::ZERO..=self.faults.clock_jump_at_most));
            self.clock.advance_to(start.saturating_add(jump));
        }
        let deadline = timeout.map(|timeout| start.saturating_add(timeout));
        if !self.dice.happens(self.faults.interrupted) {
            return deadline;
        }
        let interrupted = start.saturating_add(self.dice.duration(&(Duration::ZERO..=DELAY_MAX)));
        Some(deadline.map_or(interrupted, |deadline| deadline.min(interrupted)))
    }

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
        while !sources.is_empty() {
            let source = sources.swap_remove(self.dice.index(sources.len()));
            let scope = if self.dice.coin() { Scope::All } else { Scope::Change };
            if let Some(report) = self.report(source, scope) {
                let flags = [report.readable, report.read_closed, report.writable];
                let flags = flags.into_iter().fold(0, |all, flag| all << 1 | i64::from(flag));
                self.trace.note(self.clock.now(), Call::Ready, source.number(), flags);
                ready.push(report);
            }
        }
        // Nothing in here lists a source, so the list is still empty: it gets its storage back.
        self.reports = sources;
    }

    fn report(&mut self, source: Source, scope: Scope) -> Option<Ready> {
        let level = self.level(source)?;
        let watch = self.watch(source)?;
        watch.listed = false;
        let report = watch.report(level, scope)?;
        let writable = report.writable && matches!(source, Source::End(_));
        Some(Ready { writable, ..report })
    }

    /// The watch on a socket that may be gone.
    #[inline]
    fn watch(&mut self, source: Source) -> Option<&mut Watch> {
        match source {
            Source::End(id) => {
                let found = self.connections.get_mut(id.connection());
                found.map(|found| &mut found.end_mut(id.side()).watch)
            }
            Source::Listener(id) => self.listeners.get_mut(&id).map(|found| &mut found.watch),
        }
    }

    /// What it is ready for.
    #[inline]
    fn level(&self, source: Source) -> Option<Level> {
        match source {
            Source::End(id) => {
                self.connections.get(id.connection()).map(|found| found.level(id.side()))
            }
            Source::Listener(id) => self.listeners.get(&id).map(Listening::level),
        }
    }

    /// Begins to watch.
    pub(super) fn begin_watch(&mut self, source: Source, token: Token) {
        if let Some(watch) = self.watch(source) {
            watch.begin(token);
        }
        self.rouse(source);
        self.trace.note(self.clock.now(), Call::Register, source.number(), 0);
    }

    pub(super) fn end_watch(&mut self, source: Source) {
        if let Some(watch) = self.watch(source) {
            watch.end();
        }
        self.trace.note(self.clock.now(), Call::Deregister, source.number(), 0);
    }

    /// Changes the watch on a socket that may be gone, and sees what follows from that this way.
    pub(super) fn watching(
        &mut self,
        source: Source,
        way: Way,
        change: impl FnOnce(&mut Watch, Way),
    ) {
        let is_due = match source {
            Source::End(id) => {
                let found = self.connections.get_mut(id.connection());
                found.is_some_and(|found| found.watching(id.side(), way, change))
            }
            Source::Listener(id) => {
                let found = self.listeners.get_mut(&id);
                found.is_some_and(|found| found.watching(way, change))
            }
        };
        if is_due {
            self.plan_report(source);
        }
    }

    /// Makes what is ready now, either way, worth a report, whatever the program knows.
    pub(super) fn rouse(&mut self, source: Source) {
        self.watching(source, Way::Read, Watch::arm);
        self.watching(source, Way::Write, Watch::arm);
    }

    /// Something is due: it is told in the next poll, or later.
    fn plan_report(&mut self, source: Source) {
        if self.dice.happens(self.faults.delayed_report) {
            let time = self.clock.after(self.dice.duration(&(Duration::ZERO..=DELAY_MAX)));
            self.clock.plan(time, Happening::Report(source));
        } else {
            self.list(source);
        }
    }

    /// Something came. Linux reports it even to a program that has not yet come short; the portable
    /// promise does not.
    pub(super) fn came(&mut self, source: Source) {
        let tells_at_once = self.dice.coin();
        self.watching(source, Way::Read, |watch, way| {
            if tells_at_once {
                watch.arm(way);
            }
        });
    }

    /// There is more room to write, or the attempt is decided. No program that has not come short is
    /// told, unless for no reason.
    pub(super) fn went(&mut self, source: Source) {
        let tells_at_once = self.dice.happens(self.faults.spurious);
        self.watching(source, Way::Write, |watch, way| {
            if tells_at_once {
                watch.arm(way);
            }
        });
    }

    pub(super) fn list(&mut self, source: Source) {
        if self.watch(source).is_some_and(Watch::enlist) {
            self.reports.push(source);
        }
    }

    /// After an operation: perhaps a report will follow for no reason.
    pub(super) fn touched(&mut self, source: Source) {
        if self.dice.happens(self.faults.spurious) {
            let time = self.clock.after(self.dice.duration(&(Duration::ZERO..=DELAY_MAX)));
            self.clock.plan(time, Happening::Spurious(source));
        }
    }

    pub(super) fn report_for_no_reason(&mut self, source: Source) {
        if let Source::End(id) = source {
            let connection = self.connections.get(id.connection());
            // Writability is how the outcome of an attempt is told.
            if connection.is_none_or(|found| found.end(id.side()).wire == Wire::Opening) {
                return;
            }
        }
        if let Some(watch) = self.watch(source) {
            watch.be_spurious();
        }
        self.list(source);
    }
}

fn reserved(token: Token) -> Ready {
    Ready { token, readable: true, read_closed: false, writable: false }
}
