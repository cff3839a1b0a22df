//! [`World`]: the state of the network, and the dispatch of its events.
//!
//! Invariant: no method calls a program back, so the world is borrowed for the whole of a call.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;

use super::chance::Chance;
use super::choices::Choices;
use super::clock::{Clock, NetworkEvent};
use super::connection::Connection;
use super::datagram_names::Datagrams;
use super::faults::Faults;
use super::ids::{EndId, ListenerId, Source};
use super::kind::ChoiceKind;
use super::links::Links;
use super::listener::ListenerState;
use super::look_ups::Hosts;
use super::met::FaultCounts;
use super::names::Names;
use super::parts::Processes;
use super::recording::LifeNames;
use super::table::Table;
use super::trace::{SystemCall, Trace, number};
use super::works::Works;

/// The reason why a handle finds its connection.
pub(super) const HELD: &str = "a held end keeps its connection";

#[derive(Debug)]
pub(super) struct World {
    pub(super) clock: Clock,
    pub(super) choices: Choices,
    pub(super) faults: Faults,
    pub(super) links: Links,
    pub(super) trace: Trace,
    pub(super) connections: Table<Connection>,
    pub(super) listeners: BTreeMap<ListenerId, ListenerState>,
    pub(super) names: Names,
    pub(super) datagrams: Datagrams,
    /// The sockets that the next poll asks for a report.
    pub(super) reports: Vec<Source>,
    pub(super) signals: SignalState,
    pub(super) processes: Processes,
    pub(super) descriptors: Descriptors,
    pub(super) hosts: Hosts,
    pub(super) works: Works,
    pub(super) fault_counts: FaultCounts,
    /// The addresses of the connections since the trace is kept.
    pub(super) lives: Vec<LifeNames>,
    /// The error numbers that the next accepts answer.
    pub(super) accept_errors: VecDeque<i32>,
}

/// The signals of the process.
#[derive(Debug, Default)]
pub(super) struct SignalState {
    pub(super) watched: BTreeSet<i32>,
    pub(super) pending: Vec<i32>,
    pub(super) is_due: bool,
}

/// The number of open descriptors, and its limit.
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
            choices: Choices::new(seed),
            faults,
            links: Links::default(),
            trace: Trace::default(),
            connections: Table::new(),
            listeners: BTreeMap::new(),
            names: Names::new(),
            datagrams: Datagrams::new(),
            reports: Vec::new(),
            signals: SignalState::default(),
            processes: Processes::default(),
            descriptors: Descriptors { open: 0, open_max: usize::MAX },
            hosts: Hosts::default(),
            works: Works::default(),
            fault_counts: FaultCounts::default(),
            lives: Vec::new(),
            accept_errors: VecDeque::new(),
        }
    }

    /// The connection of a live handle.
    pub(super) fn held(&mut self, id: EndId) -> &mut Connection {
        self.connections.get_mut(id.connection()).expect(HELD)
    }

    /// Runs the events that are due.
    pub(super) fn run_due(&mut self) {
        while let Some(event) = self.clock.take_due() {
            match event {
                NetworkEvent::Request(connection, attempt) => {
                    self.request_arrives(connection, attempt)
                }
                NetworkEvent::Established(connection) => self.answer_arrives(connection),
                NetworkEvent::Refused(connection) => {
                    self.attempt_fails(connection, libc::ECONNREFUSED)
                }
                NetworkEvent::GivenUp(connection) => {
                    self.attempt_fails(connection, libc::ETIMEDOUT)
                }
                NetworkEvent::Segment(sender) => self.segment_arrives(sender),
                NetworkEvent::Datagram(number) => self.datagram_arrives(number),
                NetworkEvent::DatagramFailed(sender, error) => self.datagram_failed(sender, error),
                NetworkEvent::Child(child) => self.child_steps(child),
                NetworkEvent::Work(number) => self.work_is_due(number),
                NetworkEvent::Report(source) => self.list(source),
                NetworkEvent::Spurious(source) => self.report_spuriously(source),
            }
        }
    }

    /// Draws whether an operation fails with this fault.
    pub(super) fn fault(
        &mut self,
        kind: ChoiceKind,
        chance: Chance,
        answer: i32,
    ) -> io::Result<()> {
        if self.choices.happens(kind, chance) { Err(errno(answer)) } else { Ok(()) }
    }

    /// Ends an operation on a stream: draws whether a spurious report follows, and notes the result.
    pub(super) fn answered<T>(
        &mut self,
        call: SystemCall,
        id: EndId,
        result: io::Result<T>,
        value: impl FnOnce(&T) -> i64,
    ) -> io::Result<T> {
        self.maybe_spurious(Source::End(id));
        self.meets(Source::End(id));
        self.noted(call, id.number(), result, value)
    }

    /// Notes a call in the trace, and returns its result.
    pub(super) fn noted<T>(
        &mut self,
        call: SystemCall,
        socket: u64,
        result: io::Result<T>,
        value: impl FnOnce(&T) -> i64,
    ) -> io::Result<T> {
        self.trace.note(self.clock.now(), call, socket, number(&result, value));
        result
    }
}

/// The error with this number.
pub(super) fn errno(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}
