//! Child processes: their bytes, their ends, their signals.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{
    BufferLimits, ChildDescriptor, NoSuchChildFd, ProcessReason, ProcessTransport, Producer,
    PullProducer, Reason, Signal, SignalError, SpawnError, SpawnProcess,
};
use protocol::testing::{ProcessRecord, ProcessRecorder, ProcessSeen};

use crate::suite::notices::panic_as_planned;
use crate::suite::pattern::pattern;
use crate::suite::{Case, CaseContext, ChildScript, Failed, Outcome, ensure, same, same_bytes};

pub(super) const CASES: &[Case] = &[
    Case::of_processes(
        "process/echo",
        "what is written to a child that echoes comes back whole, and the end of its input ends it",
        echo,
    )
    .states(&["process-002", "process-031", "process-036"]),
    Case::of_processes(
        "process/apart",
        "what a child writes comes by its descriptor, the three standard ones and another",
        apart,
    ),
    Case::of_processes(
        "process/stages",
        "the end of each pipe comes after its bytes, and process_ended last, with the exit code",
        stages,
    )
    .states(&["process-034"]),
    Case::of_processes(
        "process/dies-behind-its-bytes",
        "all that a child wrote before a signal ended it is delivered before its end",
        dies_behind_its_bytes,
    ),
    Case::of_processes(
        "process/killed-in-a-write",
        "a child that is killed in the middle of a write ends with the bytes so far",
        killed_in_a_write,
    ),
    Case::of_processes(
        "process/outlives-its-pipes",
        "the exit of a child that closed its pipes long before is told",
        outlives_its_pipes,
    )
    .states(&["process-039"]),
    Case::of_processes(
        "process/never-reads",
        "a child that never reads costs bounded memory, and is killed",
        never_reads,
    ),
    Case::of_processes(
        "process/exits-unread",
        "a child that exits before it reads costs its input, and its exit code is told",
        exits_unread,
    ),
    Case::of_processes(
        "process/output-closed",
        "a child whose output this side closed is ended by SIGPIPE",
        output_closed,
    ),
    Case::of_processes(
        "process/paused",
        "while a child's output is paused nothing comes, and all of it when it is resumed",
        paused,
    )
    .states(&["process-017"]),
    Case::of_processes(
        "process/producer",
        "a pull producer feeds a child, and its input is closed when the producer is done",
        producer,
    ),
    Case::of_processes(
        "process/signals",
        "a signal by its name or its number ends a child, and is told as its end",
        signals,
    )
    .states(&["process-042"]),
    Case::of_processes(
        "process/signals-refused",
        "a signal without a name, or to a child that has exited, is an error; an ignored one does nothing",
        signals_refused,
    ),
    Case::of_processes(
        "process/no-such-pipe",
        "bytes for a pipe that was not made are an error, and the child goes on",
        no_such_pipe,
    )
    .states(&["process-003"]),
    Case::of_processes(
        "process/number",
        "a child has a number until its exit is told, and none after it",
        number,
    )
    .states(&["process-019", "process-033"]),
    Case::of_processes(
        "process/not-there",
        "a program that does not exist is an error at once, and its protocol is told nothing",
        not_there,
    )
    .states(&["process-044"]),
    Case::of_processes(
        "process/panic",
        "a panic in the bytes of a pipe closes that pipe, and the child goes on",
        panic,
    ),
    Case::of_processes(
        "process/many",
        "each of 25 children passes through its stages and is reaped once",
        many,
    )
    .states(&["process-035"]),
];

/// A child, and what its protocol saw.
struct Spawned {
    seen: ProcessRecord,
    transport: Rc<dyn ProcessTransport>,
}

impl Spawned {
    /// Waits until it has ended.
    fn end(&self, t: &CaseContext) -> Result<ProcessReason, Failed> {
        t.until("the process has ended", || self.seen.ended().is_some())?;
        let reason = self.seen.ended().ok_or_else(|| Failed::new("it has no end"))?;
        let stages = self.seen.stages();
        same("the first stage", stages.first().map(String::as_str), Some("made"))?;
        same("the last stage", stages.last().map(String::as_str), Some("ended"))?;
        for stage in ["made", "exited", "ended"] {
            let times = stages.iter().filter(|it| *it == stage).count();
            same(&format!("how often it was {stage}"), times, 1)?;
        }
        same("its exit", self.seen.exited(), Some(reason))?;
        Ok(reason)
    }

    fn exits(&self, t: &CaseContext, code: u8) -> Outcome {
        same("its exit code", self.end(t)?.exit_code(), Some(code))
    }
}

fn spawn(t: &CaseContext, script: ChildScript) -> Result<Spawned, Failed> {
    spawn_with(t, script, |options| options, |_, _| {})
}

fn spawn_with(
    t: &CaseContext,
    script: ChildScript,
    options: impl FnOnce(SpawnProcess) -> SpawnProcess,
    hook: impl FnMut(&ProcessSeen, &Rc<dyn ProcessTransport>) + 'static,
) -> Result<Spawned, Failed> {
    let programs = t.programs()?;
    let seen = ProcessRecord::new();
    let protocol = Box::new(ProcessRecorder::new(&seen).with_hook(hook));
    let options = options(programs.program(&script)?);
    let spawned = programs.reactor().spawn_process(&options, protocol);
    let transport = spawned.map_err(|error| Failed::new(error.to_string()))?;
    Ok(Spawned { seen, transport })
}

fn echo(t: &CaseContext) -> Outcome {
    let data = pattern(1, 70_070);
    let pieces: Vec<Vec<u8>> = data.chunks(7007).map(<[u8]>::to_vec).collect();
    let child = spawn_with(t, ChildScript::new().echo(), |it| it, {
        move |seen, transport| {
            if matches!(seen, ProcessSeen::ConnectionMade) {
                pieces[..8].iter().for_each(|piece| transport.write(piece));
                let rest = pieces[8..].iter().map(|piece| piece.clone().into());
                transport.write_sequence(rest.collect());
                transport.close_stdin();
            }
        }
    })?;
    same("its end", child.end(t)?, ProcessReason::Done)?;
    same_bytes("what came back", &child.seen.received(1), &data)
}

fn apart(t: &CaseContext) -> Outcome {
    let script = ChildScript::new().write(1, b"out").write(2, b"err").write(5, b"five").exit(0);
    let fifth = |it: SpawnProcess| it.with_descriptor(5, ChildDescriptor::PipeFromChild);
    let child = spawn_with(t, script, fifth, |_, _| {})?;
    child.exits(t, 0)?;
    for (child_fd, want) in [(0, &b""[..]), (1, b"out"), (2, b"err"), (5, b"five")] {
        same_bytes("what it wrote", &child.seen.received(child_fd), want)?;
        let clean = child.seen.lost(child_fd).is_some_and(|reason| reason.is_clean());
        ensure(clean, &format!("the end of {child_fd} is not clean"))?;
    }
    Ok(())
}

fn stages(t: &CaseContext) -> Outcome {
    let script = ChildScript::new().write(1, b"out").close(1).write(2, b"err").close(2);
    let child = spawn_with(
        t,
        script.read(4).close(0).exit(23),
        |it| it,
        |seen, transport| {
            if matches!(seen, ProcessSeen::ChildConnectionLost(2, _)) {
                transport.write(b"word");
            }
        },
    )?;
    child.exits(t, 23)?;
    let stages = child.seen.stages();
    same("the stages", &stages[..3], ["made", "lost 1", "lost 2"])?;
    same("their number", stages.len(), 6)?;
    for (child_fd, want) in [(1, b"out"), (2, b"err")] {
        let seen = child.seen.seen();
        let data = seen
            .iter()
            .rposition(|it| matches!(it, ProcessSeen::ChildDataReceived(of, _) if *of == child_fd));
        let lost = seen.iter().position(
            |it| matches!(it, ProcessSeen::ChildConnectionLost(of, _) if *of == child_fd),
        );
        ensure(data < lost, "a pipe ended before its bytes")?;
        same_bytes("what it wrote", &child.seen.received(child_fd), want)?;
    }
    Ok(())
}

fn dies_behind_its_bytes(t: &CaseContext) -> Outcome {
    let data = pattern(2, 90_000);
    let child = spawn(t, ChildScript::new().write(1, data.clone()).die(libc::SIGSEGV))?;
    same("the signal", child.end(t)?.signal(), Some(libc::SIGSEGV))?;
    same_bytes("what it wrote", &child.seen.received(1), &data)
}

fn killed_in_a_write(t: &CaseContext) -> Outcome {
    let data = pattern(3, 400_000);
    let script = ChildScript::new().write(1, data.clone()).wait();
    let child = spawn_with(
        t,
        script,
        |it| it,
        |seen, transport| {
            if matches!(seen, ProcessSeen::ChildDataReceived(..)) {
                transport.pause_producing();
            }
        },
    )?;
    t.until("some bytes came", || !child.seen.received(1).is_empty())?;
    t.settle()?;
    child.transport.signal_process(&"KILL".into()).map_err(|it| Failed::new(it.to_string()))?;
    t.until("its exit was told", || child.seen.exited().is_some())?;
    while child.seen.ended().is_none() {
        child.transport.resume_producing();
        t.settle()?;
    }
    same("the signal", child.end(t)?.signal(), Some(libc::SIGKILL))?;
    let received = child.seen.received(1);
    ensure(received.len() < data.len(), "it was not in the middle of its write")?;
    same_bytes("the bytes so far", &received, &data[..received.len()])
}

fn outlives_its_pipes(t: &CaseContext) -> Outcome {
    let script = ChildScript::new().write(1, b"all").close(0).close(1).close(2);
    let child = spawn(t, script.sleep(Duration::from_millis(50)).exit(4))?;
    t.until("its pipes are closed", || (0..3).all(|fd| child.seen.lost(fd).is_some()))?;
    ensure(child.seen.exited().is_none(), "it has exited already")?;
    child.exits(t, 4)?;
    same_bytes("what it wrote", &child.seen.received(1), b"all")
}

fn never_reads(t: &CaseContext) -> Outcome {
    const CAP: usize = 300_000;
    let limited = |it: SpawnProcess| it.with_buffer(BufferLimits::default().with_cap(CAP));
    let child = spawn_with(t, ChildScript::new().wait(), limited, |_, _| {})?;
    for _ in 0..10 {
        child.transport.write(&[0; 50_000]);
        t.world().turn()?;
    }
    t.until("its input was given up", || child.seen.lost(0).is_some())?;
    let exceeded = matches!(child.seen.lost(0), Some(Reason::WriteBufferExceeded { cap: CAP }));
    ensure(exceeded, "its input ended for another reason")?;
    ensure(child.seen.exited().is_none(), "that is no reason for its end")?;
    child.transport.signal_process(&"TERM".into()).map_err(|it| Failed::new(it.to_string()))?;
    same("the signal", child.end(t)?.signal(), Some(libc::SIGTERM))
}

fn exits_unread(t: &CaseContext) -> Outcome {
    let child = spawn(t, ChildScript::new().write(1, b"all").exit(7))?;
    child.transport.write(&[0; 200_000]);
    child.exits(t, 7)?;
    same_bytes("what it wrote", &child.seen.received(1), b"all")?;
    ensure(matches!(child.seen.lost(0), Some(Reason::Lost(_))), "its input was lost unsaid")
}

fn output_closed(t: &CaseContext) -> Outcome {
    let child = spawn(t, ChildScript::new().read(1).write(1, pattern(4, 200_000)).exit(0))?;
    child.transport.close_stdout();
    t.until("it is closed", || child.seen.lost(1).is_some())?;
    child.transport.write(b"x");
    same("the signal", child.end(t)?.signal(), Some(libc::SIGPIPE))?;
    ensure(child.seen.received(1).is_empty(), "bytes came from a closed pipe")
}

fn paused(t: &CaseContext) -> Outcome {
    let data = pattern(5, 200_000);
    let child = spawn(t, ChildScript::new().write(1, data.clone()).exit(0))?;
    child.transport.pause_producing();
    t.settle()?;
    ensure(child.seen.received(1).is_empty(), "bytes came while it was paused")?;
    child.transport.resume_producing();
    child.exits(t, 0)?;
    same_bytes("what it wrote", &child.seen.received(1), &data)
}

/// Writes a piece each time that it is asked, and then closes the input.
struct Pieces {
    child: Rc<dyn ProcessTransport>,
    left: Cell<u64>,
}

impl PullProducer for Pieces {
    fn resume_producing(&self) {
        let left = self.left.get();
        if left == 0 {
            self.child.unregister_producer();
            return;
        }
        self.left.set(left - 1);
        self.child.write(&pattern(left, 5000));
    }

    fn stop_producing(&self) {
        self.left.set(0);
    }
}

fn producer(t: &CaseContext) -> Outcome {
    let child = spawn(t, ChildScript::new().echo())?;
    let pieces = Rc::new(Pieces { child: child.transport.clone(), left: Cell::new(40) });
    let registered = child.transport.register_producer(Producer::Pull(pieces));
    registered.map_err(|error| Failed::new(error.to_string()))?;
    // It waits for the producer.
    child.transport.close_stdin();
    child.exits(t, 0)?;
    let want: Vec<u8> = (1..=40).rev().flat_map(|left| pattern(left, 5000)).collect();
    same_bytes("what came back", &child.seen.received(1), &want)
}

fn signals(t: &CaseContext) -> Outcome {
    let all = [
        ("HUP".into(), libc::SIGHUP),
        ("SIGINT".into(), libc::SIGINT),
        ("KILL".into(), libc::SIGKILL),
        (Signal::Number(libc::SIGTERM), libc::SIGTERM),
    ];
    for (signal, number) in all {
        let child = spawn(t, ChildScript::new().write(1, b"ready").wait())?;
        t.until("it is ready", || child.seen.received(1) == b"ready")?;
        same("the answer", child.transport.signal_process(&signal), Ok(()))?;
        let reason = child.end(t)?;
        same("the signal", (reason.signal(), reason.exit_code()), (Some(number), None))?;
    }
    Ok(())
}

fn signals_refused(t: &CaseContext) -> Outcome {
    let script = ChildScript::new().ignoring(libc::SIGTERM).write(1, b"ready").read_to_end();
    let child = spawn(t, script.exit(3))?;
    t.until("it is ready", || child.seen.received(1) == b"ready")?;
    let unknown = child.transport.signal_process(&"NO_SUCH".into());
    let refused = matches!(unknown, Err(SignalError::UnknownName { .. }));
    ensure(refused, &format!("a name that no signal has: {unknown:?}"))?;
    same("an ignored signal", child.transport.signal_process(&"TERM".into()), Ok(()))?;
    t.settle()?;
    ensure(child.seen.exited().is_none(), "it has exited")?;
    child.transport.close_stdin();
    child.exits(t, 3)?;
    let late = child.transport.signal_process(&"TERM".into());
    same("after its exit", late, Err(SignalError::ProcessExitedAlready))
}

fn no_such_pipe(t: &CaseContext) -> Outcome {
    let child = spawn(t, ChildScript::new().echo())?;
    let write = child.transport.write_to_child(8, b"x");
    same("the answer", write, Err(NoSuchChildFd { child_fd: 8 }))?;
    let close = child.transport.close_child_fd(8);
    same("the answer", close, Err(NoSuchChildFd { child_fd: 8 }))?;
    same("the answer", child.transport.write_to_child(0, b"word"), Ok(()))?;
    child.transport.close_stdin();
    child.exits(t, 0)?;
    same_bytes("what came back", &child.seen.received(1), b"word")
}

fn number(t: &CaseContext) -> Outcome {
    let numbers = Rc::new(std::cell::RefCell::new(Vec::new()));
    let told = numbers.clone();
    let child = spawn_with(
        t,
        ChildScript::new(),
        |it| it,
        move |seen, transport| {
            let has_number = transport.pid().is_some();
            match seen {
                ProcessSeen::ConnectionMade => told.borrow_mut().push(("made", has_number)),
                ProcessSeen::ProcessExited(_) => told.borrow_mut().push(("exited", has_number)),
                ProcessSeen::ProcessEnded(_) => told.borrow_mut().push(("ended", has_number)),
                _ => {}
            }
        },
    )?;
    child.exits(t, 0)?;
    same("the number", numbers.take(), [("made", true), ("exited", false), ("ended", false)])?;
    same("the number at the end", child.transport.pid(), None)
}

fn not_there(t: &CaseContext) -> Outcome {
    let seen = ProcessRecord::new();
    let options = SpawnProcess::new("/nowhere/at/all");
    let protocol = Box::new(ProcessRecorder::new(&seen));
    let spawned = t.programs()?.reactor().spawn_process(&options, protocol);
    ensure(matches!(spawned, Err(SpawnError::NotExecuted { .. })), "it was executed")?;
    drop(spawned);
    t.settle()?;
    same("the stages", seen.stages().len(), 0)
}

fn panic(t: &CaseContext) -> Outcome {
    let script = ChildScript::new().write(2, b"bad").read_to_end().write(1, b"good").exit(0);
    let child = spawn_with(
        t,
        script,
        |it| it,
        |seen, _| {
            if matches!(seen, ProcessSeen::ChildDataReceived(2, _)) {
                panic_as_planned("in the bytes of a pipe");
            }
        },
    )?;
    t.until("it is closed", || child.seen.lost(2).is_some())?;
    ensure(matches!(child.seen.lost(2), Some(Reason::Panicked(_))), "for another reason")?;
    same("the panics that were told", t.planned_panics(), 1)?;
    child.transport.close_stdin();
    child.exits(t, 0)?;
    same_bytes("what it wrote", &child.seen.received(1), b"good")
}

fn many(t: &CaseContext) -> Outcome {
    let script = ChildScript::new().write(1, b"out").close(1).write(2, b"err").close(2);
    let script = script.read(4).exit(23);
    let mut children = Vec::new();
    for _ in 0..25 {
        let child = spawn(t, script.clone())?;
        child.transport.write(b"word");
        children.push(child);
    }
    for child in children {
        child.exits(t, 23)?;
        same("the number of stages", child.seen.stages().len(), 6)?;
        same_bytes("what it wrote", &child.seen.received(1), b"out")?;
        same_bytes("what it wrote", &child.seen.received(2), b"err")?;
    }
    Ok(())
}
