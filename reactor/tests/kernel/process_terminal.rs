//! Processes on a terminal of their own.

use interfaces::{ProcessReason, SignalError, SpawnProcess, WindowSize, WindowSizeError};
use ropewalk_reactor::{Counts, Reactor};

use crate::support::program::{Program, output_of, run_program, script};
use crate::support::turn_until;

fn on_terminal(text: &str) -> SpawnProcess {
    script(text).with_terminal(WindowSize::default())
}

#[test]
fn the_terminal_controls_the_session_that_the_child_leads() {
    let reactor = Reactor::new().unwrap();
    let text = "read number name state parent group session rest < /proc/$$/stat; \
                test $number = $session && echo leads > /dev/tty; test -t 0 -a -t 1 -a -t 2 && echo all";
    assert_eq!(output_of(&reactor, &on_terminal(text)), "leads\r\nall\r\n");
}

#[test]
fn a_line_is_echoed_by_the_terminal_and_answered_by_the_child() {
    let reactor = Reactor::new().unwrap();
    let program = Program::spawn(&reactor, &on_terminal("read line; echo got $line"));
    program.transport.write(b"hello\n");
    let transport = program.transport.clone();
    let seen = program.run(&reactor);
    assert_eq!(String::from_utf8(seen.received(1)).unwrap(), "hello\r\ngot hello\r\n");
    assert_eq!(seen.stages().len(), 4, "made, lost 1, exited, ended: {:?}", seen.stages());
    assert_eq!(seen.ended(), Some(ProcessReason::Done));
    assert!(seen.lost(1).unwrap().is_clean());
    let late = transport.signal_process(&"TERM".into());
    assert_eq!(late, Err(SignalError::ProcessExitedAlready));
}

#[test]
fn the_window_has_the_size_that_was_asked_for() {
    let reactor = Reactor::new().unwrap();
    let options = script("stty size").with_terminal(WindowSize::new(7, 133));
    assert_eq!(output_of(&reactor, &options), "7 133\r\n");
}

#[test]
fn output_that_a_child_wrote_before_its_end_is_read_to_its_last_byte() {
    let reactor = Reactor::new().unwrap();
    let seen = run_program(
        &reactor,
        &on_terminal("i=0; while test $i -lt 5000; do echo 0123456789; i=$((i+1)); done"),
    );
    assert_eq!(seen.received(1).len(), 5000 * 12);
    let seen = run_program(&reactor, &on_terminal("printf all; exit 9"));
    assert_eq!((seen.received(1), seen.ended().unwrap().exit_code()), (b"all".to_vec(), Some(9)));
}

#[test]
fn losing_the_terminal_hangs_its_processes_up_one_child_at_a_time() {
    let reactor = Reactor::new().unwrap();
    let programs = [(); 2].map(|()| Program::spawn(&reactor, &on_terminal("exec sleep 60")));
    for program in programs {
        turn_until(&reactor, "it runs", || !program.seen.stages().is_empty());
        program.transport.lose_connection();
        assert_eq!(program.run(&reactor).ended().unwrap().signal(), Some(libc::SIGHUP));
    }
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn children_on_terminals_are_ended_by_their_signals_one_by_one() {
    let reactor = Reactor::new().unwrap();
    let programs = [(); 2].map(|()| Program::spawn(&reactor, &on_terminal("exec sleep 60")));
    for program in programs {
        program.transport.signal_process(&"TERM".into()).unwrap();
        let reason = program.run(&reactor).ended().unwrap();
        assert_eq!((reason.exit_code(), reason.signal()), (None, Some(libc::SIGTERM)));
    }
}

/// Many lines, more than a terminal holds.
fn lines() -> Vec<u8> {
    [&[b'x'; 63][..], b"\n"].concat().repeat(5_000)
}

#[test]
fn a_terminal_that_is_lost_with_unsent_bytes_sends_them_all_to_a_child_that_answers_them() {
    let reactor = Reactor::new().unwrap();
    let text =
        "stty -echo; trap '' HUP; echo ready; read first; echo $first; head -c 319936; exit 7";
    let program = Program::spawn(&reactor, &on_terminal(text));
    program.expect(&reactor, 1, b"ready\r\n");
    program.transport.write(&lines());
    program.transport.lose_connection();
    let seen = program.run(&reactor);
    assert!(seen.lost(1).unwrap().is_clean(), "no byte was lost: {:?}", seen.lost(1));
    assert_eq!(seen.received(1), b"ready\r\n", "nothing is delivered any more");
    let program = Program::spawn(&reactor, &on_terminal("exec cat"));
    program.transport.write(&lines());
    turn_until(&reactor, "it answers", || !program.seen.received(1).is_empty());
    program.transport.lose_connection();
    assert_eq!(program.run(&reactor).ended().unwrap().signal(), Some(libc::SIGHUP));
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn a_terminal_with_unsent_bytes_ends_with_its_child_and_tells_that_they_are_lost() {
    let reactor = Reactor::new().unwrap();
    for (loses, is_raw, is_paused) in
        [(true, true, false), (true, false, true), (true, true, true), (false, true, false)]
    {
        let mode = if is_raw { "stty raw -echo" } else { "stty -echo" };
        let text = format!("{mode}; printf ready; exec sleep 60");
        let program = Program::spawn(&reactor, &on_terminal(&text));
        program.expect(&reactor, 1, b"ready");
        program.transport.write(&lines());
        if is_paused {
            program.transport.pause_producing();
        }
        // It has taken what the terminal holds.
        (0..3).for_each(|_| drop(reactor.turn(Some(std::time::Duration::ZERO))));
        if loses {
            program.transport.lose_connection();
        }
        program.transport.signal_process(&"KILL".into()).unwrap();
        let seen = program.run(&reactor);
        assert_eq!(seen.ended().unwrap().signal(), Some(libc::SIGKILL));
        assert!(!seen.lost(1).unwrap().is_clean(), "{loses} {is_raw}: bytes were lost");
        assert_eq!(reactor.counts(), Counts::default());
    }
}

#[test]
fn the_end_of_file_is_typed() {
    let reactor = Reactor::new().unwrap();
    let program = Program::spawn(&reactor, &on_terminal("stty -echo; echo ready; cat"));
    program.expect(&reactor, 1, b"ready\r\n");
    program.transport.close_stdin();
    assert!(program.transport.close_child_fd(0).is_err());
    program.transport.write_to_child(0, b"line\n\x04").unwrap();
    let seen = program.run(&reactor);
    assert_eq!(String::from_utf8(seen.received(1)).unwrap(), "ready\r\nline\r\n");
}

/// Says the size of its window, and again whenever it is told that it has changed.
const WATCHES: &str = "\
import os, signal, sys
def tell(*_):
    size = os.get_terminal_size()
    print(size.lines, size.columns, flush=True)
signal.signal(signal.SIGWINCH, tell)
tell()
sys.stdin.readline()
";

#[test]
fn a_child_is_told_of_each_new_size_of_its_window() {
    let reactor = Reactor::new().unwrap();
    let Some(python) = testkit::find_peer("python3") else { return };
    let options = SpawnProcess::new(python.get_program()).with_arguments(["-c", WATCHES]);
    let options = options.with_terminal(WindowSize::new(24, 80));
    let program = Program::spawn(&reactor, &options);
    let mut said = b"24 80\r\n".to_vec();
    program.expect(&reactor, 1, &said);
    for (rows, columns) in [(7, 133), (65535, 65535), (1, 1)] {
        program.transport.set_window_size(WindowSize::new(rows, columns)).unwrap();
        said.extend(format!("{rows} {columns}\r\n").into_bytes());
        program.expect(&reactor, 1, &said);
    }
    // The same size again is no change.
    program.transport.set_window_size(WindowSize::new(1, 1)).unwrap();
    program.transport.write(b"\n");
    let transport = program.transport.clone();
    let seen = program.run(&reactor);
    said.extend(b"\r\n");
    assert_eq!(seen.received(1), said);
    let late = transport.set_window_size(WindowSize::new(2, 2));
    assert_eq!(late, Err(WindowSizeError::Closed));
}

#[test]
fn a_child_with_pipes_has_no_window() {
    let reactor = Reactor::new().unwrap();
    let program = Program::spawn(&reactor, &script("read line"));
    let set = program.transport.set_window_size(WindowSize::default());
    assert_eq!(set, Err(WindowSizeError::NoTerminal));
    program.transport.close_stdin();
    program.run(&reactor);
}
