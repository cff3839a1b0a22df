//! Who is ready: from changes to reports to a poll.
//!
//! Invariant: whatever makes a socket ready one way calls [`watching`](World::watching) for that way,
//! or one of the functions here that end with it.

use std::time::Duration;

use super::clock::Happening;
use super::connection::Wire;
use super::edge::{Level, Scope, SocketWatch, Way};
use super::ids::Source;
use super::listener::ListenerState;
use super::poll::DELAY_MAX;
use super::trace::SystemCall;
use super::world::World;
use crate::sys::{Ready, Token};

impl World {
    /// The report about a socket, if it is due and true.
    pub(super) fn report(&mut self, source: Source, scope: Scope) -> Option<Ready> {
        let level = self.level(source)?;
        let watch = self.watch(source)?;
        watch.listed = false;
        let report = watch.report(level, scope)?;
        let writable = report.writable && matches!(source, Source::End(_));
        Some(Ready { writable, ..report })
    }

    /// The watch on a socket that may be gone.
    #[inline]
    fn watch(&mut self, source: Source) -> Option<&mut SocketWatch> {
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
            Source::Listener(id) => self.listeners.get(&id).map(ListenerState::level),
        }
    }

    /// Begins to watch.
    pub(super) fn begin_watch(&mut self, source: Source, token: Token) {
        if let Some(watch) = self.watch(source) {
            watch.begin(token);
        }
        self.rouse(source);
        self.trace.note(self.clock.now(), SystemCall::Register, source.number(), 0);
    }

    pub(super) fn end_watch(&mut self, source: Source) {
        if let Some(watch) = self.watch(source) {
            watch.end();
        }
        self.trace.note(self.clock.now(), SystemCall::Deregister, source.number(), 0);
    }

    /// Changes the watch on a socket that may be gone, and sees what follows from that this way.
    pub(super) fn watching(
        &mut self,
        source: Source,
        way: Way,
        change: impl FnOnce(&mut SocketWatch, Way),
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
        self.watching(source, Way::Read, SocketWatch::arm);
        self.watching(source, Way::Write, SocketWatch::arm);
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
        if self.watch(source).is_some_and(SocketWatch::enlist) {
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
