//! Lives of child processes: what they write comes, to the byte or to the death of the child.
//!
//! Invariant: each child's end is told once, after its output.

use std::rc::Rc;
use std::time::Duration;

use interfaces::{ProcessTransport, ReactorProcess, SpawnProcess};
use protocol::testing::{ProcessRecord, ProcessRecorder};
use reactor::simulated::Script;
use reactor::simulation::SimulatedWorld;
use testkit::pattern;

/// The numbers of two signals, which are the same on every Linux.
const SIGKILL: i32 = 9;
const SIGSEGV: i32 = 11;

/// What a child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    /// Copies its input to its output.
    Echo,
    /// Writes, and exits with a code.
    Write,
    /// Writes, and dies.
    Die,
    /// Sleeps until it is killed.
    Sleep,
}

const PROGRAMS: [Program; 4] = [Program::Write, Program::Echo, Program::Die, Program::Sleep];

/// One child, and what it has to do.
struct Child {
    number: usize,
    program: Program,
    bytes: Vec<u8>,
    seen: ProcessRecord,
}

/// Sets up children, which begin over some time.
pub(crate) fn begin(world: &SimulatedWorld, lives: usize) {
    for number in 0..lives {
        // The plain answer begins none, so a shrunk run has few.
        if world.choose(20) > 0 {
            let of_child = world.clone();
            let delay = world.delay(Duration::from_millis(50));
            world.reactor().call_later(delay, move || begin_child(&of_child, number));
        }
    }
}

fn begin_child(world: &SimulatedWorld, number: usize) {
    let program = PROGRAMS[world.choose(PROGRAMS.len())];
    let bytes = pattern(number as u64, world.choose(1 << world.choose(16)));
    let pace = Duration::ZERO..=world.delay(Duration::from_millis(4));
    let script = Script::new().paced(pace);
    let script = match program {
        Program::Echo => script.echo(),
        Program::Write => script.write(1, bytes.clone()).exit(3),
        Program::Die => script.write(1, bytes.clone()).die(SIGSEGV),
        Program::Sleep => script.sleep(Duration::from_secs(1000)),
    };
    world.network().install("child", script);
    let seen = ProcessRecord::new();
    let recorder = Box::new(ProcessRecorder::new(&seen));
    let child = Child { number, program, bytes, seen };
    match world.reactor().spawn_process(&SpawnProcess::new("child"), recorder) {
        Ok(transport) => talk(world, &child, &transport),
        Err(error) => return world.fail(format!("child {number}: {error}")),
    }
    world.at_end("a child", move || child.check());
}

fn talk(world: &SimulatedWorld, child: &Child, transport: &Rc<dyn ProcessTransport>) {
    match child.program {
        Program::Echo => {
            let mut rest = &child.bytes[..];
            while !rest.is_empty() {
                let (piece, later) = rest.split_at(1 + world.choose(rest.len()));
                transport.write(piece);
                rest = later;
            }
            transport.close_stdin();
        }
        Program::Sleep => {
            let (transport, delay) = (transport.clone(), world.delay(Duration::from_millis(50)));
            world.reactor().call_later(delay, move || {
                // The child may be dead already.
                let _ = transport.signal_process(&"KILL".into());
            });
        }
        // They read nothing, and may be gone by then.
        Program::Write | Program::Die => {
            let delay = world.delay(Duration::from_millis(100));
            let (transport, bytes) = (transport.clone(), child.bytes.clone());
            world.reactor().call_later(delay, move || transport.write(&bytes));
        }
    }
}

impl Child {
    fn check(&self) -> Result<(), String> {
        let wrong = |what: &str| {
            let Self { number, program, bytes, .. } = self;
            let (came, reason) = (self.seen.received(1).len(), self.seen.ended());
            let sent = bytes.len();
            Err(format!("child {number}, {program:?}: {what}: {came} of {sent} bytes, {reason:?}"))
        };
        let Some(reason) = self.seen.ended() else { return wrong("its end was not told") };
        let output = self.seen.received(1);
        if !self.bytes.starts_with(&output) {
            return wrong("other bytes");
        }
        // A killed child has written what it had written by then.
        let is_killed = reason.signal() == Some(SIGKILL);
        let is_right = match self.program {
            _ if is_killed => true,
            Program::Echo => output == self.bytes && reason.exit_code().is_none_or(|it| it == 0),
            Program::Write => output == self.bytes && reason.exit_code() == Some(3),
            Program::Die => output == self.bytes && reason.signal() == Some(SIGSEGV),
            Program::Sleep => false,
        };
        if is_right { Ok(()) } else { wrong("the wrong end") }
    }
}
