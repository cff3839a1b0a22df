//! Child processes: their bytes, their pipes, their stages.

use std::cell::Cell;
use std::rc::Rc;

use interfaces::{
    ChildDescriptor, NoSuchChildFd, ProcessReason, ProcessTransport, Producer, PullProducer,
    Reason, SpawnError, SpawnProcess,
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
        "process/no-such-pipe",
        "bytes for a pipe that was not made are an error, and the child goes on",
        no_such_pipe,
    )
    .states(&["process-003"]),
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
pub(super) struct Spawned {
    pub(super) seen: ProcessRecord,
    pub(super) transport: Rc<dyn ProcessTransport>,
}

impl Spawned {
    /// Waits until it has ended.
    pub(super) fn end(&self, t: &CaseContext) -> Result<ProcessReason, Failed> {
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

    pub(super) fn exits(&self, t: &CaseContext, code: u8) -> Outcome {
        same("its exit code", self.end(t)?.exit_code(), Some(code))
    }
}

pub(super) fn spawn(t: &CaseContext, script: ChildScript) -> Result<Spawned, Failed> {
    spawn_with(t, script, |options| options, |_, _| {})
}

pub(super) fn spawn_with(
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
