//! Child programs of the tests: shell scripts, run to their end with a record of what they did.
//!
//! Invariant: a script reads nothing of this process but its pipes.

use std::rc::Rc;

use interfaces::{ProcessTransport, ReactorProcess as _, SpawnProcess};
use protocol::testing::{ProcessRecord, ProcessRecorder, ProcessSeen};
use ropewalk_reactor::{Counts, Reactor};

use super::turn_until;

/// A shell that runs this script.
pub(crate) fn script(text: &str) -> SpawnProcess {
    SpawnProcess::new("/bin/sh").with_arguments(["-c", text])
}

/// A process that runs, and its record.
pub(crate) struct Program {
    pub(crate) transport: Rc<dyn ProcessTransport>,
    pub(crate) seen: ProcessRecord,
}

impl Program {
    pub(crate) fn spawn(reactor: &Reactor, options: &SpawnProcess) -> Self {
        Self::spawn_with(reactor, options, |_, _| {})
    }

    /// With a hook after each call of its protocol.
    pub(crate) fn spawn_with(
        reactor: &Reactor,
        options: &SpawnProcess,
        hook: impl FnMut(&ProcessSeen, &Rc<dyn ProcessTransport>) + 'static,
    ) -> Self {
        let seen = ProcessRecord::new();
        let protocol = Box::new(ProcessRecorder::new(&seen).with_hook(hook));
        let transport = reactor.spawn_process(options, protocol).unwrap();
        Self { transport, seen }
    }

    /// Turns until the process has ended.
    pub(crate) fn run(self, reactor: &Reactor) -> ProcessRecord {
        turn_until(reactor, "the process ended", || self.seen.ended().is_some());
        self.seen
    }

    /// Turns until the bytes of a descriptor are these, and no others.
    pub(crate) fn expect(&self, reactor: &Reactor, child_fd: i32, bytes: &[u8]) {
        turn_until(reactor, "the bytes came", || {
            self.seen.received(child_fd).len() >= bytes.len() || self.seen.ended().is_some()
        });
        assert_eq!(
            String::from_utf8_lossy(&self.seen.received(child_fd)),
            String::from_utf8_lossy(bytes)
        );
    }
}

/// The record of a script, run to its end.
pub(crate) fn run_script(reactor: &Reactor, text: &str) -> ProcessRecord {
    run_program(reactor, &script(text))
}

/// The record of a program, run to its end, of which nothing is left.
pub(crate) fn run_program(reactor: &Reactor, options: &SpawnProcess) -> ProcessRecord {
    let seen = Program::spawn(reactor, options).run(reactor);
    assert_eq!(reactor.counts(), Counts::default(), "nothing is left");
    seen
}

/// What a program has written to its standard output, as text.
pub(crate) fn output_of(reactor: &Reactor, options: &SpawnProcess) -> String {
    String::from_utf8(run_program(reactor, options).received(1)).unwrap()
}

/// The numbers of this process's children that have ended and were not reaped.
pub(crate) fn zombies() -> Vec<u32> {
    children(|state| state == "Z")
}

/// The numbers of this process's children that were not reaped, in the states that are asked for
/// (proc_pid_stat(5)).
pub(crate) fn children(is_asked_for: impl Fn(&str) -> bool) -> Vec<u32> {
    let own = std::process::id().to_string();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |number: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
        // The name is in parentheses and may contain anything.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let mut fields = fields.split_whitespace();
        fields.next().is_some_and(&is_asked_for) && fields.next() == Some(&own)
    };
    numbers.filter(is_child).collect()
}
