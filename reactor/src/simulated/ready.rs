//! Readiness of the sockets: from a change to a listed report.
//!
//! Invariant: every change that makes a socket ready one way ends with [`watching`](World::watching) for
//! that way.

use super::clock::NetworkEvent;
use super::connection::Wire;
use super::edge::{Direction, Level, Scope, SocketWatch};
use super::ids::Source;
use super::kind::ChoiceKind;
use super::listener::ListenerState;
use super::parts::Part;
use super::poll::DELAY_MAX;
use super::trace::SystemCall;
use super::world::World;
use crate::sys::{Ready, Token, Watch};

impl World {
    /// The report about a socket, if it is due and true.
    pub(super) fn report(&mut self, source: Source, scope: Scope) -> Option<Ready> {
        let level = self.level(source)?;
        let watch = self.watch(source)?;
        watch.listed = false;
        let report = watch.report(level, scope)?;
        let writable = report.writable && !matches!(source, Source::Listener(_));
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
            Source::Datagram(id) => self.datagrams.watch(id),
            Source::Part(id) => self.processes.part_mut(id).map(|found| &mut found.watch),
        }
    }

    /// The readiness of a socket that may be gone.
    #[inline]
    fn level(&self, source: Source) -> Option<Level> {
        match source {
            Source::End(id) => {
                self.connections.get(id.connection()).map(|found| found.level(id.side()))
            }
            Source::Listener(id) => self.listeners.get(&id).map(ListenerState::level),
            Source::Datagram(id) => self.datagrams.level(id),
            Source::Part(id) => self.processes.part(id).map(Part::level),
        }
    }

    /// Begins to watch.
    pub(super) fn begin_watch(&mut self, source: Source, token: Token, directions: Watch) {
        if let Some(watch) = self.watch(source) {
            watch.begin(token, directions);
        }
        self.rearm(source);
        self.trace.note(self.clock.now(), SystemCall::Register, source.number(), 0);
    }

    /// Watches a stream for room to write, too.
    pub(super) fn begin_watch_of_writing(&mut self, source: Source) {
        self.watching(source, Direction::Write, |watch, _| watch.begin_writing());
    }

    pub(super) fn end_watch(&mut self, source: Source) {
        if let Some(watch) = self.watch(source) {
            watch.end();
        }
        self.trace.note(self.clock.now(), SystemCall::Deregister, source.number(), 0);
    }

    /// Changes the watch on a socket that may be gone, and schedules the report that this makes due.
    pub(super) fn watching(
        &mut self,
        source: Source,
        direction: Direction,
        change: impl FnOnce(&mut SocketWatch, Direction),
    ) {
        let is_due = match source {
            Source::End(id) => {
                let found = self.connections.get_mut(id.connection());
                found.is_some_and(|found| found.watching(id.side(), direction, change))
            }
            Source::Listener(id) => {
                let found = self.listeners.get_mut(&id);
                found.is_some_and(|found| found.watching(direction, change))
            }
            Source::Datagram(id) => {
                if let Some(watch) = self.datagrams.watch(id) {
                    change(watch, direction);
                }
                self.datagrams.becomes_due(id, direction)
            }
            Source::Part(id) => {
                let found = self.processes.part_mut(id);
                found.is_some_and(|found| found.watching(direction, change))
            }
        };
        if is_due {
            self.schedule_report(source);
        }
    }

    /// Arms both ways, whatever was reported.
    pub(super) fn rearm(&mut self, source: Source) {
        self.watching(source, Direction::Read, SocketWatch::arm);
        self.watching(source, Direction::Write, SocketWatch::arm);
    }

    /// Lists a due report for the next poll, or for a later one.
    fn schedule_report(&mut self, source: Source) {
        let (kind, chance) = (ChoiceKind::DelayedReport, self.faults.delayed_report);
        if let Some(delay) = self.choices.delay(kind, chance, DELAY_MAX) {
            let time = self.clock.after(delay);
            self.clock.schedule(time, NetworkEvent::Report(source));
        } else {
            self.list(source);
        }
    }

    /// Bytes, an end or a connection arrived. Linux reports it even before the program has come short;
    /// the portable promise does not.
    pub(super) fn became_readable(&mut self, source: Source) {
        let tells_at_once = self.choices.coin(ChoiceKind::EarlyReport);
        self.watching(source, Direction::Read, |watch, direction| {
            if tells_at_once {
                watch.arm(direction);
            }
        });
    }

    /// There is more room to write, or the attempt is decided. Before the program has come short, only a
    /// spurious report tells it.
    pub(super) fn became_writable(&mut self, source: Source) {
        let tells_at_once = self.choices.happens(ChoiceKind::Spurious, self.faults.spurious);
        self.watching(source, Direction::Write, |watch, direction| {
            if tells_at_once {
                watch.arm(direction);
            }
        });
    }

    pub(super) fn list(&mut self, source: Source) {
        if self.watch(source).is_some_and(SocketWatch::enlist) {
            self.reports.push(source);
        }
    }

    /// Draws whether a spurious report follows an operation.
    pub(super) fn maybe_spurious(&mut self, source: Source) {
        let (kind, chance) = (ChoiceKind::Spurious, self.faults.spurious);
        if let Some(delay) = self.choices.delay(kind, chance, DELAY_MAX) {
            let time = self.clock.after(delay);
            self.clock.schedule(time, NetworkEvent::Spurious(source));
        }
    }

    pub(super) fn report_spuriously(&mut self, source: Source) {
        if let Source::End(id) = source {
            let connection = self.connections.get(id.connection());
            // Writability tells the outcome of an attempt.
            if connection.is_none_or(|found| found.end(id.side()).wire == Wire::Opening) {
                return;
            }
        }
        if let Some(watch) = self.watch(source) {
            watch.arm_spurious();
        }
        self.list(source);
    }
}
