//! The whole network: its tables, and what each happening does.
//!
//! Invariant: nothing in here calls a program back, so it can be borrowed for the whole of a call.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::chance::{Chance, Dice};
use super::clock::{Clock, Happening};
use super::connection::Connection;
use super::faults::Faults;
use super::ids::{EndId, ListenerId, Source};
use super::links::Links;
use super::listener::ListenerState;
use super::names::Names;
use super::table::Table;
use super::trace::{SystemCall, Trace, number};

/// Why the connection of a handle that is alive is found.
pub(super) const HELD: &str = "a held end keeps its connection";

#[derive(Debug)]
pub(super) struct World {
    pub(super) clock: Clock,
    pub(super) dice: Dice,
    pub(super) faults: Faults,
    pub(super) links: Links,
    pub(super) trace: Trace,
    pub(super) connections: Table<Connection>,
    pub(super) listeners: BTreeMap<ListenerId, ListenerState>,
    pub(super) names: Names,
    /// Who may have something to report in the next poll.
    pub(super) reports: Vec<Source>,
    pub(super) signals: SignalState,
    pub(super) descriptors: Descriptors,
}

/// The signals of the process.
#[derive(Debug, Default)]
pub(super) struct SignalState {
    pub(super) watched: BTreeSet<i32>,
    pub(super) pending: Vec<i32>,
    pub(super) is_due: bool,
}

/// How many descriptors are open and may be.
#[derive(Debug)]
pub(super) struct Descriptors {
    pub(super) open: usize,
    pub(super) open_max: usize,
}

impl Descriptors {
    /// Takes one, if one is left.
    pub(super) fn open(&mut self) -> io::Result<()> {
        if self.open >= self.open_max {
            return Err(errno(libc::EMFILE));
        }
        self.open += 1;
        Ok(())
    }
}

impl World {
    pub(super) fn new(seed: u64, faults: Faults) -> Self {
        Self {
            clock: Clock::default(),
            dice: Dice::new(seed),
            faults,
            links: Links::default(),
            trace: Trace::default(),
            connections: Table::new(),
            listeners: BTreeMap::new(),
            names: Names::new(),
            reports: Vec::new(),
            signals: SignalState::default(),
            descriptors: Descriptors { open: 0, open_max: usize::MAX },
        }
    }

    /// The connection of a handle that is alive.
    pub(super) fn held(&mut self, id: EndId) -> &mut Connection {
        self.connections.get_mut(id.connection()).expect(HELD)
    }

    /// Lets everything happen whose time has come.
    pub(super) fn happen(&mut self) {
        while let Some(happening) = self.clock.take_due() {
            match happening {
                Happening::Request(connection, attempt) => {
                    self.request_arrives(connection, attempt)
                }
                Happening::Established(connection) => self.answer_arrives(connection),
                Happening::Refused(connection) => {
                    self.attempt_fails(connection, libc::ECONNREFUSED)
                }
                Happening::GivenUp(connection) => self.attempt_fails(connection, libc::ETIMEDOUT),
                Happening::Segment(sender) => self.segment_arrives(sender),
                Happening::Report(source) => self.list(source),
                Happening::Spurious(source) => self.report_for_no_reason(source),
            }
        }
    }

    /// Throws for a fault that an operation answers with.
    pub(super) fn fault(&mut self, chance: Chance, answer: i32) -> io::Result<()> {
        if self.dice.happens(chance) { Err(errno(answer)) } else { Ok(()) }
    }

    /// Ends an operation on a stream: notes it, and throws for a report without reason.
    pub(super) fn answered<T>(
        &mut self,
        call: SystemCall,
        id: EndId,
        result: io::Result<T>,
        value: impl FnOnce(&T) -> i64,
    ) -> io::Result<T> {
        self.touched(Source::End(id));
        self.noted(call, id.number(), result, value)
    }

    /// Notes a call in the trace, and returns its result.
    pub(super) fn noted<T>(
        &mut self,
        call: SystemCall,
        whom: u64,
        result: io::Result<T>,
        value: impl FnOnce(&T) -> i64,
    ) -> io::Result<T> {
        self.trace.note(self.clock.now(), call, whom, number(&result, value));
        result
    }
}

/// The error with this number.
pub(super) fn errno(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}
