//! A reactor in a simulation, and one child of it.
//!
//! Invariant: each wait ends after [`TURNS_MAX`] turns.

use std::rc::Rc;
use std::time::Duration;

use interfaces::{ProcessReason, ProcessTransport, ReactorProcess as _, SpawnProcess};
use protocol::testing::{ProcessRecord, ProcessRecorder, ProcessSeen};
use ropewalk_reactor::simulated::{Faults, Script, Simulated};
use ropewalk_reactor::{Counts, Limits, Reactor};

/// More turns than any of these tests needs.
pub(super) const TURNS_MAX: usize = 200_000;

/// A reactor in a simulation whose faults lose nothing.
pub(super) struct Scene {
    pub(super) network: Simulated,
    pub(super) reactor: Reactor<Simulated>,
}

impl Scene {
    pub(super) fn new(seed: u64) -> Self {
        let network = Simulated::new(seed);
        network.set_faults(Faults::harmless());
        let limits = Limits::default().with_read_buffer_bytes(500).with_reads_per_turn(3);
        Self { reactor: Reactor::on(network.clone(), limits), network }
    }

    pub(super) fn spawn(&self, script: Script) -> (ProcessRecord, Rc<dyn ProcessTransport>) {
        self.spawn_with(script, |options| options, |_, _| {})
    }

    pub(super) fn spawn_with(
        &self,
        script: Script,
        options: impl FnOnce(SpawnProcess) -> SpawnProcess,
        hook: impl FnMut(&ProcessSeen, &Rc<dyn ProcessTransport>) + 'static,
    ) -> (ProcessRecord, Rc<dyn ProcessTransport>) {
        self.network.install("program", script);
        let seen = ProcessRecord::new();
        let protocol = Box::new(ProcessRecorder::new(&seen).with_hook(hook));
        let options = options(SpawnProcess::new("program"));
        (seen, self.reactor.spawn_process(&options, protocol).unwrap())
    }

    pub(super) fn turn_until(&self, what: &str, done: impl Fn() -> bool) {
        for _ in 0..TURNS_MAX {
            if done() {
                return;
            }
            self.reactor.turn(Some(Duration::from_secs(1))).unwrap();
        }
        panic!("waited in vain until {what}; {:?} {:?}", self.reactor, self.network);
    }

    /// Turns until the process has ended, of which nothing is left.
    pub(super) fn end(&self, seen: &ProcessRecord) -> ProcessReason {
        self.turn_until("the process ended", || seen.ended().is_some());
        assert_eq!(self.reactor.counts(), Counts::default());
        let carried = self.network.carried();
        assert_eq!((carried.children, carried.pipes), (0, 0));
        seen.ended().unwrap()
    }
}
