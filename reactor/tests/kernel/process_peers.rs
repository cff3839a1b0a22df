//! Programs of others as children: python3, which ends in every way there is, and socat, byte for byte.
//!
//! Invariant: a peer that is missing is noted as a skip.

use std::rc::Rc;

use interfaces::{ProcessReason, ProcessTransport, SpawnProcess, WindowSize};
use protocol::testing::ProcessSeen;
use ropewalk_reactor::{Counts, Reactor};
use testkit::{find_peer, pattern};

use crate::support::program::Program;
use crate::support::turn_until;

/// A way to end, of a python3 program.
struct Way {
    name: &'static str,
    text: &'static str,
    /// What this side does at each call of its protocol.
    hook: fn(&ProcessSeen, &Rc<dyn ProcessTransport>),
    /// The text of the reason.
    reason: &'static str,
    /// All that it says on its standard output; a program that is killed in the middle says the beginning.
    output: &'static str,
    /// The stages whose order is certain.
    order: &'static [&'static str],
}

const NOTHING: fn(&ProcessSeen, &Rc<dyn ProcessTransport>) = |_, _| {};

/// Kills the program at its first byte.
const KILL: fn(&ProcessSeen, &Rc<dyn ProcessTransport>) = |seen, transport| {
    if matches!(seen, ProcessSeen::ChildDataReceived(..)) {
        // It may be dead by the second one.
        let _ = transport.signal_process(&"KILL".into());
    }
};

const WAYS: [Way; 12] = [
    Way {
        name: "exits with 0",
        text: "print('all')",
        hook: NOTHING,
        reason: "process exited cleanly",
        output: "all\n",
        order: &["made", "exited", "ended"],
    },
    Way {
        name: "exits with another code",
        text: "print('all'); sys.exit(3)",
        hook: NOTHING,
        reason: "process exited with code 3",
        output: "all\n",
        order: &["made", "exited", "ended"],
    },
    Way {
        name: "is killed",
        text: "os.write(1, b'first'); os.kill(os.getpid(), signal.SIGKILL)",
        hook: NOTHING,
        reason: "process was ended by signal 9",
        output: "first",
        order: &["made", "exited", "ended"],
    },
    Way {
        name: "reads where nothing is",
        text: "os.write(1, b'first'); import ctypes; ctypes.string_at(0)",
        hook: NOTHING,
        reason: "process was ended by signal 11",
        output: "first",
        order: &["made", "exited", "ended"],
    },
    Way {
        name: "aborts",
        text: "os.write(1, b'first'); os.abort()",
        hook: NOTHING,
        reason: "process was ended by signal 6",
        output: "first",
        order: &["made", "exited", "ended"],
    },
    Way {
        name: "closes its output and lives on until its input ends",
        text: "os.write(1, b'all'); os.close(1); os.read(0, 1); os._exit(4)",
        hook: |seen, transport| {
            if matches!(seen, ProcessSeen::ChildConnectionLost(1, _)) {
                transport.close_stdin();
            }
        },
        reason: "process exited with code 4",
        output: "all",
        order: &["made", "lost 1", "exited", "ended"],
    },
    Way {
        name: "closes all and lives on until it is told to go",
        text: "os.write(1, b'all'); os.close(0); os.close(2); os.close(1); signal.pause()",
        hook: |seen, transport| {
            if matches!(seen, ProcessSeen::ChildConnectionLost(1, _)) {
                transport.signal_process(&"TERM".into()).unwrap();
            }
        },
        reason: "process was ended by signal 15",
        output: "all",
        order: &["made", "lost 1", "exited", "ended"],
    },
    Way {
        name: "is killed in the middle of a write",
        text: "os.write(1, b'x' * 50_000_000); os._exit(0)",
        hook: KILL,
        reason: "process was ended by signal 9",
        output: "xxxx",
        order: &["made", "exited", "ended"],
    },
    Way {
        name: "becomes another program",
        text: "os.write(1, b'one '); os.execlp('sh', 'sh', '-c', 'echo other; exit 6')",
        hook: NOTHING,
        reason: "process exited with code 6",
        output: "one other\n",
        order: &["made", "exited", "ended"],
    },
    Way {
        name: "leaves a daemon with its pipes",
        text: "os.fork() and os._exit(0)\n\
               os.setsid()\n\
               os.fork() and os._exit(0)\n\
               os.write(1, b'daemon '); os.read(0, 1); os.write(1, b'late'); os._exit(9)",
        hook: |seen, transport| {
            if matches!(seen, ProcessSeen::ProcessExited(_)) {
                transport.close_stdin();
            }
        },
        reason: "process exited cleanly",
        output: "daemon late",
        order: &["made", "exited", "lost 1", "ended"],
    },
    Way {
        name: "is killed while it is stopped",
        text: "os.write(1, b'stops'); os.kill(os.getpid(), signal.SIGSTOP); os.write(1, b'never')",
        hook: |seen, transport| {
            if matches!(seen, ProcessSeen::ChildDataReceived(..)) {
                let process = transport.pid().unwrap();
                while state(process) != 'T' {
                    std::thread::yield_now();
                }
                transport.signal_process(&"KILL".into()).unwrap();
            }
        },
        reason: "process was ended by signal 9",
        output: "stops",
        order: &["made", "exited", "ended"],
    },
    Way {
        name: "is stopped, goes on, and ends",
        text: "os.write(1, b'stops'); os.kill(os.getpid(), signal.SIGSTOP); sys.exit(5)",
        hook: |seen, transport| {
            if matches!(seen, ProcessSeen::ChildDataReceived(..)) {
                let process = transport.pid().unwrap();
                while state(process) != 'T' {
                    std::thread::yield_now();
                }
                transport.signal_process(&"CONT".into()).unwrap();
            }
        },
        reason: "process exited with code 5",
        output: "stops",
        order: &["made", "exited", "ended"],
    },
];

/// The state of a process, by proc(5): `T` is stopped.
fn state(process: u32) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    fields.chars().next().unwrap()
}

fn python(text: &str) -> Option<SpawnProcess> {
    let python = find_peer("python3")?;
    let before =
        "import os, resource, signal, sys\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n";
    Some(SpawnProcess::new(python.get_program()).with_arguments(["-c", &format!("{before}{text}")]))
}

#[test]
fn python_programs_end_in_every_way_and_each_is_told_once_with_its_reason() {
    for way in WAYS {
        let reactor = Reactor::new().unwrap();
        let Some(options) = python(way.text) else { return };
        let seen = Program::spawn_with(&reactor, &options, way.hook).run(&reactor);
        let (exited, ended) = (seen.exited().unwrap(), seen.ended().unwrap());
        assert_eq!((exited.to_string(), exited), (way.reason.to_string(), ended), "{}", way.name);
        let output = String::from_utf8(seen.received(1)).unwrap();
        match way.output {
            "xxxx" => assert!(output.starts_with("xxxx") && output.len() < 50_000_000),
            all => assert_eq!(output, all, "{}", way.name),
        }
        let stages = seen.stages();
        let mut each = stages.clone();
        each.sort();
        assert_eq!(each, ["ended", "exited", "lost 0", "lost 1", "lost 2", "made"], "{}", way.name);
        let certain = stages.iter().filter(|stage| way.order.contains(&stage.as_str()));
        assert_eq!(certain.collect::<Vec<_>>(), way.order, "{}", way.name);
        assert_eq!(reactor.counts(), Counts::default(), "{}", way.name);
    }
}

/// As many bytes as socat can hold one way while it is writing the other, where it does not read.
const ON_THE_WAY: usize = 2048;

/// Bytes go through a socat child and its own child, and come back.
fn comes_back_through_socat(options: &SpawnProcess, data: &[u8]) {
    let reactor = Reactor::new().unwrap();
    let program = Program::spawn(&reactor, options);
    for (index, piece) in data.chunks(ON_THE_WAY).enumerate() {
        program.transport.write(piece);
        let sent = index * ON_THE_WAY + piece.len();
        turn_until(&reactor, "it came back", || program.seen.received(1).len() >= sent);
    }
    assert!(program.seen.received(1) == data, "{:?}", program.seen.stages());
    program.transport.lose_connection();
    let reason = program.run(&reactor).ended().unwrap();
    assert!(reason.is_clean() || matches!(reason, ProcessReason::Terminated(_)), "{reason}");
    assert_eq!(reactor.counts(), Counts::default());
}

fn socat(addresses: [&str; 2]) -> Option<SpawnProcess> {
    let socat = find_peer("socat")?;
    Some(SpawnProcess::new(socat.get_program()).with_arguments(addresses))
}

#[test]
fn a_child_socat_gives_back_what_its_own_child_echoes_byte_for_byte() {
    for way in ["EXEC:cat", "EXEC:cat,pipes", "EXEC:cat,pty,raw,echo=0"] {
        let Some(options) = socat(["-", way]) else { return };
        comes_back_through_socat(&options, &pattern(7, 1 << 18));
    }
}

#[test]
fn a_child_socat_on_a_terminal_gives_back_each_byte() {
    let Some(options) = socat(["-,raw,echo=0", "EXEC:cat"]) else { return };
    let reactor = Reactor::new().unwrap();
    let program = Program::spawn(&reactor, &options.with_terminal(WindowSize::default()));
    // The terminal echoes until socat has made it raw.
    let answered = || program.seen.received(1).ends_with(b"\x01");
    let mut raw = false;
    for _ in 0..10_000 {
        let before = program.seen.received(1).len();
        program.transport.write(b"\x01");
        turn_until(&reactor, "something comes back", || program.seen.received(1).len() > before);
        raw = answered();
        if raw {
            break;
        }
    }
    assert!(raw);
    let before = program.seen.received(1).len();
    let data = pattern(8, 1 << 18);
    program.transport.write(&data);
    turn_until(&reactor, "all came back", || program.seen.received(1).len() >= before + data.len());
    assert!(program.seen.received(1)[before..] == data);
    program.transport.lose_connection();
    program.run(&reactor);
}
