//! Processes: the stages of their lives, and many at once.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use interfaces::{
    ExitStatus, ProcessProtocol, ProcessReason, ProcessTransport, ReactorCore as _,
    ReactorProcess as _, Reason, SignalError, SpawnError, SpawnProcess,
};
use protocol::testing::{ProcessRecord, ProcessRecorder, ProcessSeen};
use ropewalk_reactor::{Counts, Reactor};

use crate::support::child::in_child;
use crate::support::program::{Program, output_of, run_program, run_script, script, zombies};
use crate::support::{Lines, open_descriptors, turn_until};

/// Closes its descriptors one by one, with a word before each, while it still reads.
const STAGES: &str = "echo first; read answer; exec 1>&-; echo second >&2; read answer; exec 2>&-; \
                      read answer; exec 0<&-; exit 23";

#[test]
fn a_process_goes_through_its_stages_in_order_and_can_be_written_to_in_between() {
    let reactor = Reactor::new().unwrap();
    let program = Program::spawn_with(&reactor, &script(STAGES), |seen, transport| match seen {
        ProcessSeen::ChildDataReceived(..) => transport.write(b"go on\n"),
        ProcessSeen::ChildConnectionLost(2, _) => transport.write(b"end\n"),
        _ => {}
    });
    let transport = program.transport.clone();
    let seen = program.run(&reactor);
    // The pipe that it reads is closed when it exits, or a moment before.
    let stages = seen.stages();
    assert_eq!(stages[..3], ["made", "lost 1", "lost 2"]);
    assert_eq!(stages.last().unwrap(), "ended");
    assert!(stages.contains(&"lost 0".to_string()) && stages.contains(&"exited".to_string()));
    assert_eq!(stages.len(), 6);
    assert_eq!((seen.received(1), seen.received(2)), (b"first\n".to_vec(), b"second\n".to_vec()));
    let reason = ProcessReason::Terminated(ExitStatus::Exited(23));
    assert_eq!((seen.exited(), seen.ended()), (Some(reason), Some(reason)));
    let late = transport.signal_process(&"TERM".into());
    assert_eq!(late, Err(SignalError::ProcessExitedAlready));
}

#[test]
fn each_descriptor_is_lost_once_in_the_order_in_which_the_child_closes_them() {
    let reactor = Reactor::new().unwrap();
    let text = "exec 2>&-; read word; exec 1>&-; read word; exec 0<&-; exec sleep 60";
    let program = Program::spawn_with(&reactor, &script(text), |seen, transport| match seen {
        ProcessSeen::ChildConnectionLost(0, _) => {
            transport.signal_process(&"TERM".into()).unwrap();
        }
        ProcessSeen::ChildConnectionLost(..) => transport.write(b"next\n"),
        _ => {}
    });
    let stages = program.run(&reactor).stages();
    assert_eq!(stages, ["made", "lost 2", "lost 1", "lost 0", "exited", "ended"]);
}

#[test]
fn many_processes_at_once_each_go_through_all_stages() {
    let reactor = Reactor::new().unwrap();
    let programs: Vec<_> = (0..25).map(|_| Program::spawn(&reactor, &script("exit 23"))).collect();
    for program in programs {
        let seen = program.run(&reactor);
        let stages = seen.stages();
        assert_eq!((stages.len(), stages[0].as_str(), stages[5].as_str()), (6, "made", "ended"));
        let reason = ProcessReason::Terminated(ExitStatus::Exited(23));
        assert_eq!((seen.exited(), seen.ended()), (Some(reason), Some(reason)));
    }
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn a_process_that_ended_before_the_reactor_runs_is_still_told() {
    let reactor = Reactor::new().unwrap();
    let (seen, running) = (ProcessRecord::new(), reactor.clone());
    let protocol = ProcessRecorder::new(&seen).with_hook(move |seen, _| {
        if let ProcessSeen::ProcessEnded(_) = seen {
            running.stop().unwrap();
        }
    });
    let options =
        script("exit 0").with_descriptors(interfaces::ChildDescriptors::Each(Default::default()));
    let transport = reactor.spawn_process(&options, Box::new(protocol)).unwrap();
    let process = transport.pid().unwrap();
    let state = || std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    while !state().contains(") Z ") {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(seen.stages().is_empty(), "nothing is told before a turn");
    reactor.run().unwrap();
    assert_eq!(seen.stages(), ["made", "exited", "ended"]);
    assert_eq!(seen.ended(), Some(ProcessReason::Done));
}

#[test]
fn the_number_of_a_process_is_known_until_it_has_exited() {
    let reactor = Reactor::new().unwrap();
    let numbers = Rc::new(RefCell::new(Vec::new()));
    let noted = numbers.clone();
    let program = Program::spawn_with(&reactor, &script("echo $$"), move |seen, transport| {
        let stage = match seen {
            ProcessSeen::ConnectionMade => "made",
            ProcessSeen::ProcessExited(_) => "exited",
            ProcessSeen::ProcessEnded(_) => "ended",
            _ => return,
        };
        noted.borrow_mut().push((stage, transport.pid()));
    });
    let own = program.transport.pid();
    let seen = program.run(&reactor);
    assert_eq!(seen.received(1), format!("{}\n", own.unwrap()).into_bytes());
    assert_eq!(*numbers.borrow(), [("made", own), ("exited", None), ("ended", None)]);
}

/// What a child of ours ends as, for each way to end.
#[test]
fn children_that_die_in_ten_ways_are_told_by_their_status_or_their_signal() {
    let reactor = Reactor::new().unwrap();
    let exits = [("exit 0", 0), ("exit 1", 1), ("exit 255", 255), ("exit 256", 0)];
    for (text, code) in exits {
        let seen = run_script(&reactor, text);
        assert_eq!(seen.ended().unwrap().exit_code(), Some(code), "{text}");
        assert_eq!(seen.ended().unwrap().signal(), None, "{text}");
    }
    let signals = [
        ("kill -KILL $$", libc::SIGKILL),
        ("kill -TERM $$", libc::SIGTERM),
        ("ulimit -c 0; kill -SEGV $$", libc::SIGSEGV),
        ("ulimit -c 0; kill -ABRT $$", libc::SIGABRT),
        ("kill -PIPE $$", libc::SIGPIPE),
        ("printf half; kill -KILL $$; printf never", libc::SIGKILL),
    ];
    for (text, signal) in signals {
        let seen = run_script(&reactor, text);
        let reason = seen.ended().unwrap();
        assert_eq!((reason.exit_code(), reason.signal()), (None, Some(signal)), "{text}");
        assert_eq!(seen.exited(), Some(reason), "{text}");
    }
    assert!(matches!(run_script(&reactor, "exit 0").ended(), Some(ProcessReason::Done)));
}

#[test]
fn an_exit_is_told_at_once_though_a_grandchild_holds_the_pipes_and_the_end_when_they_close() {
    let reactor = Reactor::new().unwrap();
    // The grandchild ends when its input does.
    let program = Program::spawn(&reactor, &script("exec 3<&0; (exec cat <&3) & exit 0"));
    turn_until(&reactor, "the exit was told", || program.seen.exited().is_some());
    assert_eq!(program.seen.stages(), ["made", "exited"]);
    program.transport.write(b"to the grandchild");
    program.expect(&reactor, 1, b"to the grandchild");
    assert_eq!(program.seen.stages(), ["made", "exited"]);
    program.transport.lose_connection();
    let mut stages = program.run(&reactor).stages();
    assert_eq!(stages.pop().unwrap(), "ended");
    stages[2..].sort();
    assert_eq!(stages, ["made", "exited", "lost 0", "lost 1", "lost 2"]);
}

#[test]
fn losing_the_connection_when_bytes_come_closes_all_pipes_and_the_end_waits_for_the_exit() {
    let reactor = Reactor::new().unwrap();
    let text = "trap '' PIPE; trap 'go=1' USR1; echo word; \
                while test -z \"$go\"; do sleep 0.01; done; exit 0";
    let program = Program::spawn_with(&reactor, &script(text), |seen, transport| {
        if let ProcessSeen::ChildDataReceived(..) = seen {
            transport.lose_connection();
        }
    });
    turn_until(&reactor, "the pipes closed", || program.seen.stages().len() == 4);
    for _ in 0..5 {
        reactor.turn(Some(Duration::from_millis(5))).unwrap();
    }
    assert_eq!(program.seen.stages().len(), 4, "it runs on");
    program.transport.signal_process(&"USR1".into()).unwrap();
    turn_until(&reactor, "it ended", || program.seen.ended().is_some());
    let stages = program.seen.stages();
    assert_eq!(stages[4..], ["exited", "ended"]);
    assert_eq!(program.seen.ended(), Some(ProcessReason::Done));
}

/// Overrides the events of the standard descriptors alone.
struct Named(Rc<RefCell<Vec<String>>>);

impl Named {
    fn note(&self, text: &str) {
        self.0.borrow_mut().push(text.to_string());
    }
}

impl ProcessProtocol for Named {
    fn out_received(&mut self, _: &Rc<dyn ProcessTransport>, data: &[u8]) {
        self.note(&format!("out {}", String::from_utf8_lossy(data)));
    }
    fn err_received(&mut self, _: &Rc<dyn ProcessTransport>, data: &[u8]) {
        self.note(&format!("err {}", String::from_utf8_lossy(data)));
    }
    fn in_connection_lost(&mut self, _: &Rc<dyn ProcessTransport>, _: &Reason) {
        self.note("in lost");
    }
    fn out_connection_lost(&mut self, _: &Rc<dyn ProcessTransport>, _: &Reason) {
        self.note("out lost");
    }
    fn err_connection_lost(&mut self, _: &Rc<dyn ProcessTransport>, _: &Reason) {
        self.note("err lost");
    }
    fn process_ended(&mut self, _: &Rc<dyn ProcessTransport>, _: &ProcessReason) {
        self.note("ended");
    }
}

#[test]
fn the_standard_descriptors_have_events_of_their_own_and_others_none() {
    let reactor = Reactor::new().unwrap();
    let events = Rc::new(RefCell::new(Vec::new()));
    let options = script("printf 1; printf 2 >&2; printf 5 >&5")
        .with_descriptor(5, interfaces::ChildDescriptor::PipeFromChild);
    reactor.spawn_process(&options, Box::new(Named(events.clone()))).unwrap();
    turn_until(&reactor, "it ended", || events.borrow().iter().any(|event| event == "ended"));
    let mut events = events.take();
    assert_eq!(events.pop().unwrap(), "ended");
    events.sort();
    assert_eq!(events, ["err 2", "err lost", "in lost", "out 1", "out lost"]);
}

#[test]
fn an_exit_is_told_though_all_pipes_were_closed_long_before() {
    let reactor = Reactor::new().unwrap();
    let text = "trap 'exit 7' USR1; echo all; exec 0<&- 1>&- 2>&-; while :; do sleep 0.01; done";
    let program = Program::spawn(&reactor, &script(text));
    turn_until(&reactor, "the pipes closed", || program.seen.stages().len() == 4);
    assert_eq!(program.seen.received(1), b"all\n");
    program.transport.signal_process(&"USR1".into()).unwrap();
    let seen = program.run(&reactor);
    assert_eq!(seen.stages()[4..], ["exited", "ended"]);
    assert_eq!(seen.ended().unwrap().exit_code(), Some(7));
}

#[test]
fn a_panic_of_the_protocol_is_told_once_and_the_process_is_still_reaped() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        for panicking in ["made", "data", "lost", "exited", "ended"] {
            let lines = Lines::watch(&reactor);
            let program = Program::spawn_with(&reactor, &script("echo word"), move |seen, _| {
                let stage = match seen {
                    ProcessSeen::ConnectionMade => "made",
                    ProcessSeen::ChildDataReceived(..) => "data",
                    ProcessSeen::ChildConnectionLost(..) => "lost",
                    ProcessSeen::ProcessExited(_) => "exited",
                    _ => "ended",
                };
                assert!(stage != panicking, "as the test wants");
            });
            let seen = program.run(&reactor);
            let times = if panicking == "lost" { 3 } else { 1 };
            assert_eq!(lines.count("as the test wants"), times, "{panicking}");
            assert_eq!(seen.stages().len(), 6, "{panicking}");
            assert_eq!((reactor.counts(), zombies()), (Counts::default(), vec![]), "{panicking}");
        }
    });
}

#[test]
fn a_program_that_cannot_be_executed_is_an_error_at_once_and_leaves_nothing() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        let before = open_descriptors();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("no-program");
        std::fs::write(&file, "text").unwrap();
        let missing = "/nonexistent/prog";
        let tried = [
            (SpawnProcess::new(missing), libc::ENOENT),
            (SpawnProcess::new("no-such-program-anywhere"), libc::ENOENT),
            (SpawnProcess::new(&file), libc::EACCES),
            (SpawnProcess::new("/bin/true").with_directory("/nonexistent"), libc::ENOENT),
            (SpawnProcess::new(missing).with_terminal(Default::default()), libc::ENOENT),
        ];
        for (options, errno) in tried {
            let seen = ProcessRecord::new();
            let protocol = Box::new(ProcessRecorder::new(&seen));
            let failed = reactor.spawn_process(&options, protocol).err().unwrap();
            let SpawnError::NotExecuted { source, .. } = &failed else { panic!("{failed:?}") };
            assert_eq!(source.raw_os_error(), errno, "{options:?}");
            assert!(failed.to_string().contains(&*options.program.to_string_lossy()), "{failed}");
            reactor.turn(Some(Duration::ZERO)).unwrap();
            assert!(seen.stages().is_empty());
            let left = (open_descriptors(), zombies(), reactor.counts());
            assert_eq!(left, (before, vec![], Counts::default()), "{options:?}");
        }
    });
}

#[test]
fn a_script_is_run_by_the_interpreter_that_it_names() {
    use std::os::unix::fs::PermissionsExt as _;
    let reactor = Reactor::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("script");
    std::fs::write(&file, "#!/bin/sh\nprintf 'run by %s' sh\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o700)).unwrap();
    let seen = run_program(&reactor, &SpawnProcess::new(&file));
    assert_eq!(
        (seen.received(1), seen.ended()),
        (b"run by sh".to_vec(), Some(ProcessReason::Done))
    );
}

/// Without `ROPEWALK_MANY_CHILDREN` there are fewer.
#[test]
fn many_short_lived_children_are_each_reaped_once_and_leave_no_descriptor() {
    in_child(|| {
        let count = std::env::var("ROPEWALK_MANY_CHILDREN");
        let count: usize = count.map_or(300, |count| count.parse().unwrap());
        let reactor = Reactor::new().unwrap();
        let before = open_descriptors();
        let (started, ended) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        while ended.get() < count {
            while started.get() < count && started.get() - ended.get() < 20 {
                let ended = ended.clone();
                let seen = ProcessRecord::new();
                let protocol = ProcessRecorder::new(&seen).with_hook(move |seen, _| {
                    if let ProcessSeen::ProcessEnded(reason) = seen {
                        assert_eq!(*reason, ProcessReason::Done);
                        ended.set(ended.get() + 1);
                    }
                });
                let options = SpawnProcess::new("/bin/true");
                reactor.spawn_process(&options, Box::new(protocol)).unwrap();
                started.set(started.get() + 1);
            }
            reactor.turn(Some(Duration::from_secs(5))).unwrap();
        }
        assert_eq!((ended.get(), reactor.counts()), (count, Counts::default()));
        assert_eq!((zombies(), open_descriptors()), (vec![], before));
    });
}

#[test]
fn the_output_of_a_program_is_what_it_wrote() {
    let reactor = Reactor::new().unwrap();
    assert_eq!(output_of(&reactor, &script("printf '%s' word")), "word");
}
