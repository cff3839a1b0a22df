//! Standard input and output of a whole process: a test that runs itself as a child, and the parent on
//! the other ends.

use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;

use interfaces::{ReactorCore as _, ReactorStdio as _, Transport};
use protocol::ProtocolRef;
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::Reactor;
use testkit::find_peer;

use crate::support::child::{is_child, spawn, test_name};

/// The line behind which a child's output is its own: before it the harness prints.
const MARK: &[u8] = b"=== from here on ===\n";

/// Runs a protocol on this process's standard input and output until it is lost, and returns its record.
fn run_stdio(build: impl FnOnce(Recorder) -> Recorder) -> Record {
    io::stdout().write_all(MARK).unwrap();
    io::stdout().flush().unwrap();
    let reactor = Reactor::new().unwrap();
    let (seen, stopping) = (Record::new(), reactor.clone());
    let recorder = build(Recorder::new(&seen)).on_lost(move |_| stopping.stop().unwrap());
    reactor.open_stdio(ProtocolRef::new(recorder).as_deliver()).unwrap();
    reactor.run().unwrap();
    seen
}

/// What a child wrote to its output after the mark. Its harness writes behind it to `/dev/null`.
fn output_of(child: &mut Child) -> Vec<u8> {
    let mut output = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut output).unwrap();
    let at = output.windows(MARK.len()).position(|it| it == MARK).expect("it has begun");
    output.split_off(at + MARK.len())
}

#[test]
fn losing_the_connection_at_once_ends_the_process_in_order_and_writes_nothing() {
    let body = || {
        let seen = run_stdio(|recorder| recorder.on_made(|transport| transport.lose_connection()));
        assert_eq!(seen.calls(), ["connection_made", "connection_lost"]);
        assert!(seen.lost().unwrap().is_clean());
    };
    let name = test_name(&body);
    if is_child(name) {
        return body();
    }
    let mut child = spawn(name, &[]);
    let output = output_of(&mut child);
    assert_eq!((child.wait().unwrap().code(), output), (Some(0), vec![]));
}

#[test]
fn input_is_echoed_to_its_end_and_the_reader_of_the_output_sees_that_end() {
    let body = || {
        let seen = run_stdio(|recorder| {
            recorder
                .on_data(|transport, data| transport.write(data))
                .on_read_lost(|transport| transport.lose_connection())
        });
        assert_eq!(seen.count("connection_lost"), 1);
    };
    let name = test_name(&body);
    if is_child(name) {
        return body();
    }
    let mut child = spawn(name, &[]);
    child.stdin.as_mut().unwrap().write_all(b"one two three").unwrap();
    drop(child.stdin.take());
    let output = output_of(&mut child);
    assert_eq!(String::from_utf8_lossy(&output), "one two three");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_mode_of_what_a_parent_shares_with_the_process_is_the_same_during_and_after() {
    let body = || {
        run_stdio(|recorder| {
            recorder.on_made(|transport| transport.write(b"running")).on_data(|transport, _| {
                transport.lose_connection();
            })
        });
    };
    let name = test_name(&body);
    if is_child(name) {
        return body();
    }
    let (input, mut there) = io::pipe().unwrap();
    let (mut back, output) = io::pipe().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", name, "--nocapture"]).env("ROPEWALK_TEST_CHILD", name);
    child.stdin(input.try_clone().unwrap()).stdout(output.try_clone().unwrap());
    let mut child = child.spawn().unwrap();
    let is_blocking = || {
        // SAFETY: the descriptors are open for as long as they are borrowed; the calls take numbers.
        [input.as_raw_fd(), output.as_raw_fd()]
            .map(|it| unsafe { libc::fcntl(it, libc::F_GETFL) } & libc::O_NONBLOCK == 0)
    };
    let mut shown = Vec::new();
    while !shown.ends_with(b"running") {
        let mut byte = [0];
        back.read_exact(&mut byte).unwrap();
        shown.push(byte[0]);
    }
    assert_eq!(is_blocking(), [true; 2], "while it runs");
    there.write_all(b"end").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(is_blocking(), [true; 2], "when it has ended");
}

#[test]
fn after_the_connection_standard_input_and_output_are_dev_null() {
    let body = || {
        run_stdio(|recorder| recorder.on_made(|transport| transport.lose_connection()));
        for number in [0, 1] {
            let target = std::fs::read_link(format!("/proc/self/fd/{number}")).unwrap();
            assert_eq!(target.to_str(), Some("/dev/null"));
        }
        // No file that is opened from now on gets what is printed.
        assert!(std::fs::File::open("/dev/null").unwrap().as_raw_fd() > 2);
        println!("to /dev/null");
        let mut nothing = String::new();
        io::stdin().read_to_string(&mut nothing).unwrap();
        assert!(nothing.is_empty());
    };
    let name = test_name(&body);
    if is_child(name) {
        return body();
    }
    let mut child = spawn(name, &[]);
    assert!(output_of(&mut child).is_empty());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// socat runs the process with a terminal, a pair of pipes or a socket as its standard input and output.
#[test]
fn socat_talks_with_the_process_over_a_terminal_pipes_and_a_socket() {
    let body = || {
        let shout = |transport: &Rc<dyn Transport>, data: &[u8]| {
            transport.write(&data.to_ascii_uppercase());
            if data.ends_with(b"bye\n") {
                transport.lose_connection();
            }
        };
        run_stdio(|recorder| recorder.on_data(shout));
    };
    let name = test_name(&body);
    if is_child(name) {
        return body();
    }
    // socat cuts its command at colons, which the name of the test has.
    let directory = tempfile::tempdir().unwrap();
    let run = directory.path().join("run");
    let program = std::env::current_exe().unwrap();
    let line = format!("exec {} --exact {name} --nocapture --test-threads=1\n", program.display());
    std::fs::write(&run, line).unwrap();
    for options in [",pty,raw,echo=0", ",pipes", ""] {
        let Some(mut socat) = find_peer("socat") else { return };
        socat.args(["-t", "0.1", "-"]).arg(format!("EXEC:sh {}{options}", run.display()));
        socat.env("ROPEWALK_TEST_CHILD", name).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut socat = socat.spawn().unwrap();
        let mut there = socat.stdin.take().unwrap();
        there.write_all(b"hello\n").unwrap();
        there.write_all(b"good bye\n").unwrap();
        let mut output = socat.stdout.take().unwrap();
        let mut shown = Vec::new();
        while !shown.ends_with(b"GOOD BYE\n") {
            let mut byte = [0];
            output.read_exact(&mut byte).unwrap();
            shown.push(byte[0]);
        }
        let own = shown.strip_suffix(b"HELLO\nGOOD BYE\n").expect("and nothing else");
        assert!(own.ends_with(MARK), "{options}: {}", String::from_utf8_lossy(&shown));
        drop(there);
        socat.wait().unwrap();
    }
}
