//! The ends of child processes: by themselves, by signals, in the middle of a write.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{BufferLimits, Reason, Signal, SignalError, SpawnProcess};
use protocol::testing::ProcessSeen;

use super::process::{spawn, spawn_with};
use crate::suite::pattern::pattern;
use crate::suite::{Case, CaseContext, ChildScript, Failed, Outcome, ensure, same, same_bytes};

pub(super) const CASES: &[Case] = &[
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
        "process/number",
        "a child has a number until its exit is told, and none after it",
        number,
    )
    .states(&["process-019", "process-033"]),
];

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

fn number(t: &CaseContext) -> Outcome {
    let numbers = Rc::new(RefCell::new(Vec::new()));
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
