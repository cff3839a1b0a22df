//! Processes when the reactor stops or is dropped: none is killed, and none becomes a zombie.

use std::time::{Duration, Instant};

use interfaces::{ProcessReason, ReactorCore as _, Reason, SpawnProcess};
use ropewalk_reactor::{Counts, Limits, Reactor};

use crate::support::child::in_child;
use crate::support::program::{Program, run_script, script, zombies};
use crate::support::{PATIENCE, open_descriptors};

/// Until the process is gone or waits to be reaped.
fn wait_for_end(process: u32) {
    let end = Instant::now() + PATIENCE;
    loop {
        let state = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        if state.is_empty() || state.contains(") Z ") {
            return;
        }
        assert!(Instant::now() < end);
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn stop_soon(reactor: &Reactor) {
    let stopping = reactor.clone();
    reactor.call_when_running(Box::new(move || stopping.stop().unwrap()));
}

#[test]
fn a_stop_closes_the_pipes_tells_the_protocol_and_leaves_the_child_running() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        let before = open_descriptors();
        let program = Program::spawn(&reactor, &SpawnProcess::new("sleep").with_arguments(["60"]));
        let transport = program.transport.clone();
        let process = transport.pid().unwrap();
        stop_soon(&reactor);
        reactor.run().unwrap();
        let mut stages = program.seen.stages();
        assert_eq!(stages.pop().unwrap(), "ended");
        assert_eq!(stages.len(), 4, "{stages:?}");
        assert_eq!(program.seen.ended(), Some(ProcessReason::Stopped));
        assert_eq!(reactor.counts(), Counts::default());
        assert_eq!(transport.pid(), Some(process), "it runs on");
        transport.signal_process(&"TERM".into()).unwrap();
        wait_for_end(process);
        drop((program, transport));
        run_script(&reactor, "exit 0");
        assert_eq!((zombies(), open_descriptors()), (vec![], before));
    });
}

#[test]
fn a_stop_writes_what_was_queued_for_a_child_that_reads() {
    in_child(|| {
        let reactor = Reactor::with_limits(Limits::default().with_linger(PATIENCE)).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("copy");
        let text = format!("sleep 0.2; cat > {}", path.display());
        let program = Program::spawn(&reactor, &script(&text));
        let process = program.transport.pid().unwrap();
        program.transport.write(&[7; 300_000]);
        stop_soon(&reactor);
        reactor.run().unwrap();
        assert_eq!(program.seen.ended(), Some(ProcessReason::Stopped));
        wait_for_end(process);
        assert_eq!(std::fs::read(&path).unwrap().len(), 300_000);
    });
}

#[test]
fn a_child_of_a_reactor_that_is_gone_is_reaped_by_the_next_spawn_of_another() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        let before = open_descriptors();
        let first = Reactor::new().unwrap();
        let program = Program::spawn(&first, &SpawnProcess::new("cat"));
        let process = program.transport.pid().unwrap();
        drop((program, first));
        wait_for_end(process);
        run_script(&reactor, "exit 0");
        assert_eq!((zombies(), open_descriptors()), (vec![], before));
    });
}

#[test]
fn to_disconnect_all_while_the_reactor_runs_closes_the_pipes_and_the_child_is_reaped_when_it_ends()
{
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        let cat = Program::spawn(&reactor, &SpawnProcess::new("cat"));
        let on_a_terminal = SpawnProcess::new("cat").with_terminal(Default::default());
        let terminal = Program::spawn(&reactor, &on_a_terminal);
        let sleep = SpawnProcess::new("sleep").with_arguments(["60"]);
        let asleep = Program::spawn(&reactor, &sleep);
        cat.transport.write(b"echo");
        cat.expect(&reactor, 1, b"echo");
        reactor.disconnect_all();
        for child_fd in 0..=2 {
            assert!(matches!(cat.seen.lost(child_fd), Some(Reason::Aborted)));
            assert!(matches!(asleep.seen.lost(child_fd), Some(Reason::Aborted)));
        }
        assert!(matches!(terminal.seen.lost(1), Some(Reason::Aborted)));
        assert_eq!((reactor.counts().processes, reactor.counts().pipes), (3, 0));
        assert_eq!(cat.seen.exited(), None);
        // Two of them end by that; the third can be ended.
        asleep.transport.signal_process(&"KILL".into()).unwrap();
        let transports = [&cat, &terminal, &asleep].map(|program| program.transport.clone());
        assert_eq!(cat.run(&reactor).ended(), Some(ProcessReason::Done));
        assert!(terminal.run(&reactor).ended().is_some());
        assert_eq!(asleep.run(&reactor).ended().and_then(|reason| reason.signal()), Some(9));
        assert_eq!((zombies(), reactor.counts()), (vec![], Counts::default()));
        assert!(transports.iter().all(|transport| transport.pid().is_none()));
    });
}
