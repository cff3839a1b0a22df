//! Processes as connections, under seeds: all that a program writes is received, and then its end is told.
//!
//! Invariant: when a process has ended, nothing of it is left.

use std::rc::Rc;
use std::time::Duration;

use interfaces::{
    ConnectError, ExitStatus, ProcessReason, Protocol, Reason, SpawnProcess, Transport,
};
use protocol::connect_protocol;
use protocol::testing::{Record, Recorder};
use reactor::simulated::{Faults, Script, Simulated};
use reactor::{Counts, Limits, Reactor};
use ropewalk_endpoints::{ProcessEndpoint, StandardErrorBehavior};
use testkit::pattern;

fn reactor(seed: u64, script: Script) -> Reactor<Simulated> {
    let network = Simulated::new(seed);
    network.set_faults(Faults::harmless());
    network.install("program", script);
    Reactor::on(network, Limits::default().with_read_buffer_bytes(500))
}

fn endpoint(reactor: &Reactor<Simulated>) -> ProcessEndpoint {
    ProcessEndpoint::new(reactor.clone(), SpawnProcess::new("program"))
        .with_error_output(StandardErrorBehavior::Drop)
}

fn turn_until(reactor: &Reactor<Simulated>, done: impl Fn() -> bool) {
    for _ in 0..100_000 {
        if done() {
            return;
        }
        reactor.turn(Some(Duration::from_secs(1))).unwrap();
    }
    panic!("waited in vain");
}

/// Connects, does this with the transport, and turns until the connection is lost.
fn life(reactor: &Reactor<Simulated>, act: impl FnMut(&Rc<dyn Transport>) + 'static) -> Record {
    let record = Record::new();
    let protocol = Recorder::new(&record).half_closeable().on_made(act);
    let connected = connect_protocol(&endpoint(reactor), protocol);
    turn_until(reactor, || record.lost().is_some());
    drop(testkit::result_of(connected).map_err(|failure| failure.to_string()).unwrap());
    assert_eq!(reactor.counts(), Counts::default());
    record
}

#[test]
fn a_program_that_echoes_gives_back_every_byte_and_ends_cleanly() {
    for seed in 0..30 {
        let data = pattern(seed, 100_000);
        let sent = data.clone();
        let record = life(&reactor(seed, Script::new().echo()), move |transport| {
            sent.chunks(7000).for_each(|piece| transport.write(piece));
            transport.as_half_closeable().unwrap().lose_write_connection();
        });
        assert!(record.received() == data, "seed {seed}");
        assert!(record.lost().unwrap().is_clean(), "seed {seed}: {:?}", record.lost());
        record.forget();
    }
}

#[test]
fn what_a_program_wrote_before_it_failed_is_received_before_the_end_is_told() {
    for seed in 0..30 {
        let data = pattern(seed, 30_000);
        let script = Script::new().write(1, data.clone()).write(2, b"an error").exit(3);
        let record = life(&reactor(seed, script), |_| {});
        assert!(record.received() == data, "seed {seed}");
        let Some(Reason::Lost(cause)) = record.lost() else { panic!("{record:?}") };
        let expected = ProcessReason::Terminated(ExitStatus::Exited(3));
        assert_eq!(cause.downcast_ref(), Some(&expected), "seed {seed}");
        record.forget();
    }
}

#[test]
fn output_that_ends_early_is_told_and_the_end_of_the_process_later() {
    let script = Script::new().write(1, b"all").close(1).sleep(Duration::from_secs(60));
    let reactor = reactor(1, script);
    let record = life(&reactor, |_| {});
    let calls = record.calls();
    let place = |name| calls.iter().position(|call| *call == name);
    let (read, lost) = (place("read_connection_lost"), place("connection_lost"));
    assert!(read.is_some() && read < lost, "{calls:?}");
    assert!(interfaces::ReactorTime::now(&reactor) >= Duration::from_secs(60));
    record.forget();
}

#[test]
fn aborting_kills_a_program_that_sleeps() {
    for seed in 0..30 {
        let script = Script::new().sleep(Duration::from_secs(3600));
        let reactor = reactor(seed, script);
        let record = life(&reactor, |transport| transport.abort_connection());
        assert!(matches!(record.lost(), Some(Reason::Aborted)), "seed {seed}: {record:?}");
        record.forget();
    }
}

struct Panics(&'static str, Record);

impl Protocol for Panics {
    fn connection_made(&mut self, _: &Rc<dyn Transport>) {
        assert!(self.0 != "made", "a planned panic");
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {
        assert!(self.0 != "data", "a planned panic");
    }

    fn connection_lost(&mut self, transport: &Rc<dyn Transport>, reason: &Reason) {
        Recorder::new(&self.1).connection_lost(transport, reason);
    }
}

#[test]
fn a_protocol_that_panics_costs_its_process_and_no_more() {
    for moment in ["made", "data"] {
        let script = Script::new().write(1, b"hello").sleep(Duration::from_secs(3600));
        let reactor = reactor(1, script);
        let record = Record::new();
        let connected = connect_protocol(&endpoint(&reactor), Panics(moment, record.clone()));
        turn_until(&reactor, || record.lost().is_some());
        let outcome = testkit::result_of(connected).map(|_| ());
        match (moment, outcome) {
            ("made", Err(failure)) => {
                assert!(matches!(failure.downcast_ref(), Some(ConnectError::EndedAtOnce { .. })));
            }
            ("data", Ok(())) => {
                assert!(matches!(record.lost(), Some(Reason::Panicked(_))), "{record:?}");
            }
            (moment, outcome) => panic!("{moment}: {outcome:?}"),
        }
        assert_eq!(reactor.counts(), Counts::default());
    }
}

#[test]
fn cancelling_at_once_leaves_no_process() {
    let reactor = reactor(1, Script::new().sleep(Duration::from_secs(3600)));
    let record = Record::new();
    let connected = connect_protocol(&endpoint(&reactor), Recorder::new(&record));
    connected.cancel_handle().cancel();
    assert!(testkit::result_of(connected).map(|_| ()).unwrap_err().check::<deferred::Cancelled>());
    turn_until(&reactor, || reactor.counts() == Counts::default());
    assert!(record.calls().is_empty());
}
