//! Standard input and output as one connection, with another program at the other ends.

use std::rc::Rc;
use std::time::Duration;

use interfaces::{BufferLimits, Factory as _, Reason};

use crate::suite::pattern::pattern;
use crate::suite::{
    Call, Case, CaseContext, ChildScript, Failed, Outcome, Probe, Script, ensure, same, same_bytes,
};

pub(super) const CASES: &[Case] = &[
    Case::of_processes(
        "stdio/echo",
        "what is written goes to the program at the other end, and its answer comes back whole",
        echo,
    )
    .states(&["stdio-010"]),
    Case::of_processes(
        "stdio/end-of-input",
        "the end of the input is told behind its bytes, and the output can still be written",
        end_of_input,
    )
    .states(&["stdio-005"]),
    Case::of_processes(
        "stdio/dies-in-a-write",
        "what a program wrote before it died is delivered before the end",
        dies_in_a_write,
    ),
    Case::of_processes(
        "stdio/reader-gone",
        "an output whose reader is gone ends the connection, without a write",
        reader_gone,
    ),
    Case::of_processes(
        "stdio/reader-gone-half",
        "a half-closeable protocol is told of an output whose reader is gone, and its input goes on",
        reader_gone_half,
    ),
    Case::of_processes(
        "stdio/never-reads",
        "a program that never reads costs bounded memory, and the connection can be aborted",
        never_reads,
    ),
    Case::of_processes(
        "stdio/lose-at-once",
        "a connection that is lost in connection_made ends cleanly, and the program finds no byte",
        lose_at_once,
    )
    .states(&["stdio-004"]),
    Case::of_processes(
        "stdio/paused",
        "while the input is paused nothing comes, and all of it when it is resumed",
        paused,
    )
    .states(&["stdio-011"]),
];

/// Runs a protocol with a program at the other ends, until it is made.
fn open(t: &CaseContext, program: ChildScript, script: Script) -> Result<Rc<Probe>, Failed> {
    let side = t.single(script);
    let nowhere = interfaces::Address::Other("standard streams".into());
    let protocol = side.build_protocol(&nowhere).ok_or_else(|| Failed::new("no protocol"))?;
    t.programs()?.open_stdio(&program, protocol)?;
    let probe = side.probe(0)?;
    t.until("it is made", || probe.is_made())?;
    Ok(probe)
}

fn lost(t: &CaseContext, probe: &Probe) -> Result<Reason, Failed> {
    t.until("it is lost", || probe.is_lost())?;
    probe.reason()
}

fn echo(t: &CaseContext) -> Outcome {
    let data = pattern(1, 200_000);
    let (first, second) = (data[..70_000].to_vec(), data[70_000..].to_vec());
    let script = Script::new()
        .made(move |transport| {
            transport.write(&first);
            let (one, two) = second.split_at(30_000);
            transport.write_sequence(vec![one.to_vec().into(), two.to_vec().into()]);
            if let Some(half) = transport.as_half_closeable() {
                half.lose_write_connection();
            }
        })
        .read_lost(|transport| transport.lose_connection());
    let probe = open(t, ChildScript::new().echo(), script)?;
    ensure(lost(t, &probe)?.is_clean(), "the end is not clean")?;
    same_bytes("what came back", &probe.received(), &data)
}

fn end_of_input(t: &CaseContext) -> Outcome {
    let data = pattern(2, 90_000);
    let program = ChildScript::new().write(1, data.clone()).close(1).read(4).exit(0);
    let probe = open(t, program, Script::new().read_lost(|transport| transport.write(b"word")))?;
    t.until("the input has ended", || probe.count(Call::ReadLost) == 1)?;
    same_bytes("what came", &probe.received(), &data)?;
    same("the calls", probe.calls(), [Call::Made, Call::Data, Call::ReadLost])?;
    t.until("the program has read its word", || probe.count(Call::WriteLost) == 1)?;
    probe.transport()?.lose_connection();
    lost(t, &probe).map(drop)
}

fn dies_in_a_write(t: &CaseContext) -> Outcome {
    let data = pattern(3, 150_000);
    let program = ChildScript::new().write(1, data.clone()).die(libc::SIGSEGV);
    let probe = open(t, program, Script::new())?;
    lost(t, &probe)?;
    let received = probe.received();
    // Both ends are gone at once; that of the output may be seen first, and costs the input.
    ensure(data.starts_with(&received), "other bytes came")
}

fn reader_gone(t: &CaseContext) -> Outcome {
    let program = ChildScript::new().read(4).close(0).sleep(Duration::from_millis(300));
    let probe = open(t, program, Script::new().made(|transport| transport.write(b"word")))?;
    ensure(matches!(lost(t, &probe)?, Reason::Lost(_)), "for another reason")
}

fn reader_gone_half(t: &CaseContext) -> Outcome {
    let data = pattern(4, 90_000);
    let program = ChildScript::new().close(0).sleep(Duration::from_millis(20));
    let probe = open(t, program.write(1, data.clone()).exit(0), Script::new().half_closeable())?;
    t.until("the output is lost", || probe.count(Call::WriteLost) == 1)?;
    t.until("the input has ended", || probe.count(Call::ReadLost) == 1 || probe.is_lost())?;
    same_bytes("what came", &probe.received(), &data)?;
    probe.transport()?.lose_connection();
    lost(t, &probe).map(drop)
}

fn never_reads(t: &CaseContext) -> Outcome {
    const CAP: usize = 300_000;
    let limit = |transport: &Rc<dyn interfaces::Transport>| {
        transport.set_buffer_limits(BufferLimits::default().with_cap(CAP));
    };
    let program = ChildScript::new().sleep(Duration::from_millis(300));
    let probe = open(t, program.clone(), Script::new().made(limit))?;
    for _ in 0..10 {
        probe.transport()?.write(&[0; 50_000]);
        t.world().turn()?;
    }
    let reason = lost(t, &probe)?;
    ensure(matches!(reason, Reason::WriteBufferExceeded { cap: CAP }), &reason.to_string())?;
    let probe = open(t, program, Script::new())?;
    probe.transport()?.write(&[0; 200_000]);
    probe.transport()?.abort_connection();
    ensure(matches!(lost(t, &probe)?, Reason::Aborted), "for another reason")
}

fn lose_at_once(t: &CaseContext) -> Outcome {
    let script = Script::new().made(|transport| transport.lose_connection());
    let probe = open(t, ChildScript::new().read_to_end(), script)?;
    ensure(lost(t, &probe)?.is_clean(), "the end is not clean")?;
    same("the calls", probe.calls(), [Call::Made, Call::Lost])
}

fn paused(t: &CaseContext) -> Outcome {
    let data = pattern(5, 200_000);
    let program = ChildScript::new().write(1, data.clone()).close(1).read_to_end();
    let script = Script::new()
        .made(|transport| transport.pause_producing())
        .read_lost(|transport| transport.lose_connection());
    let probe = open(t, program, script)?;
    t.settle()?;
    same("bytes while it was paused", probe.received_bytes(), 0)?;
    probe.transport()?.resume_producing();
    ensure(lost(t, &probe)?.is_clean(), "the end is not clean")?;
    same_bytes("what came", &probe.received(), &data)
}
